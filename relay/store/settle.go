package store

import (
	"context"

	"botrelay/relay"
)

// batch is the settlements of one call, checked against what is in flight.
type batch struct {
	flights []*flight          // those to settle
	done    []relay.Settlement // of the same flights
	commit  []relay.Settlement // without the releases
	hold    []Row              // rows whose key begins to wait
	lost    bool               // one was not in flight
}

// settle records outcomes of this sink. The state is owned before and after the
// commit, not during it; meanwhile the flights stay, and hold their keys back.
func (l *lane) settle(ctx context.Context, done []relay.Settlement) error {
	if err := l.own(ctx); err != nil {
		return err
	}
	l.hear()
	b := l.prepare(done)
	l.disown()

	var lost []int
	var err error
	if len(b.commit) > 0 {
		lost, err = l.tables.Commit(ctx, l.sink, b.commit, b.hold)
	}

	<-l.token // not ctx's affair: what is committed has to be known here
	l.apply(&b, lost, err)
	l.disown()
	l.signals.wake()
	if err == nil && (b.lost || len(lost) > 0) {
		err = relay.ErrClaimLost
	}
	return err
}

// prepare finds the flights and takes the rows that a Retry holds back out of
// the window.
func (l *lane) prepare(done []relay.Settlement) batch {
	b := batch{flights: make([]*flight, 0, len(done))}
	releases := 0
	for i, s := range done {
		f, ok := s.Claim.(*flight)
		if !ok || f.lane != l || f.settling || l.flights[f.row.Pos] != f {
			if !b.lost {
				b.lost = true
				b.done = append(make([]relay.Settlement, 0, len(done)), done[:i]...)
			}
			continue
		}
		f.settling = true
		b.flights = append(b.flights, f)
		if b.lost {
			b.done = append(b.done, s)
		}
		switch {
		case s.Verdict == relay.Release:
			releases++
		case s.Verdict == relay.Retry && f.key != nil:
			f.key.blocked, f.key.waiting = true, true
			b.hold = append(b.hold, l.window.clear(f.key)...)
		}
	}
	if !b.lost {
		b.done = done
	}
	b.commit = b.done
	if releases > 0 {
		b.commit = make([]relay.Settlement, 0, len(b.done)-releases)
		for _, s := range b.done {
			if s.Verdict != relay.Release {
				b.commit = append(b.commit, s)
			}
		}
	}
	return b
}

// apply takes the outcome of the commit into the state. After an error it is
// unknown: the flights stay, everything else is read again.
func (l *lane) apply(b *batch, lost []int, err error) {
	nth := 0 // index into b.commit
	for i, f := range b.flights {
		f.settling = false
		s := &b.done[i]
		gone := false
		if s.Verdict != relay.Release {
			if err != nil {
				continue
			}
			if len(lost) > 0 && lost[0] == nth {
				gone, lost = true, lost[1:]
			}
			nth++
		}
		if l.flights[f.row.Pos] == f { // unless the sink was lost meanwhile
			l.land(f, s, gone)
		}
	}
	if err != nil {
		l.stale = true
	}
}

// land takes one flight out of the air. gone says that its row did not take the
// verdict.
func (l *lane) land(f *flight, s *relay.Settlement, gone bool) {
	delete(l.flights, f.row.Pos)
	k := f.key
	if k != nil {
		k.flight = nil
	}
	switch {
	case s.Verdict == relay.Release:
		l.release(f)
		return
	case s.Verdict == relay.Detach && !gone:
		l.scheduleAt(s.At)
	case s.Verdict == relay.Retry && !gone:
		l.scheduleAt(s.At)
		if k != nil {
			k.waiting, k.doubt = true, false
			return
		}
	}
	if k != nil {
		k.doubt = k.waiting
		l.settleKey(k)
	}
}

// release puts a row back as if it had not been claimed.
func (l *lane) release(f *flight) {
	k := f.key
	switch {
	case f.due:
		l.due = append([]Row{f.row}, l.due...)
	case f.row.Pos <= l.horizon():
		l.window.restore(&entry{row: f.row, held: f.held, key: k})
	case k != nil:
		l.settleKey(k) // reading, or the key's turn, meets it again
	}
}
