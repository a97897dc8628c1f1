// Package slacksink is the sink type slack: it posts alerts that a person can
// act upon.
//
//	batch ─ failures first ─ one lane a channel ─ budget ─ render ─ post ─ answer ─► note or *relay.Fault
//	                                                          │
//	                        event, its bot's timeline, the catalogue of sub codes
//
// A message says whose turn it is, what broke, which bot, and what to do; codes
// and ids come last. Whatever comes from an event is escaped, cut and kept on
// its line, so a payload cannot mention anybody, link anywhere or break a
// message.
//
// A post has no idempotency key with Slack: one whose answer is lost is sent
// again and may be seen twice.
package slacksink
