//go:build !linux

package sqlitestore

import "time"

// bootClock is the monotonic clock, which may stand still while the machine
// sleeps: waking up looks like a jump of the wall clock then, and nothing goes
// for its age before a request proves it again.
func bootClock() func() time.Duration { return monotonicClock() }
