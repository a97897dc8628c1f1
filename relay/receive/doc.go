// Package receive takes signed webhooks in over HTTP and answers 2xx only for
// what is safe.
//
//	POST ─ path and method ─ signature headers ─ clock ─ declared length, encoding ─ bounded read
//	     ─ signature over the raw bytes ─ recall.Normalise ─ routes ─ relay.Log.Append ─► 202 or 200
//
// Each step may end in a [Refusal]; nothing of a body is parsed before its
// signature holds. [Verifier] knows the secrets of one source, [Receiver] is
// the handler of all of them, [Server] the listener around it with its
// timeouts, its limit of connections and its certificate.
//
// Refusals are counted by source and reason and told about at most once a
// minute, with the remedy, by [Receiver.Run]. Answers are the same for every
// source and hold nothing of the request.
package receive
