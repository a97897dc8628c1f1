package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Disk is what a Reference has stored. It outlives the Reference.
type Disk struct {
	RetentionEvents, RetentionDead time.Duration

	clock  store.Clock
	mu     sync.Mutex
	next   int64
	events map[relay.Seq]*stored
	ids    map[eventID]relay.Seq
	rows   map[rowID]*row
	queues map[string][]*row // the rows of each sink in order of pos
	seen   map[eventID]seen
	memory map[memoryKey]remembered
	sinks  map[string]*sinkRow
}

type eventID struct{ source, id string }

type rowID struct {
	seq  relay.Seq
	sink string
}

type memoryKey struct{ owner, key string }

type stored struct {
	event   *relay.Event
	key     string // as in its column
	damaged bool
}

type seen struct {
	raw      []byte
	received time.Time
}

type remembered struct {
	value []byte
	until time.Time // zero: for good
}

type sinkRow struct {
	paused bool
	turn   int64
	epoch  int64 // raised when another relay takes the sink
	lastOK time.Time
}

// state is that of the delivery table.
type state int

const (
	ready state = iota
	held
	waiting
	delivered
	dead
	dropped
	muted
)

func (s state) open() bool { return s <= waiting }

type row struct {
	seq        relay.Seq
	sink       string
	pos        int64
	key, route string
	state      state
	due        time.Time
	attempts   int
	waited     time.Duration
	first      time.Time
	ended      time.Time
	outOfOrder bool
	replay     int
	tries      []relay.Attempt
}

func (r *row) ref() store.Row { return store.Row{Seq: r.seq, Pos: r.pos, Key: r.key} }

// NewDisk returns an empty Disk with retentions of 2 and 4 days.
func NewDisk(clock store.Clock) *Disk {
	return &Disk{
		RetentionEvents: 2 * 24 * time.Hour, RetentionDead: 4 * 24 * time.Hour,
		clock: clock, next: 1,
		events: make(map[relay.Seq]*stored), ids: make(map[eventID]relay.Seq), rows: make(map[rowID]*row), queues: make(map[string][]*row),
		seen: make(map[eventID]seen), memory: make(map[memoryKey]remembered), sinks: make(map[string]*sinkRow),
	}
}

// Reference is a store over a Disk: every call looks through all there is.
type Reference struct {
	*store.Handout
	disk   *Disk
	epochs map[string]int64 // of the sinks, when they were taken; guarded by disk.mu
	proved bool             // guarded by disk.mu
	closed atomic.Bool
}

// Open returns a Reference over the disk, the only one in use.
func (d *Disk) Open() *Reference {
	r := &Reference{disk: d, epochs: make(map[string]int64)}
	for name, s := range d.sinks {
		r.epochs[name] = s.epoch
	}
	r.Handout = store.NewHandout(tables{r}, d.clock)
	return r
}

// Close ends the Reference; Claims that wait return relay.ErrClosed.
func (r *Reference) Close() error {
	r.closed.Store(true)
	r.Turned()
	return nil
}

// Prove lets age be believed.
func (r *Reference) Prove() {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.proved = true
}

// Lose lets another relay take the sink; Regain takes it back.
func (r *Reference) Lose(sink string) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.disk.sink(sink).epoch++
}

// Regain takes a sink back.
func (r *Reference) Regain(sink string) {
	r.disk.mu.Lock()
	r.epochs[sink] = r.disk.sink(sink).epoch
	r.disk.mu.Unlock()
	r.Forget(sink)
}

// Damage makes the stored event unreadable.
func (d *Disk) Damage(source, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.find(source, id); e != nil {
		e.damaged = true
	}
}

func (d *Disk) find(source, id string) *stored {
	return d.events[d.ids[eventID{source, id}]]
}

func (d *Disk) sink(name string) *sinkRow {
	s := d.sinks[name]
	if s == nil {
		s = &sinkRow{}
		d.sinks[name] = s
	}
	return s
}

func (d *Disk) number() int64 {
	n := d.next
	d.next++
	return n
}

