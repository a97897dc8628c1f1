package storetest

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds = flag.Int("seeds", 500, "how many runs the model test makes")
	first = flag.Uint64("first", 1, "the seed of the first")
)

// newReference is a Harness over a Disk.
func newReference(t *testing.T) *Harness {
	clock := NewClock()
	disk := NewDisk(clock)
	var open *Reference
	return &Harness{
		Open: func() Store {
			open = disk.Open()
			return open
		},
		Crash: func() { open.Close() },
		Advance: func(d time.Duration) {
			clock.Advance(d)
			open.Retain()
		},
		Now:             clock.Now,
		Prove:           func() { open.Prove() },
		RetentionEvents: disk.RetentionEvents, RetentionDead: disk.RetentionDead,
		Damage: disk.Damage,
		Lose:   func(sink string) { open.Lose(sink) },
		Regain: func(sink string) { open.Regain(sink) },
	}
}

func TestContract(t *testing.T) { Run(t, Setup{New: newReference, Seeds: 50}) }

func TestModel(t *testing.T) {
	Model(t, Setup{New: newReference, Seeds: *seeds}, *first)
}
