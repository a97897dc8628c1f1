// Package pgstore is the shared store: a PostgreSQL database that several
// relays use at once.
//
//	Append ─ queue ─► one CALL for what waits: lock of numbers, event, deliveries, commit ─► answer all
//	Load, Settle   ─ guarded by the sink's lease: owner and epoch of its row
//	look, 1 s      ─ the rows of the sinks: leases to take, pauses, turns; NOTIFY makes it look sooner
//	renewal, 10 s  ─ beat + 1; what is not renewed for 30 s is not owned any more
//
// A sink is leased whole: one relay sends for it. No clock is compared with
// another machine's: who owns a sink raises its beat, and who has seen the same
// beat for 30 s of its own running time takes it over.
//
// Whatever writes is one CALL of a procedure that commits by itself. The server
// has all of it before it begins, so a relay that freezes or vanishes in the
// middle holds no lock, and no connection keeps a state from one call to the
// next: a pooler in transaction mode may stand between.
//
// Whatever draws a number, or adds, revives or removes rows, waits for one
// lock, in a statement of its own. So rows become visible in the order of their
// places, and an id is either in the table of events or among those seen.
//
// A database that does not answer is waited for, but by Append, whose caller is
// told that the outcome is unknown.
package pgstore
