// Package sqlitestore is the embedded store: one folder with an SQLite
// database, its write-ahead log and a lock file.
//
//	Append, Settle, Requeue, Put … ─ queue ─► writer: BEGIN … COMMIT (fsync) ─► answer all
//	                                            │ checkpoint, room, retention between groups
//	Load, Event, Events, Bot …     ─ a few reader connections, short transactions
//
// One goroutine, that of [Store.Run], writes. It takes whatever waits, up to
// about 1,024 rows, commits it as one transaction and answers all of it once the
// log is on stable storage. So commit order is number order. Between two groups
// it copies the log back into the database, since SQLite would swallow the
// errors of doing so by itself, and takes a step of what goes for its age or to
// make room.
//
// A write or sync that fails ends Run, and the process must end with it:
// nothing that was being written is acknowledged, and nothing is tried again
// on a disk that may have dropped what it was given. A full disk is no such
// failure: the transaction is undone, new events are refused, everything else
// waits until there is room.
package sqlitestore
