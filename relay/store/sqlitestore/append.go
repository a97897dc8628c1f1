package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// appendJob stores one event with its deliveries.
type appendJob struct {
	asker
	given   *relay.Event // by the caller
	event   *relay.Event // what is stored: given, or what quarantine left of it
	targets []relay.Target
	row     store.EventColumns
	receipt relay.Receipt
	kept    []recentDelivery // those that may be handed out at once
}

func (j *appendJob) rows() int { return 1 + len(j.targets) + len(j.event.Raw)/pageBytes }

// Append stores ev and one delivery per target, as [relay.Log] says.
func (s *Store) Append(ctx context.Context, ev *relay.Event, to ...relay.Target) (relay.Receipt, error) {
	if err := store.CheckTargets(to); err != nil {
		return relay.Receipt{}, err
	}
	if s.full.Load() && !s.mayUseReserve(ev) {
		return relay.Receipt{}, relay.ErrFull
	}
	j := &appendJob{asker: newAsker(ctx), given: ev, event: ev, targets: slices.Clone(to), row: store.ColumnsOf(ev)}
	if err := s.queue.put(j); err != nil {
		return relay.Receipt{}, err
	}
	select {
	case err := <-j.told:
		return j.receipt, err
	case <-ctx.Done():
		return relay.Receipt{}, fmt.Errorf("append %s/%s: %w", ev.Source, ev.ID, context.Cause(ctx))
	}
}

// quarantine strips the event to what it came as. It returns false when that
// has been done before.
func (j *appendJob) quarantine(why error) bool {
	if j.event.Trouble != "" {
		return false
	}
	stripped := *j.event
	stripped.Fields, stripped.Trouble = relay.Fields{}, "could not be stored as it is: "+why.Error()
	j.event, j.targets = &stripped, nil
	j.row = store.ColumnsOf(j.event)
	return true
}

func (j *appendJob) apply(w *writer) error {
	j.receipt, j.kept = relay.Receipt{}, j.kept[:0]
	known, err := j.known(w)
	if known || err != nil {
		return err
	}
	inserted, err := j.insert(w)
	if err != nil {
		return err
	}
	if !inserted {
		return j.compare(w)
	}
	seq := relay.Seq(w.next)
	w.next++
	for i := range j.targets {
		if err := j.deliver(w, seq, &j.targets[i]); err != nil {
			return err
		}
	}
	j.receipt.Seq = seq
	w.appended = append(w.appended, j)
	return nil
}

// published is called when the event is committed, before anybody is told.
func (j *appendJob) published(r *recent) {
	j.given.Seq, j.event.Seq = j.receipt.Seq, j.receipt.Seq
	r.add(j.event, j.kept)
}

func (j *appendJob) finish(err error) {
	if err != nil {
		j.receipt = relay.Receipt{}
	}
	j.asker.finish(err)
}

// known looks among the ids of events that were removed early.
func (j *appendJob) known(w *writer) (bool, error) {
	if !w.seen {
		return false, nil
	}
	found := false
	err := w.query(sqlSeenHas, func(st *sqlite3.Stmt) bool {
		found = true
		body := st.ColumnRawBlob(0)
		j.receipt = relay.Receipt{Duplicate: true, Conflict: len(body) > 0 && !bytes.Equal(body, store.BodyHash(j.event.Raw))}
		return false
	}, j.event.Source, j.event.ID)
	return found, err
}

// insert writes the event; false says that its id is there already.
func (j *appendJob) insert(w *writer) (bool, error) {
	raw := j.event.Raw
	if raw == nil {
		raw = []byte{}
	}
	if err := w.insertEvent(w.next, j.event, &j.row, raw, nil); err != nil {
		return false, err
	}
	return w.Changes() > 0, nil
}

// insertEvent writes an event unless its id is there already. A nil raw is a
// body that was removed, and then body is its hash.
func (d *db) insertEvent(seq int64, ev *relay.Event, row *store.EventColumns, raw, body []byte) error {
	st, err := d.stmt(sqlInsertEvent)
	if err != nil {
		return err
	}
	if err := bind(st, seq, ev.Source, ev.ID, store.Nanos(ev.Received), row.Key); err != nil {
		return err
	}
	if row.Bot == "" {
		err = st.BindNull(6)
	} else {
		err = st.BindText(6, row.Bot)
	}
	if err != nil {
		return err
	}
	for i, text := range [...]string{row.Name, row.Code, row.SubCode, ev.Fields.Side, ev.Trouble} {
		if err := st.BindText(7+i, text); err != nil {
			return err
		}
	}
	for i, blob := range [...][]byte{row.Sum[:], row.Fields, raw, body} {
		if err := st.BindBlob(12+i, blob); err != nil {
			return err
		}
	}
	return st.Exec()
}

// compare reports a known id.
func (j *appendJob) compare(w *writer) error {
	j.receipt.Duplicate = true
	return w.query(sqlEventByID, func(st *sqlite3.Stmt) bool {
		j.receipt.Seq = relay.Seq(st.ColumnInt64(0))
		if st.ColumnType(6) != sqlite3.NULL {
			j.receipt.Conflict = !bytes.Equal(st.ColumnRawBlob(6), j.event.Raw)
		} else if hash := st.ColumnRawBlob(7); len(hash) > 0 {
			j.receipt.Conflict = !bytes.Equal(hash, store.BodyHash(j.event.Raw))
		}
		return false
	}, j.event.Source, j.event.ID)
}

// deliver adds one delivery.
func (j *appendJob) deliver(w *writer, seq relay.Seq, to *relay.Target) error {
	sink, err := w.sink(to.Sink)
	if err != nil {
		return err
	}
	st, err := w.stmt(sqlInsertDelivery)
	if err != nil {
		return err
	}
	state := store.StateReady
	if !to.After.IsZero() {
		state = store.StateWaiting
	}
	key := store.ColumnName(to.Key)
	if err := bind(st, int64(seq), to.Sink, key, to.Route, state, store.Nanos(to.After)); err != nil {
		return err
	}
	if err := st.Exec(); err != nil {
		return err
	}
	w.changes = append(w.changes, change{sink: sink, seq: seq, to: pending})
	if state == store.StateReady {
		w.touch(sink)
		j.kept = append(j.kept, recentDelivery{sink.name, key, to.Route, true})
	} else if due, there := w.timers[to.Sink]; !there || store.Nanos(to.After) < due {
		w.timers[to.Sink] = store.Nanos(to.After)
	}
	return nil
}
