package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is a loop over a queue in memory, inside a synctest bubble: a sleep
// there is virtual time that passes.
type world struct {
	t      *testing.T
	start  time.Time
	queue  *memQueue
	memory *memMemory
	log    *logBuffer
	opts   LoopOptions

	loop *Loop
	stop context.CancelFunc
	done chan error
}

// inWorld runs the test in a bubble. Waits have no jitter: 1 s, 2 s, 4 s, …
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, start: time.Now(), queue: newMemQueue(t), memory: newMemMemory(), log: &logBuffer{}}
		w.opts = LoopOptions{
			Queue: w.queue, Memory: w.memory, Jitter: func() float64 { return 1 },
			Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		f(t, w)
	})
}

// run begins a loop; a second one goes on with the same queue and memory.
func (w *world) run(to ...Destination) {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.loop, w.stop, w.done = NewLoop(w.opts), cancel, make(chan error, 1)
	loop, done := w.loop, w.done
	go func() { done <- loop.Run(ctx, to) }()
	synctest.Wait()
}

// end stops the loop and returns how long that took.
func (w *world) end() time.Duration {
	w.t.Helper()
	began := time.Now()
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run: %v", err)
	}
	if n := w.queue.claimed(); n > 0 {
		w.t.Errorf("%d deliveries are still claimed after Run", n)
	}
	return time.Since(began)
}

// pass lets time go by and everything settle.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) now() time.Duration { return time.Since(w.start) }

func (w *world) state(sink string) State {
	w.t.Helper()
	s, ok := w.loop.State(sink)
	if !ok {
		w.t.Fatalf("no state of sink %s", sink)
	}
	return s
}

// logBuffer is what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines returns those that hold all of the texts.
func (b *logBuffer) lines(texts ...string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for line := range strings.Lines(b.buf.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// testSink answers by a function and keeps every call.
type testSink struct {
	answer func(ctx context.Context, d *Delivery) (string, error)

	mu    sync.Mutex
	calls []testCall
	facts sinkFacts
}

// sinkFacts are what became of a testSink.
type sinkFacts struct {
	active, most, closed int
	tooEarly             bool // closed before its last Send had returned
}

func (s *testSink) look() sinkFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.facts
}

// testCall is one Send: when, what, which attempt.
type testCall struct {
	at      time.Time
	id      string
	bot     string
	attempt int
}

func (s *testSink) Send(ctx context.Context, d *Delivery) (string, error) {
	s.enter(d)
	defer s.leave()
	if s.answer == nil {
		return "ok", nil
	}
	return s.answer(ctx, d)
}

func (s *testSink) enter(d *Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts.closed > 0 {
		s.facts.tooEarly = true
	}
	s.calls = append(s.calls, testCall{time.Now(), d.Event.ID, d.Event.Fields.Key, d.Attempt})
	s.facts.active++
	s.facts.most = max(s.facts.most, s.facts.active)
}

func (s *testSink) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts.active--
}

func (s *testSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts.closed++
	if s.facts.active > 0 {
		s.facts.tooEarly = true
	}
	return nil
}

// all is a copy of every call.
func (s *testSink) all() []testCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// sent returns the calls for an id, or all for "", as "id@when".
func (s *testSink) sent(start time.Time, id string) (calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if id == "" || c.id == id {
			calls = append(calls, fmt.Sprintf("%s@%s", c.id, c.at.Sub(start)))
		}
	}
	return calls
}

// times returns when an id was sent, or anything for "".
func (s *testSink) times(start time.Time, id string) (at []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if id == "" || c.id == id {
			at = append(at, c.at.Sub(start))
		}
	}
	return at
}

func (s *testSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// The failures of the tests.
var (
	errHTTP500 = errors.New("HTTP 500")
	err404     = &Fault{Kind: Doubtful, Err: errors.New("HTTP 404")}
	err422     = &Fault{Kind: Refused, Err: errors.New("HTTP 422")}
	err429     = &Fault{Kind: Throttled, Err: errors.New("HTTP 429")}
	errAuth    = &Fault{Kind: Broken, Cause: CauseAuth, Err: errors.New("wrong password (SASL)")}
	errNoWay   = &Fault{Kind: Unreachable, Err: errors.New("connection refused")}
)

func throttledFor(d time.Duration) error {
	return &Fault{Kind: Throttled, After: d, Err: errors.New("HTTP 429")}
}

func seconds(s ...float64) (ds []time.Duration) {
	for _, x := range s {
		ds = append(ds, time.Duration(x*float64(time.Second)).Round(time.Microsecond))
	}
	return ds
}
