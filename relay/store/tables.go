package store

import (
	"context"
	"time"

	"botrelay/relay"
)

// Row is a reference to one delivery of a sink: small, without its event.
type Row struct {
	Seq relay.Seq // of its event; (Seq, sink) is the primary key
	Pos int64     // its place in the order; Seq for what came in, a later number once requeued or moved
	Key string    // "" = on its own
}

// Loaded is what became of one row whose delivery was asked for.
type Loaded struct {
	Row
	// Delivery is nil when the row is gone, final, or has another Pos by now,
	// and when it is damaged. Its Claim is the Handout's to set.
	Delivery *relay.Delivery
	// Damaged says that the stored event cannot be read or does not fit its
	// hash: it is never sent.
	Damaged error
}

// Blocked is one key that has held or waiting rows.
type Blocked struct {
	Key     string
	Waiting bool  // at least one of its rows has a due time
	Held    []Row // its first rows that are held, in order of Pos
}

// Tables is what the order of handing out asks of a store. States are those of
// the delivery table: ready, held, waiting; the rest is final. Rows without a
// key and rows marked out of order hold nothing back and are in no Held or
// Blocked answer.
//
// A ready row is never out of order: Requeue and Move clear the mark. A waiting
// row with a key that is not out of order is the first unfinished one of its
// key: CheckTargets refuses a Target with a Key and an After.
//
// The questions about one sink come one at a time; a Commit may run beside
// them and beside other Commits. Each call sees everything that was committed
// before it began. The slices given are the caller's: no call keeps them. An
// error is the store's end or ctx's: waiting for room or for the database is
// the store's own affair.
//
// The store tells its Handout what it has committed: Appended after ready rows
// (Append, Requeue, Move), Scheduled after a waiting one (Append), Turned after
// a change of the sink's row. It may do so from the goroutine that writes,
// after the commit and before it answers the caller.
type Tables interface {
	// Ready returns up to limit ready rows with Pos > after, in order of Pos;
	// fewer only when there are no more.
	Ready(ctx context.Context, sink string, after int64, limit int) ([]Row, error)
	// Held returns up to limit held rows of the key with after < Pos <= upto, in
	// order of Pos, and whether the key has a held row beyond those.
	Held(ctx context.Context, sink, key string, after, upto int64, limit int) (rows []Row, more bool, err error)
	// Waiting tells whether a row of the key waits for its time.
	Waiting(ctx context.Context, sink, key string) (bool, error)
	// Due returns up to limit waiting rows whose time has come, longest due
	// first, out-of-order ones and rows without a key included; skip leaves rows
	// out that are in flight. next is when the first of the others is due; zero
	// when there is none. A time further away than the row's longest wait counts
	// as come, since the clock went back: 1 h for what waits after a try, for a
	// timer the span from its event's receipt to its time.
	Due(ctx context.Context, sink string, now time.Time, limit int, skip func(Row) bool) (rows []Row, next time.Time, err error)
	// Blocked returns up to limit keys after the given one, in order, each with
	// its first perKey held rows; done when there are no more.
	Blocked(ctx context.Context, sink, after string, limit, perKey int) (keys []Blocked, done bool, err error)
	// First returns the lowest Pos of a row that is not final; ok is false when
	// there is none.
	First(ctx context.Context, sink string) (pos int64, ok bool, err error)
	// Load reads deliveries with their events, in the order asked for, and stops
	// before the bodies pass maxBytes together (but never before the first).
	// Only rows that are open and whose Pos is the given one have a Delivery.
	Load(ctx context.Context, sink string, rows []Row, maxBytes int) ([]Loaded, error)
	// Commit settles and holds rows in one durable commit. ClaimedRow says which
	// row each settles; done has no Release. Only open rows of that Pos change,
	// but that Delivered overwrites a drop; lost has the indexes of the others, in
	// order. hold are rows that become held where they are ready. Uncounted is
	// obeyed with every verdict. A damaged event is settled with a Delivery that
	// has no more than Event.Seq, Sink, Key and Claim.
	Commit(ctx context.Context, sink string, done []relay.Settlement, hold []Row) (lost []int, err error)
	// Sink tells whether the sink is paused, and its turn: a number that a drop, a
	// due-now and a move away raise in their commit. A sink is paused by hand, or
	// because another relay has it: then Load has no Delivery either.
	Sink(ctx context.Context, sink string) (paused bool, turn int64, err error)
}
