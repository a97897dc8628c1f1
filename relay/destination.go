package relay

import (
	"errors"
	"fmt"
	"time"
)

// Destination is a sink together with all that the configuration says about
// how the loop serves it. The zero value of a setting is its default.
//
// The loop owns the Sink: when it also is an io.Closer, it is closed once,
// after its last Send has returned.
type Destination struct {
	Name string
	Sink Sink

	// Concurrency is how many deliveries are sent at a time; 16 by default. A
	// Batcher gets one batch at a time instead.
	Concurrency int
	// Rate limits what is sent: deliveries, or batches of a Batcher. The zero
	// Rate is no limit.
	Rate Rate
	// Timeout ends the context of one Send or SendBatch; 15 s by default.
	Timeout time.Duration
	// GiveUpAfter is how long a delivery may have waited after failures of its
	// own before it is a dead letter; 72 h by default.
	GiveUpAfter time.Duration
	// MaxBackoff is the longest wait between two tries that the loop chooses by
	// itself; 15 min by default.
	MaxBackoff time.Duration
}

// Rate is a number of events in a time.
type Rate struct {
	Events int
	Per    time.Duration
}

// What a Destination has where it says nothing.
const (
	DefaultConcurrency = 16
	DefaultTimeout     = 15 * time.Second
	DefaultGiveUpAfter = 72 * time.Hour
	DefaultMaxBackoff  = 15 * time.Minute
)

func (d Destination) withDefaults() Destination {
	if d.Concurrency == 0 {
		d.Concurrency = DefaultConcurrency
	}
	if d.Timeout == 0 {
		d.Timeout = DefaultTimeout
	}
	if d.GiveUpAfter == 0 {
		d.GiveUpAfter = DefaultGiveUpAfter
	}
	if d.MaxBackoff == 0 {
		d.MaxBackoff = DefaultMaxBackoff
	}
	if _, ok := d.Sink.(Batcher); ok {
		d.Concurrency = 1
	}
	return d
}

func (d Destination) limits() limits { return limits{d.GiveUpAfter, d.MaxBackoff} }

// checkDestinations refuses what no loop can serve.
func checkDestinations(to []Destination) error {
	names := map[string]bool{}
	for i, d := range to {
		switch {
		case d.Name == "":
			return fmt.Errorf("destination %d has no name", i)
		case names[d.Name]:
			return fmt.Errorf("destination %s is there twice", d.Name)
		case d.Sink == nil:
			return fmt.Errorf("destination %s has no sink", d.Name)
		case d.Concurrency < 0 || d.Timeout < 0 || d.GiveUpAfter < 0 || d.MaxBackoff < 0:
			return fmt.Errorf("destination %s has a setting below zero", d.Name)
		case d.Rate.Events < 0 || d.Rate.Per < 0 || (d.Rate.Events == 0) != (d.Rate.Per == 0):
			return fmt.Errorf("destination %s has half a rate: %d per %s", d.Name, d.Rate.Events, d.Rate.Per)
		}
		names[d.Name] = true
	}
	return nil
}

// ErrNotRunning is the answer of [Loop.Swap] before Run has begun and after it
// has begun to end. The loop has not taken the destinations.
var ErrNotRunning = errors.New("the delivery loop is not running")
