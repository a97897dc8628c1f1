// Package slacktest stands in for Slack, on this machine and as strict as
// Slack is. Tests and the demo post to it.
//
//	chat.postMessage, auth.test ─┐
//	incoming webhook ────────────┴─ decode ─ Interfere? ─ checks ─► Messages, or an error and Faults
//
// It takes what Slack documents for a message
// (https://docs.slack.dev/reference/methods/chat.postMessage,
// https://docs.slack.dev/reference/block-kit/blocks) and decodes blocks into
// slack-go's types. Where Slack would show something wrong without refusing it
// (markup that is none, previews of links left on, unknown fields) it accepts
// the message and lists the fault, so that Faults is empty for a client that
// does everything right.
package slacktest
