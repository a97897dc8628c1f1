//go:build !linux

package pgstore

import "time"

var began = time.Now()

// runningTime is the monotonic clock, which may stand still while the machine
// is suspended. The guards in the database hold all the same.
func runningTime() time.Duration { return time.Since(began) }
