package store

import (
	"context"
	"time"
)

// later is a key of the set whose first held row lies above what is read.
type later struct {
	pos int64
	key *key
}

// Steps of a scan grow and shrink between these numbers of keys, so that one
// takes about stepTime.
const (
	minScan  = 16
	maxScan  = 4096
	stepTime = 10 * time.Millisecond
)

// restart throws window and set away; what is in flight stays in flight.
// Reading begins at the lowest unfinished row, after the set is read.
func (l *lane) restart(ctx context.Context) error {
	first, ok, err := l.tables.First(ctx, l.sink)
	if err != nil {
		return err
	}
	l.read = 0
	if ok {
		l.read = first - 1
	}
	keys := make(map[string]*key)
	for _, f := range l.flights {
		if k := f.key; k != nil {
			k.first, k.last, k.length = nil, nil, 0
			k.queued, k.ahead = false, false
			keys[k.name] = k
		}
	}
	l.keys = keys
	l.window = window{}
	l.resume, l.later, l.due = nil, nil, nil
	l.dueKnown = false
	l.unread, l.caughtUp = true, false
	l.stale = false
	l.scanning, l.scanned, l.scanLimit = true, "", minScan
	return nil
}

// scan reads a part of the set. One held row of each key is enough: a ready row
// with a lower position may yet be met and marked, so the others are asked for
// when the key goes on.
func (l *lane) scan(ctx context.Context) error {
	began := l.clock.Now()
	blocked, done, err := l.tables.Blocked(ctx, l.sink, l.scanned, l.scanLimit, 1)
	if err != nil {
		return err
	}
	for _, b := range blocked {
		k := l.keyOf(b.Key)
		k.blocked = true
		k.waiting = k.waiting || b.Waiting
		l.goOnLater(k)
		l.scanned = b.Key
	}
	l.scanning = !done
	switch took := l.clock.Now().Sub(began); {
	case took > stepTime:
		l.scanLimit = max(l.scanLimit/2, minScan)
	case took < stepTime/2:
		l.scanLimit = min(l.scanLimit*2, maxScan)
	}
	return nil
}

// fill lets keys go on whose turn has come, and reads ready rows while the
// window has room.
func (l *lane) fill(ctx context.Context) error {
	if err := l.goOn(ctx); err != nil {
		return err
	}
	if !l.unread || l.window.length > windowLimit/2 {
		return nil
	}
	limit := windowLimit - l.window.length
	rows, err := l.tables.Ready(ctx, l.sink, l.read, limit)
	if err != nil {
		return err
	}
	hold, marked := l.enter(rows)
	if len(hold) > 0 {
		if _, err := l.tables.Commit(ctx, l.sink, nil, hold); err != nil {
			l.stale = true
			return err
		}
	}
	if n := len(rows); n > 0 {
		l.read = rows[n-1].Pos
	}
	if len(rows) < limit {
		l.unread, l.caughtUp = false, true
	}
	for _, k := range marked {
		l.goOnLater(k)
	}
	return l.goOn(ctx)
}

// enter puts rows just read into the window. It returns those that have to be
// marked held, since their key is in the set, and the keys of these.
func (l *lane) enter(rows []Row) (hold []Row, marked []*key) {
	entries := make([]entry, len(rows))
	for i, row := range rows {
		if l.flights[row.Pos] != nil {
			continue
		}
		e := &entries[i]
		e.row = row
		if row.Key != "" {
			k := l.keyOf(row.Key)
			if k.blocked || k.length >= keyLimit {
				k.blocked = true
				hold, marked = append(hold, row), append(marked, k)
				continue
			}
			e.key = k
		}
		l.window.append(e)
	}
	return hold, marked
}

// goOn serves the keys in line while the window has room, those first that
// reading has passed meanwhile.
func (l *lane) goOn(ctx context.Context) error {
	for len(l.later) > 0 && l.later[0].pos <= l.horizon() {
		k := popLater(&l.later)
		k.ahead = false
		l.goOnLater(k)
	}
	for len(l.resume) > 0 && l.window.length < windowLimit {
		k := l.resume[0]
		if err := l.takeHeld(ctx, k); err != nil {
			return err
		}
		k.queued = false
		l.resume[0] = nil
		l.resume = l.resume[1:]
	}
	if len(l.resume) == 0 {
		l.resume = nil
	}
	return nil
}

// takeHeld lets an idle key of the set go on: its next held rows enter the
// window, in order of Pos and only as far as is read. A key that has none and
// none waiting leaves the set.
func (l *lane) takeHeld(ctx context.Context, k *key) error {
	if l.keys[k.name] != k || !k.blocked || !k.idle() {
		return nil
	}
	if k.doubt {
		waiting, err := l.tables.Waiting(ctx, l.sink, k.name)
		if err != nil {
			return err
		}
		k.waiting, k.doubt = waiting, false
	}
	if k.waiting {
		return nil
	}
	limit := min(keyLimit, windowLimit-l.window.length)
	rows, more, err := l.tables.Held(ctx, l.sink, k.name, -1, l.horizon(), limit)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return l.leaveSet(ctx, k, more)
	}
	entries := make([]entry, len(rows))
	for i, row := range rows {
		entries[i] = entry{row: row, held: true, key: k}
		l.window.append(&entries[i])
	}
	return nil
}

// leaveSet takes a key without held rows up to the horizon out of the set. One
// that has some beyond is looked at again when reading has passed the first.
func (l *lane) leaveSet(ctx context.Context, k *key, beyond bool) error {
	if beyond {
		rows, _, err := l.tables.Held(ctx, l.sink, k.name, l.horizon(), maxPos, 1)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if !k.ahead {
				k.ahead = true
				pushLater(&l.later, later{rows[0].Pos, k})
			}
			return nil
		}
	}
	k.blocked = false
	delete(l.keys, k.name)
	return nil
}

// fillDue reads waiting rows whose time has come, when there may be some.
func (l *lane) fillDue(ctx context.Context, want int) error {
	if len(l.due) >= min(want, dueLimit) {
		return nil
	}
	now := l.clock.Now()
	if l.dueKnown && (l.nextDue.IsZero() || l.nextDue.After(now)) {
		return nil
	}
	known := make(map[int64]struct{}, len(l.due))
	perKey := make(map[string]int)
	for _, row := range l.due {
		known[row.Pos] = struct{}{}
		perKey[row.Key]++
	}
	passed := false // over some because their key has enough
	skip := func(row Row) bool {
		if _, ok := known[row.Pos]; ok || l.flights[row.Pos] != nil {
			return true
		}
		if row.Key == "" {
			return false
		}
		if perKey[row.Key] >= keyLimit {
			passed = true
			return true
		}
		perKey[row.Key]++
		return false
	}
	rows, next, err := l.tables.Due(ctx, l.sink, now, dueLimit-len(l.due), skip)
	if err != nil {
		return err
	}
	l.due = append(l.due, rows...)
	l.nextDue, l.dueKnown = next, true
	if passed {
		l.nextDue = now
	}
	return nil
}

// pushLater and popLater keep the keys in a heap by position.
func pushLater(h *[]later, l later) {
	*h = append(*h, l)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].pos <= s[i].pos {
			break
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func popLater(h *[]later) *key {
	s := *h
	top := s[0].key
	n := len(s) - 1
	s[0] = s[n]
	s[n] = later{}
	s = s[:n]
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && s[child+1].pos < s[child].pos {
			child++
		}
		if s[i].pos <= s[child].pos {
			break
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
	*h = s
	return top
}
