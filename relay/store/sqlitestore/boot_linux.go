package sqlitestore

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootClock is CLOCK_BOOTTIME: it goes on while the machine sleeps, and nobody
// sets it. Linux has it since 2.6.39.
func bootClock() func() time.Duration {
	monotonic := monotonicClock()
	return func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
			return monotonic() // a sandbox that knows no such clock
		}
		return time.Duration(t.Nano())
	}
}