// of returns the rows of a sink for which want holds, in order of pos.
func (d *Disk) of(sink string, want func(*row) bool) []*row {
	var rows []*row
	for _, r := range d.queues[sink] {
		if want(r) {
			rows = append(rows, r)
		}
	}
	return rows
}

// put adds a row at the end of its sink's queue, in place of an older one.
func (d *Disk) put(r *row) {
	at := rowID{r.seq, r.sink}
	d.remove(at)
	d.rows[at] = r
	d.queues[r.sink] = append(d.queues[r.sink], r)
}

func (d *Disk) remove(at rowID) {
	if old := d.rows[at]; old != nil {
		q := d.queues[at.sink]
		i := slices.Index(q, old)
		d.queues[at.sink] = slices.Delete(q, i, i+1)
		delete(d.rows, at)
	}
}

// begin locks the disk for one call of an open store.
func (r *Reference) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.disk.mu.Lock()
	if r.closed.Load() {
		r.disk.mu.Unlock()
		return nil, relay.ErrClosed
	}
	return r.disk.mu.Unlock, nil
}

// Append is relay.Log's.
func (r *Reference) Append(ctx context.Context, ev *relay.Event, to ...relay.Target) (relay.Receipt, error) {
	if err := store.CheckTargets(to); err != nil {
		return relay.Receipt{}, err
	}
	end, err := r.begin(ctx)
	if err != nil {
		return relay.Receipt{}, err
	}
	defer end()
	d, id := r.disk, eventID{ev.Source, ev.ID}
	if seq, ok := d.ids[id]; ok {
		return relay.Receipt{Seq: seq, Duplicate: true, Conflict: !bytes.Equal(d.events[seq].event.Raw, ev.Raw)}, nil
	}
	if s, ok := d.seen[id]; ok {
		return relay.Receipt{Duplicate: true, Conflict: !bytes.Equal(s.raw, ev.Raw)}, nil
	}
	pos := d.number()
	ev.Seq = relay.Seq(pos)
	d.ids[id] = ev.Seq
	d.events[ev.Seq] = &stored{event: ev, key: store.ColumnName(ev.OrderKey())}
	for _, t := range to {
		d.sink(t.Sink)
		n := &row{seq: ev.Seq, sink: t.Sink, pos: pos, key: store.ColumnName(t.Key), route: t.Route}
		if t.After.IsZero() {
			r.Appended(t.Sink)
		} else {
			n.state, n.due = waiting, t.After
			r.Scheduled(t.Sink, t.After)
		}
		d.put(n)
	}
	return relay.Receipt{Seq: ev.Seq}, nil
}

// Retain makes one pass over what is old enough to go.
func (r *Reference) Retain() {
	d := r.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if !r.proved {
		return
	}
	now := d.clock.Now()
	for seq, e := range d.events {
		if !d.finished(seq, e, now) {
			continue
		}
		id := eventID{e.event.Source, e.event.ID}
		if now.Sub(e.event.Received) < idsKept {
			d.seen[id] = seen{raw: e.event.Raw, received: e.event.Received}
		}
		for at := range d.rows {
			if at.seq == seq {
				d.remove(at)
			}
		}
		delete(d.ids, id)
		delete(d.events, seq)
	}
	for id, s := range d.seen {
		if now.Sub(s.received) >= idsKept {
			delete(d.seen, id)
		}
	}
	for k, m := range d.memory {
		if !m.until.IsZero() && !now.Before(m.until) {
			delete(d.memory, k)
		}
	}
}

// idsKept is how long an id is known whatever the retention.
const idsKept = 7 * 24 * time.Hour

// finished tells whether an event may go.
func (d *Disk) finished(seq relay.Seq, e *stored, now time.Time) bool {
	keep := d.RetentionEvents
	if e.event.Trouble != "" {
		keep = d.RetentionDead
	}
	for at, r := range d.rows {
		if at.seq != seq {
			continue
		}
		if r.state.open() {
			return false
		}
		if r.state == dead {
			keep = max(keep, d.RetentionDead)
		}
	}
	return now.Sub(e.event.Received) > keep
}

var errDamaged = errors.New("the event does not fit its sum")
