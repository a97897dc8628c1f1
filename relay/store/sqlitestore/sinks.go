package sqlitestore

import (
	"sync"

	"botrelay/relay"
	"botrelay/relay/store"
)

// class is what a delivery counts as.
type class uint8

const (
	uncounted class = iota // not there, or final and not dead
	pending
	retrying
	dead
)

// classOf tells what a row counts as.
func classOf(state store.State, attempts int) class {
	switch {
	case state == store.StateWaiting && attempts > 0:
		return retrying
	case state < store.StateDelivered:
		return pending
	case state == store.StateDead:
		return dead
	}
	return uncounted
}

// span is how many events share one place in the count of what is unfinished.
const span = 1024

// sinkState is what the store knows of a sink without asking the database.
type sinkState struct {
	name   string
	counts [4]int // by class
	// open counts the unfinished deliveries by place, so that the oldest is
	// found without reading what lies before it.
	open   map[int64]int
	lastOK int64
	paused bool
	turn   int64

	touched bool // the writer's own: is in its list already
}

func newSinkState(name string) *sinkState {
	return &sinkState{name: name, open: make(map[int64]int)}
}

// count moves a delivery from one class to another.
func (s *sinkState) count(seq relay.Seq, from, to class) {
	s.counts[from]--
	s.counts[to]++
	wasOpen, isOpen := from == pending || from == retrying, to == pending || to == retrying
	switch place := int64(seq) / span; {
	case wasOpen && !isOpen:
		if s.open[place]--; s.open[place] == 0 {
			delete(s.open, place)
		}
	case isOpen && !wasOpen:
		if s.open[place]++; s.open[place] == 0 {
			delete(s.open, place)
		}
	}
}

// sinkTable is the sinks by name. The writer alone changes it, others look.
type sinkTable struct {
	mu      sync.Mutex
	byName  map[string]*sinkState
	counted chan struct{} // closed once what was there at the start has been counted
}

// change is a delivery that passes from one class to another when the
// transaction commits.
type change struct {
	sink     *sinkState
	seq      relay.Seq
	from, to class
}
