package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// commitJob settles and holds rows of one sink.
type commitJob struct {
	asker
	at   time.Time // when it was told, which may be a little before it is written
	sink string
	done []relay.Settlement
	hold []store.Row
	lost []int
}

func (j *commitJob) rows() int { return len(j.done) + len(j.hold) }

func (t tables) Commit(ctx context.Context, sink string, done []relay.Settlement, hold []store.Row) ([]int, error) {
	// Whoever has stopped waiting does what he likes with what is his.
	j := &commitJob{asker: newAsker(ctx), at: t.opts.Clock.Now(), sink: sink, done: slices.Clone(done), hold: slices.Clone(hold)}
	if err := t.do(j); err != nil {
		return nil, fmt.Errorf("commit for sink %s: %w", sink, err)
	}
	return j.lost, nil
}

func (j *commitJob) apply(w *writer) error {
	j.lost = nil
	defer func(now time.Time) { w.now = now }(w.now)
	w.now = j.at
	sink, err := w.sink(j.sink)
	if err != nil {
		return err
	}
	delivered := false
	for i := range j.done {
		kept, err := j.settle(w, sink, &j.done[i])
		if err != nil {
			return err
		}
		if !kept {
			j.lost = append(j.lost, i)
		} else if j.done[i].Verdict == relay.Delivered {
			delivered = true
		}
	}
	for _, row := range j.hold {
		if err := w.exec(sqlHold, int64(row.Seq), j.sink, row.Pos); err != nil {
			return err
		}
	}
	if !delivered {
		return nil
	}
	at := store.Nanos(w.now)
	w.effects = append(w.effects, func() { sink.lastOK = at })
	return w.exec(sqlSinkLastOK, j.sink, at)
}

// settle records one outcome; false says that the row is gone or no longer the
// one that was claimed.
func (j *commitJob) settle(w *writer, sink *sinkState, s *relay.Settlement) (bool, error) {
	row := store.ClaimedRow(s.Delivery)
	if s.Attempt == 1 && s.Replay == 0 && s.First.IsZero() && !s.Uncounted {
		kept, err := settleFirst(w, sink, row, s)
		if kept || err != nil {
			return kept, err
		}
	}
	return settleAny(w, sink, row, s)
}

// settleFirst is the usual case, one statement: a delivery that is ready and
// was never tried before has its final outcome.
func settleFirst(w *writer, sink *sinkState, row store.Row, s *relay.Settlement) (bool, error) {
	var state store.State
	switch s.Verdict {
	case relay.Delivered:
		state = store.StateDelivered
	case relay.Dead:
		state = store.StateDead
	case relay.Muted:
		state = store.StateMuted
	default:
		return false, nil
	}
	st, err := w.stmt(sqlSettleFirst)
	if err != nil {
		return false, err
	}
	w.note = addTry(w.note[:0], attemptOf(w, s))
	err = errors.Join(st.BindInt64(1, int64(row.Seq)), st.BindInt64(3, row.Pos), st.BindInt64(4, int64(state)),
		st.BindInt64(5, store.Nanos(began(w, s))), st.BindInt64(6, store.Nanos(w.now)), st.BindBlob(7, w.note))
	if err == nil && w.settling != sink {
		// What is bound stays bound: a batch is of one sink.
		err = st.BindText(2, sink.name)
		w.settling = sink
	}
	if err != nil {
		return false, err
	}
	if err := st.Exec(); err != nil || w.Changes() == 0 {
		return false, err
	}
	w.changes = append(w.changes, change{sink: sink, seq: row.Seq, from: pending, to: classOf(state, 1)})
	return true, nil
}

// settleAny reads the row first.
func settleAny(w *writer, sink *sinkState, row store.Row, s *relay.Settlement) (bool, error) {
	d, found, err := w.delivery(row.Seq, sink.name)
	if err != nil || !found || d.Pos != row.Pos {
		return false, err
	}
	// What was dropped while it was being sent, and got through, is delivered.
	if d.State >= store.StateDelivered && (d.State != store.StateDropped || s.Verdict != relay.Delivered) {
		return false, nil
	}
	if s.Verdict == relay.Release {
		return true, nil
	}
	was := classOf(d.State, d.Attempts)
	d.outcome(w.now, s)
	d.tries = addTry(d.tries, attemptOf(w, s))
	if d.First == 0 {
		d.First = store.Nanos(began(w, s))
	}
	if err := w.exec(sqlSettle, int64(row.Seq), sink.name, row.Pos, d.State, d.Due, d.Attempts, d.Waited, d.First, d.Ended, d.OutOfOrder, d.tries); err != nil {
		return false, err
	}
	w.changes = append(w.changes, change{sink: sink, seq: row.Seq, from: was, to: classOf(d.State, d.Attempts)})
	return true, nil
}

// outcome changes the row as the verdict says.
func (d *deliveryRow) outcome(now time.Time, s *relay.Settlement) {
	if !s.Uncounted {
		d.Attempts++
	}
	d.Waited += int64(s.Wait)
	switch s.Verdict {
	case relay.Retry, relay.Detach:
		d.State, d.Due = store.StateWaiting, max(store.Nanos(s.At), 1)
		d.OutOfOrder = d.OutOfOrder || s.Verdict == relay.Detach
		return
	case relay.Delivered:
		d.State = store.StateDelivered
	case relay.Muted:
		d.State = store.StateMuted
	default:
		d.State = store.StateDead
	}
	d.Due, d.Ended = 0, store.Nanos(now)
}

func began(w *writer, s *relay.Settlement) time.Time {
	if s.Began.IsZero() {
		return w.now
	}
	return s.Began
}

func attemptOf(w *writer, s *relay.Settlement) relay.Attempt {
	return relay.Attempt{Began: began(w, s), Took: s.Took, Note: s.Note}
}
