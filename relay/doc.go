// Package relay holds the nouns of botrelay, the contracts between its parts,
// and the delivery loop.
//
//	POST ─ receive ─ verify ─ normalise ─ route ─ Log.Append (group commit, fsync) ─► 2xx
//	                                                  │ one row per delivery, its state a column
//	  per sink:  gate ─ Queue.Claim ─ Sink.Send ─ policy ─ Queue.Settle      delivered │ retry at │ dead │ sink paused
//
// An [Event] is one verified webhook. Each sink that a route chose for it gets
// one delivery, named by a [Target] when the event is appended and handed out
// as a [Delivery] when it may be tried. The outcome of a try is a [Settlement].
//
// The interfaces stand here, beside their consumers: [Log] for the receiver,
// [Queue] for the delivery loop, [Memory] for whatever remembers something
// between two sends, [Reader] and [Operator] for people. A store implements
// all of them; package relay/store holds what every store shares. A [Sink] is
// a destination; what its errors mean is said by [Fault].
//
// The package depends on the standard library alone and imports nothing else
// of botrelay.
package relay
