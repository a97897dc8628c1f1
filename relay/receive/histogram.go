package receive

import (
	"sync/atomic"
	"time"
)

// acceptBounds are the upper bounds of the classes, for a request that waits
// for one commit: tenths of a millisecond on a fast disk, at most 10 s.
var acceptBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second,
}

// histogram counts spans of time by class.
type histogram struct {
	counts [len(acceptBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(acceptBounds) && d > acceptBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Histogram is a snapshot of spans counted by class.
type Histogram struct {
	Bounds []time.Duration // upper bounds, inclusive, rising
	Counts []uint64        // of each class alone; one more than Bounds, for what is beyond
	Sum    time.Duration
}

func (h *histogram) snapshot() Histogram {
	s := Histogram{Bounds: acceptBounds[:], Sum: time.Duration(h.sum.Load())}
	s.Bounds = append([]time.Duration(nil), s.Bounds...)
	for i := range h.counts {
		s.Counts = append(s.Counts, h.counts[i].Load())
	}
	return s
}
