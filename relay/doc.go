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
// # The loop
//
// A [Loop] serves each [Destination] by a line of its own, so that none waits
// for another. In a line, the gate says when and how much may be claimed: not
// while the sink is paused or throttled as a whole, not before its rate has a
// token (asked for before the claim, so that what piles up meanwhile is offered
// together), and not beyond what its concurrency needs. Memory is bounded by
// that, whatever waits in the store.
//
// The policy is one pure function of the failure, the delivery, what is known
// of the sink, the time and a lot. Its memory of single deliveries and keys is
// bounded and dies with the process: after a restart a delivery is judged as if
// it had failed for the first time. A pause is kept in Memory and outlives it.
//
//	failure      the delivery                         the sink
//	transient    waits 1 s doubling, with jitter      pauses after 5 in a row over 3 keys
//	unreachable  the same                             pauses after 5 in a row
//	doubtful     again after a minute, then refused   as transient
//	             if other keys got through
//	throttled    waits, not counted                   waits after 3 in a row, pauses after 10 min
//	refused      a dead letter                        -
//	broken       again when the sink is back          pauses at once
//
// A failing delivery holds its key for ten minutes of waiting; then the key
// goes on without it. It is given up by the time that it has waited after
// failures of its own. A paused sink gets one delivery at a time, another one
// each time, until one gets through; that burns nothing.
//
// The package depends on the standard library alone and imports nothing else
// of botrelay.
package relay
