package store

import (
	"context"
	"math"
	"time"

	"botrelay/relay"
)

const (
	// maxBodies bounds what the bodies of one Claim hold together.
	maxBodies = 4 << 20
	// maxPos is above every position.
	maxPos = math.MaxInt64
	// dueLimit is how many waiting rows whose time has come are kept in memory.
	dueLimit = 512
	// lastLook bounds a Claim whose ctx was done before it began.
	lastLook = 5 * time.Second
	// damagedNote is the note of a delivery whose event is never sent.
	damagedNote = "stored event is damaged"
)

// claimed is the outcome of one look.
type claimed struct {
	deliveries []*relay.Delivery
	again      bool      // there is more to read before one can say that there is nothing
	next       time.Time // when a waiting row is due; zero when none waits
}

// pick is one row chosen to be handed out: the entry of a ready or held one, or
// a waiting one.
type pick struct {
	row   Row
	entry *entry // nil for one that was waiting
}

// claimOnce takes one step: of starting, of reading, and of handing out.
func (l *lane) claimOnce(ctx context.Context, max int) (claimed, error) {
	if err := l.own(ctx); err != nil {
		return claimed{}, err
	}
	defer l.disown()
	l.hear()
	if ready, err := l.ready(ctx); err != nil || !ready {
		return claimed{again: !l.paused}, err
	}
	if err := l.fill(ctx); err != nil {
		return claimed{}, err
	}
	if err := l.fillDue(ctx, max); err != nil {
		return claimed{}, err
	}
	picks := l.pick(max)
	if len(picks) == 0 {
		return claimed{again: l.more(), next: l.nextDue}, nil
	}
	deliveries, err := l.load(ctx, picks)
	return claimed{deliveries: deliveries, again: len(deliveries) == 0}, err
}

// ready tells whether the state can be used, after taking one step towards it.
func (l *lane) ready(ctx context.Context) (bool, error) {
	if l.look {
		paused, turn, err := l.tables.Sink(ctx, l.sink)
		if err != nil {
			return false, err
		}
		l.look = false
		l.paused = paused
		if turn != l.turn {
			l.turn, l.stale = turn, true
		}
	}
	if l.paused {
		return false, nil
	}
	if l.stale {
		if err := l.restart(ctx); err != nil {
			return false, err
		}
	}
	if l.scanning {
		return false, l.scan(ctx)
	}
	return true, nil
}

// more tells whether another step of reading may bring rows to hand out.
func (l *lane) more() bool {
	return l.stale || l.unread && l.window.length <= windowLimit/2
}

// pick takes rows out of the window and the due ones, oldest first within each
// kind, the kinds in their shares, no key twice.
func (l *lane) pick(max int) []pick {
	n := min(max, len(l.window.heap)+len(l.due))
	if n == 0 {
		return nil
	}
	picks := make([]pick, 0, n)
	keys := distinct{on: len(l.due) > 0}
	shares := l.shares
	var aside []*entry
	for len(picks) < n {
		for len(l.window.heap) > 0 && keys.has(l.window.heap[0].row.Key) {
			aside = append(aside, l.window.pop())
		}
		due, fresh := l.firstDue(&keys), len(l.window.heap) > 0
		if due < 0 && !fresh {
			break
		}
		var p pick
		if due >= 0 && (!fresh || shares.dueNext()) {
			p.row = l.due[due]
			l.due = append(l.due[:due], l.due[due+1:]...)
		} else {
			p.entry = l.window.pop()
			p.row = p.entry.row
		}
		keys.add(p.row.Key)
		shares.add(p.entry == nil)
		picks = append(picks, p)
	}
	for _, e := range aside {
		l.window.restore(e)
	}
	return picks
}

// firstDue is the index of the first due row whose key is not among keys, or -1.
func (l *lane) firstDue(keys *distinct) int {
	for i, row := range l.due {
		if !keys.has(row.Key) {
			return i
		}
	}
	return -1
}

