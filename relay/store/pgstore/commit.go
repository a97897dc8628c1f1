package pgstore

import (
	"context"
	"fmt"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

const sqlSettle = `CALL botrelay.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULL, NULL)`

// Commit waits for the database. What may have been recorded before the answer
// was lost is recognised by the try that it left, and not recorded twice.
func (t tables) Commit(ctx context.Context, sink string, done []relay.Settlement, hold []store.Row) (lost []int, err error) {
	held, leased := t.valid(sink)
	if leased {
		lost, leased, err = t.settle(ctx, sink, held.epoch, done, hold)
	}
	if err != nil {
		return nil, fmt.Errorf("commit for sink %s: %w", sink, err)
	}
	if !leased {
		lost = nil
		for i := range done {
			lost = append(lost, i)
		}
	}
	return lost, nil
}

func (t tables) settle(ctx context.Context, sink string, epoch int64, done []relay.Settlement, hold []store.Row) (lost []int, leased bool, err error) {
	now := t.opts.Clock.Now()
	a := outcomesOf(done, now)
	holdSeqs, holdPoss := places(hold)
	var places []int32
	err = patiently(ctx, func(again bool) error {
		return t.row(ctx, sqlSettle, []any{
			sink, t.id, epoch, now.UnixNano(), again,
			a.seqs, a.poss, a.states, a.dues, a.counts, a.waits, a.begans, a.detached, a.tries, holdSeqs, holdPoss,
		}, &leased, &places)
	})
	if err != nil || !leased {
		if err == nil {
			t.lose(sink, epoch, "another relay has taken it")
		}
		return nil, leased, err
	}
	for _, place := range places {
		lost = append(lost, int(place))
	}
	if len(lost) < len(done) && a.delivers {
		t.counts.delivered(sink, now)
	}
	return lost, true, nil
}

// outcomes is a list of settlements as the arrays that the procedure takes.
type outcomes struct {
	seqs, poss, dues, waits, begans []int64
	states                          []int16
	counts                          []int32
	detached                        []bool
	tries                           [][]byte
	delivers                        bool
}

func outcomesOf(done []relay.Settlement, now time.Time) *outcomes {
	n := len(done)
	a := &outcomes{
		seqs: make([]int64, n), poss: make([]int64, n), dues: make([]int64, n), waits: make([]int64, n), begans: make([]int64, n),
		states: make([]int16, n), counts: make([]int32, n), detached: make([]bool, n), tries: make([][]byte, n),
	}
	for i := range done {
		a.set(i, &done[i], now)
	}
	return a
}

func (a *outcomes) set(i int, s *relay.Settlement, now time.Time) {
	row := store.ClaimedRow(s.Delivery)
	began := s.Began
	if began.IsZero() {
		began = now
	}
	a.seqs[i], a.poss[i], a.waits[i], a.begans[i] = int64(row.Seq), row.Pos, int64(s.Wait), began.UnixNano()
	if !s.Uncounted {
		a.counts[i] = 1
	}
	state := store.StateDead
	switch s.Verdict {
	case relay.Retry, relay.Detach:
		state = store.StateWaiting
		a.dues[i] = max(store.Nanos(s.At), 1)
		a.detached[i] = s.Verdict == relay.Detach
	case relay.Delivered:
		state = store.StateDelivered
		a.delivers = true
	case relay.Muted:
		state = store.StateMuted
	}
	a.states[i] = int16(state)
	a.tries[i] = store.AppendTry(nil, relay.Attempt{Began: began, Took: s.Took, Note: s.Note})
}
