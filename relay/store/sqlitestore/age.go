package sqlitestore

import (
	"sync/atomic"
	"time"
)

// age tells whether the wall clock is believed enough to remove things for
// their age: after a verified request has proved it, and only as long as it
// goes with the machine's running time.
type age struct {
	proved atomic.Bool
	// The writer's own: wall clock minus running time when it last looked.
	offset time.Duration
	looked bool
}

// partLimit is how far wall clock and running time may part.
const partLimit = time.Hour

// ClockProved tells that the wall clock agrees with a sender's, by a signature
// that holds. It costs next to nothing: call it for every verified request.
func (s *Store) ClockProved() {
	if !s.age.proved.Load() {
		s.age.proved.Store(true)
		s.queue.signal() // what waited for this may begin
	}
}

func (a *age) believed() bool { return a.proved.Load() }

// look compares the clocks and returns true when they have parted: nothing is
// believed then until the next proof, and due times need another look.
func (a *age) look(now time.Time, running time.Duration) (parted bool) {
	offset := time.Duration(now.UnixNano()) - running
	parted = a.looked && (offset-a.offset).Abs() > partLimit
	if parted {
		a.proved.Store(false)
	}
	if parted || !a.looked {
		a.offset, a.looked = offset, true
	}
	return parted
}

// clampDue brings back due times that no wait explains: a clock that was ahead
// wrote them. A retry waits for an hour at most, a timer for as long as it did
// when its event was received, so it is wrong when it was received in the future.
func (w *writer) clampDue() error {
	return w.transact(func() error {
		now := nanos(w.now)
		for name, s := range w.store.sinks.byName {
			if err := w.exec(sqlClampDue, name, now, now+int64(time.Hour)); err != nil {
				return err
			}
			if w.Changes() > 0 {
				w.timers[s.name] = now
			}
		}
		return nil
	})
}
