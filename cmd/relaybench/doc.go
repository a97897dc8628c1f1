// Relaybench posts signed load to a receiver and measures what it costs.
//
//	go run ./cmd/relaybench compare          botrelay beside two bare handlers, interleaved in one run
//	go run ./cmd/relaybench load --url …     load for any receiver of Svix's webhooks
//
// compare builds botrelay from the source tree it runs in and starts each
// contestant as a process of its own: the bare handler (net/http reads the
// body, the svix library verifies it, 202), the same with one group-committed
// fsync before each answer, and botrelay with nothing routed, with three no-op
// sinks, and with one and three real HTTP sinks, which relaybench answers
// itself. Every contestant gets the same load in every round, in turn, so the
// ratios hold on a machine whose speed drifts; the milliseconds do not.
//
// An event counts once the contestant has done all its work for it: after the
// load ends, the clock runs on until the process is idle and the sinks have
// everything.
package main
