package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// LoopOptions are what a Loop works with.
type LoopOptions struct {
	Queue  Queue
	Memory Memory // keeps the pauses, so that a restart goes on with them
	Logger *slog.Logger

	// Grace is how long what is in flight may take after Run's context has
	// ended; DefaultGrace when zero.
	Grace time.Duration
	// Jitter spreads the waits; it returns numbers in [0, 1) and may be called
	// concurrently. Chance by default.
	Jitter func() float64
	// Muted is asked just before each Send: a text, the reason, keeps the
	// delivery back for good. It may be called concurrently. Optional.
	Muted func(*Delivery) string
	// Settled is told of every outcome once it is on stable storage. Calls for
	// one sink come one at a time and hold up that sink's next ones. Optional.
	Settled func(Settlement)
}

// DefaultGrace fits into the 10 s that "docker stop" waits.
const DefaultGrace = 8 * time.Second

// After the grace, a Send that ignores the end of its context is left behind
// after abandonAfter, and outcomes that the store does not take are given up
// after settleWithin.
const (
	abandonAfter = 500 * time.Millisecond
	settleWithin = 1500 * time.Millisecond
)

// Loop delivers: for each sink it claims, sends, judges and settles. Sinks do
// not wait for each other. Its methods may be called concurrently.
type Loop struct {
	opts LoopOptions

	mu      sync.Mutex
	running bool // Swap may add lines
	begun   bool
	stop    stopping
	lines   map[string]*line
	done    sync.WaitGroup // lines
	failure error          // the first of the store
}

// State is what the loop knows of one sink at a moment.
type State struct {
	Paused    bool
	Pause               // since when and why; zero while not paused
	NextProbe time.Time // when the paused sink is asked again

	ThrottledUntil time.Time // the whole sink waits; zero while it does not
	InFlight       int       // deliveries that are being sent
}

// NewLoop makes a loop that does nothing until Run.
func NewLoop(opts LoopOptions) *Loop {
	if opts.Grace == 0 {
		opts.Grace = DefaultGrace
	}
	if opts.Jitter == nil {
		opts.Jitter = rand.Float64
	}
	return &Loop{opts: opts, lines: map[string]*line{}}
}

// Run delivers to the destinations until ctx ends, and returns nil then, or
// until the store fails, and returns its error. It may be called once.
//
// When ctx ends no more is claimed. What is in flight keeps its context for the
// grace; then that is cancelled, known outcomes are settled and the rest is
// released, which means that it is sent again some time. A Send that goes on
// although its context has ended holds up Run for half a second more; then it
// is left behind with its goroutine, logged as an error, and its delivery
// released. While the loop runs, such a Send keeps its place among the sink's
// concurrency, and its key waits, until it returns.
//
// Run owns the sinks of the destinations: it closes those that are io.Closers,
// each after its last Send, before it returns. When Run refuses the
// destinations, it has not taken them.
func (l *Loop) Run(ctx context.Context, to []Destination) error {
	if err := checkDestinations(to); err != nil {
		return err
	}
	claims, endClaims := context.WithCancel(ctx)
	defer endClaims()
	sends, endSends := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endSends(nil)
	settles, endSettles := context.WithCancel(context.WithoutCancel(ctx))
	defer endSettles()
	fail := func(err error) {
		l.mu.Lock()
		if l.failure == nil {
			l.failure = err
		}
		l.mu.Unlock()
		endClaims()
	}
	if err := l.begin(stopping{claims, sends, settles, fail}, to); err != nil {
		return err
	}
	<-claims.Done()
	l.end(endSends, endSettles)
	return l.failure
}

// errStopping is why the context of a Send ends before its time.
var errStopping = errors.New("the relay is stopping")

func (l *Loop) begin(stop stopping, to []Destination) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun {
		return errors.New("the delivery loop has run before")
	}
	l.begun, l.running, l.stop = true, true, stop
	for _, d := range to {
		l.add(d)
	}
	return nil
}

// add begins the line of one sink. The lock is held.
func (l *Loop) add(d Destination) {
	line := newLine(d, &l.opts, l.stop)
	l.lines[d.Name] = line
	l.done.Go(line.run)
}

// end waits for the lines, as long as it is agreed.
func (l *Loop) end(endSends context.CancelCauseFunc, endSettles context.CancelFunc) {
	l.mu.Lock()
	l.running = false
	grace := l.opts.Grace
	if l.failure != nil {
		grace = 0 // no outcome can be written down any more
	}
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.done.Wait()
		for _, line := range l.lines { // of a Swap that came while the store failed
			line.retire()
		}
		close(done)
	}()
	if within(done, grace) {
		return
	}
	endSends(errStopping)
	if within(done, settleWithin) {
		return
	}
	endSettles()
	<-done
}

// within waits for done at most for d.
func within(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Swap takes the destinations of another configuration while Run goes on. A
// sink that stays keeps its line and what is in flight; its settings and its
// Sink value count from the next Send on, and a value that was replaced is
// closed after its last Send. A new sink begins; one that is not there any more
// stops claiming, and its backlog stays in the store until it comes back. A
// paused sink whose value has changed is asked at once. Swap does not wait for
// Sends.
//
// Handed in again, the same Sink value simply stays. After an error nothing has
// changed and the caller still owns the sinks.
func (l *Loop) Swap(to []Destination) error {
	if err := checkDestinations(to); err != nil {
		return fmt.Errorf("swap destinations: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		return ErrNotRunning
	}
	stays := map[string]bool{}
	for _, d := range to {
		stays[d.Name] = true
		if line, ok := l.lines[d.Name]; ok {
			l.closeUnused(line, line.change(d))
		} else {
			l.add(d)
		}
	}
	for name, line := range l.lines {
		if !stays[name] {
			l.closeUnused(line, line.change(Destination{Name: name}))
		}
	}
	return nil
}

// closeUnused closes a replaced sink value beside the caller. The lock is held.
func (l *Loop) closeUnused(line *line, unused *heldSink) {
	if unused != nil {
		l.done.Go(func() { line.closeSink(unused) })
	}
}

// State returns what the loop knows of the sink at this moment; false when the
// sink is not among the destinations.
func (l *Loop) State(sink string) (State, bool) {
	l.mu.Lock()
	line, ok := l.lines[sink]
	l.mu.Unlock()
	if !ok {
		return State{}, false
	}
	return line.state()
}

// ProbeNow lets a sink that is paused or throttled be asked at once instead of
// at its next time. False: it is neither, or not among the destinations.
func (l *Loop) ProbeNow(sink string) bool {
	l.mu.Lock()
	line, ok := l.lines[sink]
	l.mu.Unlock()
	return ok && line.probeNow()
}
