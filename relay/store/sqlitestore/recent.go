package sqlitestore

import (
	"sync"

	"botrelay/relay"
	"botrelay/relay/store"
)

// recent keeps the newest events and their deliveries in memory, as long as
// these are as Append left them, so that a sink that keeps up reads nothing
// back: every commit makes a reader forget the pages it knows. It is exact,
// since one process writes and each of its commits passes by here.
type recent struct {
	mu     sync.Mutex
	events map[relay.Seq]*recentEvent
	order  []relay.Seq // oldest first, from head on
	head   int
	bytes  int
}

// What recent holds at most.
const (
	recentEvents = 4096
	recentBytes  = 8 << 20
)

type recentEvent struct {
	event      *relay.Event
	deliveries []recentDelivery
}

type recentDelivery struct {
	sink, key, route string
	untouched        bool
}

// add takes an event in, once it is committed and its number is known.
func (r *recent) add(ev *relay.Event, deliveries []recentDelivery) {
	size := len(ev.Raw)
	if len(deliveries) == 0 || size > recentBytes/16 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events == nil {
		r.events = make(map[relay.Seq]*recentEvent)
	}
	r.events[ev.Seq] = &recentEvent{ev, deliveries}
	r.order = append(r.order, ev.Seq)
	r.bytes += size
	for r.head < len(r.order) && (r.bytes > recentBytes || len(r.order)-r.head > recentEvents) {
		r.remove(r.order[r.head])
		r.head++
	}
	if r.head > recentEvents {
		r.order = append(r.order[:0], r.order[r.head:]...)
		r.head = 0
	}
}

func (r *recent) remove(seq relay.Seq) {
	if e := r.events[seq]; e != nil {
		r.bytes -= len(e.event.Raw)
		delete(r.events, seq)
	}
}

// touch notes that a delivery is not as Append left it. An event without any
// that is, goes.
func (r *recent) touch(changes []change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		e := r.events[c.seq]
		if e == nil || c.from == uncounted {
			continue
		}
		left := false
		for i := range e.deliveries {
			if d := &e.deliveries[i]; d.sink == c.sink.name {
				d.untouched = false
			}
			left = left || e.deliveries[i].untouched
		}
		if !left {
			r.remove(c.seq)
		}
	}
}

// load returns the delivery of a row, or nil when it has to be read.
func (r *recent) load(sink string, row store.Row) *relay.Delivery {
	if int64(row.Seq) != row.Pos {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events[row.Seq]
	if e == nil {
		return nil
	}
	for i := range e.deliveries {
		if d := &e.deliveries[i]; d.sink == sink && d.untouched {
			return &relay.Delivery{Event: e.event, Sink: d.sink, Key: d.key, Route: d.route, Attempt: 1, Claim: row}
		}
	}
	return nil
}

// clear forgets everything.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.order, r.head, r.bytes = nil, nil, 0, 0
}
