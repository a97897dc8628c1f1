package store

import "time"

// Clock is a store's time. No statement asks the database for the time: it
// gets it as a parameter, so that tests move it.
type Clock interface {
	Now() time.Time
	// NewTimer is as time.NewTimer: the channel receives once after d; stop
	// gives the timer up.
	NewTimer(d time.Duration) (c <-chan time.Time, stop func() bool)
}

// SystemClock is the machine's clock, or the bubble's inside testing/synctest.
type SystemClock struct{}

// Now is time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// NewTimer is time.NewTimer.
func (SystemClock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}
