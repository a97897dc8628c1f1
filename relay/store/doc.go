// Package store holds what every store shares: the order in which deliveries
// are handed out, written once over the few questions that [Tables] asks of a
// store, the encoding and the hash of a stored event, and the names that stand
// in columns.
//
// A concrete store answers [Tables] from its own rows, tells the [Handout]
// what it has committed, and offers the interfaces of package relay:
//
//	Append, Requeue, Move ─ commit ─ Handout.Appended, Scheduled, Turned
//	Claim ─ Handout: window, keys that wait ─ Tables.Ready, Held, Due, Load
//	Settle ─ Handout: what its key does next ─ Tables.Commit
//
// Package storetest is the contract that each store passes unchanged.
package store
