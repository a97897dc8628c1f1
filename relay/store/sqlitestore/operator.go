package sqlitestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

var _ relay.Operator = (*Store)(nil)

// chunk is how many deliveries one commit of an operator changes.
const chunk = 256

// eachRef runs change for every ref, some of them in one commit, and collects
// what became of each.
func (s *Store) eachRef(ctx context.Context, refs []relay.Ref, change func(*writer, relay.Ref) (relay.Done, error)) ([]relay.Done, error) {
	refs = slices.Clone(refs) // the writer may look at them when ctx has ended
	done := make([]relay.Done, len(refs))
	for from := 0; from < len(refs); from += chunk {
		part := refs[from:min(from+chunk, len(refs))]
		err := s.submit(ctx, len(part), func(w *writer) (err error) {
			for i, ref := range part {
				if done[from+i], err = change(w, ref); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done[:from], err
		}
	}
	return done, nil
}

// storedEvent is what an operator's change has to know of an event.
type storedEvent struct {
	seq  relay.Seq
	key  string
	body bool // not removed
}

func (d *db) findEvent(source, id string) (ev storedEvent, found bool, err error) {
	err = d.query(sqlFindEvent, func(st *sqlite3.Stmt) bool {
		ev = storedEvent{relay.Seq(st.ColumnInt64(0)), st.ColumnText(1), st.ColumnBool(2)}
		found = true
		return false
	}, source, id)
	return ev, found, err
}

// Requeue is [relay.Operator]'s.
func (s *Store) Requeue(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	done, err := s.eachRef(ctx, refs, (*writer).requeue)
	if err != nil {
		return done, fmt.Errorf("requeue: %w", err)
	}
	return done, nil
}

func (w *writer) requeue(ref relay.Ref) (relay.Done, error) {
	ev, found, err := w.findEvent(ref.Source, ref.ID)
	if err != nil || !found {
		return relay.Done{Ref: ref, Why: "there is no such event"}, err
	}
	d, found, err := w.delivery(ev.seq, ref.Sink)
	if err != nil {
		return relay.Done{Ref: ref}, err
	}
	sink, err := w.sink(ref.Sink)
	if err != nil {
		return relay.Done{Ref: ref}, err
	}
	switch {
	case found && classOf(d.State, d.Attempts) == retrying:
		w.timers[ref.Sink] = store.Nanos(w.now)
		return relay.Done{Ref: ref, Changed: true}, w.turn(sink, w.exec(sqlDueNow, int64(ev.seq), ref.Sink, store.Nanos(w.now)))
	case found && d.State < store.StateDelivered:
		return relay.Done{Ref: ref, Why: "it is pending"}, nil
	case !ev.body:
		return relay.Done{Ref: ref, Why: "its body was removed to make room"}, nil
	}
	return relay.Done{Ref: ref, Changed: true}, w.replay(ev, sink, found, d, ref.Route)
}

// replay gives a delivery the next place in the order, under a key that holds
// up nothing but other replayed ones of the same key.
func (w *writer) replay(ev storedEvent, sink *sinkState, found bool, d deliveryRow, route string) error {
	how, was := sqlInsertReplay, uncounted
	if found {
		how, was = sqlReplay, classOf(d.State, d.Attempts)
	}
	if err := w.exec(how, int64(ev.seq), sink.name, w.next, store.ColumnName("+"+ev.key), route); err != nil {
		return err
	}
	w.next++
	w.changes = append(w.changes, change{sink: sink, seq: ev.seq, from: was, to: pending})
	w.touch(sink)
	return nil
}

// turn raises the turn of a sink, unless the change before it went wrong: its
// owner reads everything again.
func (w *writer) turn(sink *sinkState, err error) error {
	if err != nil {
		return err
	}
	if err := w.exec(sqlSinkTurn, sink.name); err != nil {
		return err
	}
	w.effects = append(w.effects, func() { sink.turn++ })
	w.look(sink)
	return nil
}

// Drop is [relay.Operator]'s.
func (s *Store) Drop(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	done, err := s.eachRef(ctx, refs, (*writer).drop)
	if err != nil {
		return done, fmt.Errorf("drop: %w", err)
	}
	return done, nil
}

func (w *writer) drop(ref relay.Ref) (relay.Done, error) {
	ev, found, err := w.findEvent(ref.Source, ref.ID)
	if err != nil || !found {
		return relay.Done{Ref: ref, Why: "there is no such event"}, err
	}
	d, found, err := w.delivery(ev.seq, ref.Sink)
	switch {
	case err != nil || !found:
		return relay.Done{Ref: ref, Why: "it was not for this sink"}, err
	case d.State != store.StateDead && d.State >= store.StateDelivered:
		return relay.Done{Ref: ref, Why: "it is " + d.public()}, nil
	}
	return relay.Done{Ref: ref, Changed: true}, w.end(ev.seq, d, d.tries)
}

// end drops one delivery by hand.
func (w *writer) end(seq relay.Seq, d deliveryRow, tries []byte) error {
	sink, err := w.sink(d.Sink)
	if err != nil {
		return err
	}
	if tries == nil {
		tries = []byte{}
	}
	if err := w.exec(sqlEnd, int64(seq), d.Sink, store.Nanos(w.now), tries); err != nil {
		return err
	}
	was := classOf(d.State, d.Attempts)
	w.changes = append(w.changes, change{sink: sink, seq: seq, from: was, to: uncounted})
	if was == dead {
		w.effects = append(w.effects, func() { w.retain.finals++ })
		return nil
	}
	return w.turn(sink, nil)
}

// Pause is [relay.Operator]'s.
func (s *Store) Pause(ctx context.Context, name string, paused bool) error {
	err := s.submit(ctx, 1, func(w *writer) error {
		sink, err := w.sink(name)
		if err != nil {
			return err
		}
		if err := w.exec(sqlSinkPaused, name, paused); err != nil {
			return err
		}
		w.effects = append(w.effects, func() { sink.paused = paused })
		w.look(sink)
		return nil
	})
	if err != nil {
		return fmt.Errorf("pause sink %s: %w", name, err)
	}
	return nil
}
