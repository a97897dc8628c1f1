// Package outcome turns what a destination did into the error that a sink
// returns: an HTTP answer into its class, a network failure into its class, and
// both into a text that holds no secret and no payload.
//
//	http.Response ─ Read ─► Answer ─ Err ─► nil or *relay.Fault
//	error of a client ─ Network ──────────► *relay.Fault
//
// The texts are what people group dead letters by ("HTTP 422: unknown
// tenant"), so they are short and the same for the same cause.
package outcome
