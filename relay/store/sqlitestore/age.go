package sqlitestore

import (
	"time"

	"botrelay/relay/store"
)

// ClockProved tells that the wall clock agrees with a sender's, by a signature
// that holds. It costs next to nothing: call it for every verified request.
func (s *Store) ClockProved() {
	if s.age.Prove() {
		s.queue.signal() // what waited for this may begin
	}
}

// compareClocks notes when wall clock and running time part. Whoever lets
// something go for its age calls it first.
func (s *Store) compareClocks(now time.Time) {
	s.clocks.Lock()
	first, parted := s.age.Look(now, s.opts.Boot())
	s.clocks.Unlock()
	if parted {
		s.log().Warn("the clock has jumped: nothing is removed for its age until a request proves it", "now", now)
	}
	if first || parted {
		s.parted.Store(true)
		s.queue.signal()
	}
}

// clampDue brings back due times that no wait explains: a clock that was ahead
// wrote them. A retry waits for an hour at most, a timer for as long as it did
// when its event was received, so it is wrong when it was received in the future.
func (w *writer) clampDue() error {
	return w.transact(func() error {
		now := store.Nanos(w.now)
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
