package sqlitestore

import "sync/atomic"

// age tells whether the wall clock is believed enough to remove things for
// their age: only after a verified request has proved it.
type age struct{ proved atomic.Bool }

// ClockProved tells that the wall clock agrees with a sender's, by a signature
// that holds. It costs next to nothing: call it for every verified request.
func (s *Store) ClockProved() {
	if !s.age.proved.Load() {
		s.age.proved.Store(true)
	}
}
