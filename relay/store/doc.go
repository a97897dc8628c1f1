// Package store holds what every store shares: the order in which deliveries
// are handed out, written once over the few questions that [Tables] asks of a
// store, the encoding and the hash of a stored event, and the contract suite
// that each store passes unchanged.
//
// A concrete store answers [Tables] from its own rows, tells the [Handout]
// what it has committed, and offers the interfaces of package relay.
package store
