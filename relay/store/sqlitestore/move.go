package sqlitestore

import (
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// moveWindow bounds how many references one look collects, so that moving a
// long backlog takes no more memory than a short one.
const moveWindow = 1 << 16

// Move is [relay.Operator]'s. What comes in for from while it works is moved,
// too, as far as it was stored before Move began.
func (s *Store) Move(ctx context.Context, from, to string) (moved int, err error) {
	if from == to {
		return 0, fmt.Errorf("move: %s is the same sink", to)
	}
	moved, err = s.eachUnfinished(ctx, from, func(w *writer, d deliveryRow, seq relay.Seq) error {
		target, err := w.sink(to)
		if err != nil {
			return err
		}
		return w.moveOne(d, seq, target)
	})
	if err != nil {
		return moved, fmt.Errorf("move from %s to %s: %w", from, to, err)
	}
	return moved, nil
}

// Discard is [relay.Operator]'s.
func (s *Store) Discard(ctx context.Context, sink string) (discarded int, err error) {
	discarded, err = s.eachUnfinished(ctx, sink, func(w *writer, d deliveryRow, seq relay.Seq) error {
		return w.end(seq, d, addTry(d.tries, relay.Attempt{Began: w.now, Note: "discarded"}))
	})
	if err != nil {
		return discarded, fmt.Errorf("discard what waits for %s: %w", sink, err)
	}
	return discarded, nil
}

// eachUnfinished changes the unfinished deliveries of a sink that were stored
// before it began, the oldest first, some of them in one commit.
func (s *Store) eachUnfinished(ctx context.Context, sink string, change func(*writer, deliveryRow, relay.Seq) error) (changed int, err error) {
	var upto int64
	if err := s.submit(ctx, 1, func(w *writer) error { upto = w.next; return nil }); err != nil {
		return 0, err
	}
	for {
		rows, err := s.unfinished(ctx, sink, upto)
		if err != nil || len(rows) == 0 {
			return changed, err
		}
		for part := range slices.Chunk(rows, chunk) {
			n := 0
			err := s.submit(ctx, len(part), func(w *writer) (err error) {
				n, err = w.eachStill(sink, part, change)
				return err
			})
			if err != nil {
				return changed, err
			}
			changed += n
		}
	}
}

// lowest keeps the rows with the lowest positions, the highest of them on top.
type lowest []store.Row

func (l lowest) Len() int           { return len(l) }
func (l lowest) Less(i, j int) bool { return l[i].Pos > l[j].Pos }
func (l lowest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lowest) Push(x any)        { *l = append(*l, x.(store.Row)) }
func (l *lowest) Pop() any {
	n := len(*l) - 1
	row := (*l)[n]
	*l = (*l)[:n]
	return row
}

// unfinished returns the unfinished rows of a sink with positions below upto,
// the oldest of them, in order.
func (s *Store) unfinished(ctx context.Context, sink string, upto int64) ([]store.Row, error) {
	var rows lowest
	err := s.read(ctx, func(d *db) error {
		for _, q := range [...]statement{sqlAllReady, sqlAllHeld, sqlAllWaiting} {
			err := d.query(q, func(st *sqlite3.Stmt) bool {
				if string(st.ColumnRawText(0)) != sink {
					return false // the sinks come in order
				}
				row := store.Row{Seq: relay.Seq(st.ColumnInt64(1)), Pos: st.ColumnInt64(2)}
				if row.Pos >= upto {
					return true
				}
				if len(rows) < moveWindow {
					heap.Push(&rows, row)
				} else if row.Pos < rows[0].Pos {
					rows[0] = row
					heap.Fix(&rows, 0)
				}
				return true
			}, sink)
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(rows, func(a, b store.Row) int { return int(a.Pos - b.Pos) })
	return rows, err
}

// eachStill changes these rows of a sink, as far as they are still unfinished.
func (w *writer) eachStill(sink string, rows []store.Row, change func(*writer, deliveryRow, relay.Seq) error) (changed int, err error) {
	for _, row := range rows {
		d, found, err := w.delivery(row.Seq, sink)
		if err != nil {
			return changed, err
		}
		if !found || d.Pos != row.Pos || d.State >= store.StateDelivered {
			continue
		}
		if err := change(w, d, row.Seq); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}

func (w *writer) moveOne(d deliveryRow, seq relay.Seq, to *sinkState) error {
	note := addTry(d.tries, relay.Attempt{Began: w.now, Note: "moved to " + to.name})
	if err := w.end(seq, d, note); err != nil {
		return err
	}
	_, there, err := w.delivery(seq, to.name)
	if err != nil || there {
		return err
	}
	key := ""
	err = w.query(sqlEventKey, func(st *sqlite3.Stmt) bool { key = st.ColumnText(0); return false }, int64(seq))
	if err != nil {
		return err
	}
	return w.replay(storedEvent{seq: seq, key: key}, to, false, deliveryRow{}, "")
}
