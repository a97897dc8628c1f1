package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// tables answers the Handout of a Reference.
type tables struct{ *Reference }

var _ store.Tables = tables{}

func references(rows []*row, limit int) []store.Row {
	var refs []store.Row
	for _, r := range rows[:min(limit, len(rows))] {
		refs = append(refs, r.ref())
	}
	return refs
}

// inOrder tells whether a row holds others of its key back.
func inOrder(r *row) bool { return r.key != "" && !r.outOfOrder }

func (t tables) Ready(ctx context.Context, sink string, after int64, limit int) ([]store.Row, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return references(t.disk.of(sink, func(r *row) bool { return r.state == ready && r.pos > after }), limit), nil
}

func (t tables) Held(ctx context.Context, sink, key string, after, upto int64, limit int) ([]store.Row, bool, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer end()
	all := t.disk.of(sink, func(r *row) bool { return r.state == held && inOrder(r) && r.key == key && r.pos > after })
	n := 0
	for n < len(all) && n < limit && all[n].pos <= upto {
		n++
	}
	return references(all, n), n < len(all), nil
}

func (t tables) Waiting(ctx context.Context, sink, key string) (bool, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	return len(t.disk.of(sink, func(r *row) bool { return r.state == waiting && inOrder(r) && r.key == key })) > 0, nil
}

func (t tables) Due(ctx context.Context, sink string, now time.Time, limit int, skip func(store.Row) bool) ([]store.Row, time.Time, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer end()
	all := t.disk.of(sink, func(r *row) bool { return r.state == waiting })
	slices.SortStableFunc(all, func(a, b *row) int { return a.due.Compare(b.due) })
	var rows []store.Row
	for _, r := range all {
		switch {
		case skip(r.ref()):
		case r.due.After(now) || len(rows) == limit:
			return rows, r.due, nil
		default:
			rows = append(rows, r.ref())
		}
	}
	return rows, time.Time{}, nil
}

func (t tables) Blocked(ctx context.Context, sink, after string, limit, perKey int) ([]store.Blocked, bool, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, false, err
	}
	defer end()
	keys := make(map[string]*store.Blocked)
	for _, r := range t.disk.of(sink, func(r *row) bool { return inOrder(r) && r.key > after }) {
		if r.state != held && r.state != waiting {
			continue
		}
		b := keys[r.key]
		if b == nil {
			b = &store.Blocked{Key: r.key}
			keys[r.key] = b
		}
		if r.state == waiting {
			b.Waiting = true
		} else if len(b.Held) < perKey {
			b.Held = append(b.Held, r.ref())
		}
	}
	var all []store.Blocked
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, *keys[k])
	}
	n := min(limit, len(all))
	return all[:n], n == len(all), nil
}

func (t tables) First(ctx context.Context, sink string) (int64, bool, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return 0, false, err
	}
	defer end()
	all := t.disk.of(sink, func(r *row) bool { return r.state.open() })
	if len(all) == 0 {
		return 0, false, nil
	}
	return all[0].pos, true, nil
}

// lost tells whether another relay has the sink.
func (t tables) lost(sink string) bool { return t.disk.sink(sink).epoch != t.epochs[sink] }

func (t tables) Load(ctx context.Context, sink string, rows []store.Row, maxBytes int) ([]store.Loaded, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var loaded []store.Loaded
	size := 0
	for _, want := range rows {
		got := store.Loaded{Row: want}
		r := t.disk.rows[rowID{want.Seq, sink}]
		if r != nil && r.pos == want.Pos && r.state.open() && !t.lost(sink) {
			e := t.disk.events[want.Seq]
			if size += len(e.event.Raw); size > maxBytes && len(loaded) > 0 {
				return loaded, nil
			}
			if e.damaged {
				got.Damaged = errDamaged
			} else {
				got.Delivery = &relay.Delivery{
					Event: e.event, Sink: sink, Key: r.key, Route: r.route, Attempt: r.attempts + 1, Replay: r.replay,
					First: r.first, Waited: r.waited, OutOfOrder: r.outOfOrder,
				}
			}
		}
		loaded = append(loaded, got)
	}
	return loaded, nil
}

func (t tables) Commit(ctx context.Context, sink string, done []relay.Settlement, hold []store.Row) ([]int, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var lost []int
	for i, s := range done {
		claimed := store.ClaimedRow(s.Delivery)
		r := t.disk.rows[rowID{claimed.Seq, sink}]
		if r == nil || r.pos != claimed.Pos || t.lost(sink) ||
			!r.state.open() && (s.Verdict != relay.Delivered || r.state != dropped) {
			lost = append(lost, i)
			continue
		}
		t.disk.settle(r, s)
	}
	for _, h := range hold {
		if r := t.disk.rows[rowID{h.Seq, sink}]; r != nil && r.pos == h.Pos && r.state == ready && !t.lost(sink) {
			r.state = held
		}
	}
	return lost, nil
}

// settle changes one open row.
func (d *Disk) settle(r *row, s relay.Settlement) {
	now := d.clock.Now()
	r.note(relay.Attempt{Began: s.Began, Took: s.Took, Note: s.Note})
	if !s.Uncounted {
		r.attempts++
		if r.first.IsZero() {
			r.first = s.Began
		}
	}
	switch s.Verdict {
	case relay.Retry, relay.Detach:
		r.state, r.due = waiting, s.At
		r.waited += s.Wait
		r.outOfOrder = r.outOfOrder || s.Verdict == relay.Detach
		return
	case relay.Delivered:
		r.state = delivered
		d.sink(r.sink).lastOK = now
	case relay.Muted:
		r.state = muted
	case relay.Dead:
		r.state = dead
	}
	r.ended, r.due = now, time.Time{}
}

// note keeps the first try and the last four.
func (r *row) note(a relay.Attempt) {
	if len(r.tries) == 5 {
		r.tries = slices.Delete(slices.Clone(r.tries), 1, 2)
	}
	r.tries = append(slices.Clone(r.tries), a)
}

func (t tables) Sink(ctx context.Context, sink string) (bool, int64, error) {
	end, err := t.begin(ctx)
	if err != nil {
		return false, 0, err
	}
	defer end()
	s := t.disk.sink(sink)
	return s.paused || t.lost(sink), s.turn, nil
}

// sorted returns all rows, newest first.
func (d *Disk) sorted() []*row {
	return slices.SortedFunc(maps.Values(d.rows), func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.seq, a.seq), cmp.Compare(a.sink, b.sink))
	})
}
