package store

import (
	"context"
	"sync/atomic"
	"time"

	"botrelay/relay"
)

// longestSleep is how long a Claim sleeps at most while rows wait for their
// time: the wall clock may jump, and timers do not follow it.
const longestSleep = time.Minute

// flight is one row that was handed out and is not settled: what
// [relay.Delivery.Claim] holds.
type flight struct {
	lane     *lane
	row      Row
	key      *key // set when it holds its key back: it has one and is not out of order
	due      bool // it was waiting for its time, not ready
	held     bool // its state in the table is held
	settling bool // a Settle is under way
}

// lane is the state of one sink: rows in flight, the window, and the set of
// keys that have held or waiting rows. Whoever holds the token owns the fields
// below it.
type lane struct {
	sink    string
	tables  Tables
	clock   Clock
	signals signals
	forgets atomic.Uint64

	token chan struct{}

	epoch  uint64 // forgets, when the state was last thrown away
	look   bool   // the sink's row has to be read
	paused bool
	turn   int64

	stale     bool   // window and set are to be thrown away and read again
	scanning  bool   // the set is being read
	scanned   string // the last key read
	scanLimit int

	unread   bool  // there may be ready rows above read
	read     int64 // the position read so far
	caughtUp bool  // the end was reached since the last start: nothing older than what is read is ready
	keys     map[string]*key
	window   window
	resume   []*key  // idle keys of the set that may go on
	later    []later // keys whose first held row is above read, by that position

	flights map[int64]*flight // by Pos

	due      []Row // waiting rows whose time has come, in order
	dueKnown bool  // nextDue is right
	nextDue  time.Time

	shares shares
}

func newLane(h *Handout, sink string) *lane {
	l := &lane{
		sink: sink, tables: h.tables, clock: h.clock,
		token: make(chan struct{}, 1),
		look:  true, stale: true,
		keys:    make(map[string]*key),
		flights: make(map[int64]*flight),
	}
	l.token <- struct{}{}
	return l
}

// own waits for the token. Its error is ctx's.
func (l *lane) own(ctx context.Context) error {
	select {
	case <-l.token:
		return nil
	default:
	}
	select {
	case <-l.token:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *lane) disown() { l.token <- struct{}{} }

// hear takes what was signalled into the state.
func (l *lane) hear() {
	n := l.signals.take()
	l.unread = l.unread || n.unread
	l.look = l.look || n.look
	if n.scheduled {
		l.scheduleAt(n.due)
	}
	if forgets := l.forgets.Load(); forgets != l.epoch {
		l.epoch = forgets
		l.flights = make(map[int64]*flight)
		l.keys = make(map[string]*key)
		l.look, l.stale = true, true
	}
}

// scheduleAt notes that a row waits until at; zero when that is not known.
func (l *lane) scheduleAt(at time.Time) {
	switch {
	case !l.dueKnown:
	case at.IsZero():
		l.dueKnown = false
	case l.nextDue.IsZero() || at.Before(l.nextDue):
		l.nextDue = at
	}
}

// horizon is the position up to which held rows may be taken: what is read, so
// that no ready row of the key with a lower one is overtaken. Once the end was
// reached, no held row lies above an unread one.
func (l *lane) horizon() int64 {
	if l.caughtUp {
		return maxPos
	}
	return l.read
}

// keyOf returns what is known about a key, which it begins to know.
func (l *lane) keyOf(name string) *key {
	k := l.keys[name]
	if k == nil {
		k = &key{name: name}
		l.keys[name] = k
	}
	return k
}

// settleKey looks at a key that may have become idle: its next row in the
// window may go, or its held ones are asked for, or it is forgotten.
func (l *lane) settleKey(k *key) {
	switch {
	case k.flight != nil:
	case k.first != nil:
		l.window.proceed(k)
	case k.blocked:
		l.goOnLater(k)
	default:
		delete(l.keys, k.name)
	}
}

// goOnLater puts an idle key of the set in the line for its held rows.
func (l *lane) goOnLater(k *key) {
	if !k.queued && k.blocked && k.idle() {
		k.queued = true
		l.resume = append(l.resume, k)
	}
}

// wait blocks until something is signalled or the next row is due, and tells
// whether ctx still holds.
func (l *lane) wait(ctx context.Context, heard uint64, next time.Time) bool {
	changed := l.signals.after(heard)
	if changed == nil {
		return true
	}
	var timer <-chan time.Time
	if !next.IsZero() {
		c, stop := l.clock.NewTimer(min(next.Sub(l.clock.Now()), longestSleep))
		defer stop()
		timer = c
	}
	select {
	case <-changed:
	case <-timer:
		l.signals.raise(func(n *news) { n.schedule(time.Time{}) })
	case <-ctx.Done():
		return false
	}
	return true
}

// claimNow is Claim with a ctx that is already done: what is there, without
// waiting for more.
func (l *lane) claimNow(ctx context.Context, max int) ([]*relay.Delivery, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	for {
		got, err := l.claimOnce(ctx, max)
		if err != nil && ctx.Err() == nil && len(got.deliveries) == 0 {
			return nil, err
		}
		if err != nil || !got.again || len(got.deliveries) > 0 {
			return got.deliveries, nil
		}
	}
}
