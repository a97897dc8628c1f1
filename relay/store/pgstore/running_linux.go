package pgstore

import (
	"time"

	"golang.org/x/sys/unix"
)

// runningTime is CLOCK_BOOTTIME: it goes on while the machine is suspended, and
// nobody sets it.
func runningTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("CLOCK_BOOTTIME, which Linux has since 2.6.39: " + err.Error())
	}
	return time.Duration(t.Nano())
}
