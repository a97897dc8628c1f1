package store

import (
	"sync/atomic"
	"time"
)

// Age tells whether the wall clock is believed enough to remove things for
// their age: after a verified request has proved it, and only as long as it
// goes with the machine's running time. The zero value believes nothing.
type Age struct {
	proved atomic.Bool
	// Of the goroutine that looks: wall clock minus running time when it last did.
	offset time.Duration
	looked bool
}

// partLimit is how far wall clock and running time may part.
const partLimit = time.Hour

// Prove tells that the wall clock agrees with a sender's, by a signature that
// holds. It costs next to nothing; true says that this was not known. It may be
// called concurrently.
func (a *Age) Prove() bool { return !a.proved.Load() && !a.proved.Swap(true) }

// Believed tells whether age counts. It may be called concurrently.
func (a *Age) Believed() bool { return a.proved.Load() }

// Look compares the clocks. first is true at the first look; parted when they
// have parted since: nothing is believed then until the next proof, and due
// times need another look. One goroutine at a time looks.
func (a *Age) Look(now time.Time, running time.Duration) (first, parted bool) {
	first = !a.looked
	offset := time.Duration(now.UnixNano()) - running
	parted = a.looked && (offset-a.offset).Abs() > partLimit
	if parted {
		a.proved.Store(false)
	}
	if parted || first {
		a.offset, a.looked = offset, true
	}
	return first, parted
}