// distinct is the keys of one answer. Only waiting rows, which may be out of
// order, can bring a key twice, so it is off without them.
type distinct struct {
	on   bool
	keys map[string]struct{}
}

func (d *distinct) has(key string) bool {
	if !d.on || key == "" {
		return false
	}
	_, ok := d.keys[key]
	return ok
}

func (d *distinct) add(key string) {
	if !d.on || key == "" {
		return
	}
	if d.keys == nil {
		d.keys = make(map[string]struct{})
	}
	d.keys[key] = struct{}{}
}

// load reads the deliveries of the picks, once. What did not fit goes back,
// what is gone lets its key go on, what is damaged is buried.
func (l *lane) load(ctx context.Context, picks []pick) ([]*relay.Delivery, error) {
	rows := make([]Row, len(picks))
	for i, p := range picks {
		rows[i] = p.row
	}
	loaded, err := l.tables.Load(ctx, l.sink, rows, maxBodies)
	if err != nil {
		l.unpick(picks)
		return nil, err
	}
	deliveries := make([]*relay.Delivery, 0, len(loaded))
	flights := make([]flight, len(loaded))
	var damaged []pick
	for i, got := range loaded {
		p := picks[i]
		switch {
		case got.Damaged != nil:
			damaged = append(damaged, p)
		case got.Delivery == nil:
			l.gone(p)
		default:
			l.takeOff(&flights[i], p, got.Delivery)
			deliveries = append(deliveries, got.Delivery)
		}
	}
	l.unpick(picks[len(loaded):])
	if err := l.bury(ctx, damaged); err != nil && len(deliveries) == 0 {
		return nil, err
	}
	return deliveries, nil
}

// takeOff puts a pick in flight.
func (l *lane) takeOff(f *flight, p pick, d *relay.Delivery) {
	*f = flight{lane: l, row: p.row, due: p.entry == nil}
	switch {
	case p.entry != nil:
		f.key, f.held = p.entry.key, p.entry.held
	case p.row.Key != "" && !d.OutOfOrder:
		f.key = l.keyOf(p.row.Key)
	}
	if f.key != nil {
		f.key.flight = f
	}
	d.Claim = f
	l.flights[p.row.Pos] = f
	l.shares.add(f.due)
}

// unpick puts picks back in their places.
func (l *lane) unpick(picks []pick) {
	var due []Row
	for i := len(picks) - 1; i >= 0; i-- {
		if e := picks[i].entry; e != nil {
			l.window.restore(e)
		}
	}
	for _, p := range picks {
		if p.entry == nil {
			due = append(due, p.row)
		}
	}
	if len(due) > 0 {
		l.due = append(due, l.due...)
	}
}

// gone lets the key of a pick go on: its row is final, removed, or has another
// place by now. That was a drop or a move, or the sink is another relay's: its
// row says which.
func (l *lane) gone(p pick) {
	l.look = true
	var k *key
	if p.entry != nil {
		k = p.entry.key
	} else {
		k = l.keys[p.row.Key]
	}
	if k == nil {
		return
	}
	k.doubt = k.waiting
	if k.idle() || p.entry != nil {
		l.settleKey(k)
	}
}

// bury makes dead letters of picks whose stored event is damaged.
func (l *lane) bury(ctx context.Context, picks []pick) error {
	if len(picks) == 0 {
		return nil
	}
	now := l.clock.Now()
	done := make([]relay.Settlement, len(picks))
	for i, p := range picks {
		done[i] = relay.Settlement{
			Delivery: &relay.Delivery{
				Event: &relay.Event{Seq: p.row.Seq}, Sink: l.sink, Key: p.row.Key, Claim: p.row,
			},
			Verdict: relay.Dead, Began: now, Note: damagedNote, Uncounted: true,
		}
	}
	if _, err := l.tables.Commit(ctx, l.sink, done, nil); err != nil {
		l.stale = true
		return err
	}
	for _, p := range picks {
		l.gone(p)
	}
	return nil
}
