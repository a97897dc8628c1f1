package sqlitestore

import (
	"runtime"
	"testing"
	"time"
)

// The machine's running time goes on with the clock, and was begun before this
// process where the system tells it.
func TestBootClockGoesOn(t *testing.T) {
	boot := bootClock()
	first, began := boot(), time.Now()
	<-time.After(20 * time.Millisecond)
	if parted := boot() - first - time.Since(began); parted.Abs() > time.Second {
		t.Errorf("parts from the monotonic clock by %v in 20 ms", parted)
	}
	if runtime.GOOS == "linux" && first < time.Second {
		t.Errorf("the machine has been running for %v: this is not the time since its start", first)
	}
}
