package sqlitestore

import (
	"sync"

	"botrelay/relay"
)

// readBack keeps the events that were read last: several sinks that work off
// the same backlog read each of them once. What is in it has been checked
// against its hash; events never change, and what removes one does so when
// nothing of it is to be handed out any more.
type readBack struct {
	mu     sync.Mutex
	events map[relay.Seq]*relay.Event
	ring   [readBackEvents]relay.Seq
	next   int
	bytes  int
}

const (
	readBackEvents = 2048
	readBackBytes  = 4 << 20
)

func (r *readBack) get(seq relay.Seq) *relay.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[seq]
}

func (r *readBack) put(ev *relay.Event) {
	if len(ev.Raw) > readBackBytes/16 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events == nil {
		r.events = make(map[relay.Seq]*relay.Event)
	}
	if r.events[ev.Seq] != nil {
		return
	}
	r.events[ev.Seq] = ev
	r.bytes += len(ev.Raw)
	r.drop(r.ring[r.next])
	r.ring[r.next] = ev.Seq
	r.next = (r.next + 1) % readBackEvents
	for oldest := r.next; r.bytes > readBackBytes; oldest = (oldest + 1) % readBackEvents {
		r.drop(r.ring[oldest])
		r.ring[oldest] = 0
	}
}

func (r *readBack) drop(seq relay.Seq) {
	if ev := r.events[seq]; ev != nil {
		r.bytes -= len(ev.Raw)
		delete(r.events, seq)
	}
}

func (r *readBack) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.bytes, r.next = nil, 0, 0
	clear(r.ring[:])
}
