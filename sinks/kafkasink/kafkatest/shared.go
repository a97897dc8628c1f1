package kafkatest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds the start of a broker. It takes 2 s, and 22 s on a
// machine that is busy twentyfold.
const startTimeout = 2 * time.Minute

// Shared is the one broker of a test binary. Nothing is started before the
// first Get. The zero value is ready to use.
type Shared struct {
	mu     sync.Mutex
	tried  bool
	broker *Broker
	err    error
	failed bool
}

// Get returns the broker, running. It skips or fails t where there is none, as
// BOTRELAY_TEST_KAFKA says. When t fails, it logs what the broker said last.
func (s *Shared) Get(t testing.TB) *Broker {
	t.Helper()
	mode := os.Getenv("BOTRELAY_TEST_KAFKA")
	switch mode {
	case "off":
		t.Skip("BOTRELAY_TEST_KAFKA=off")
	case "", "require":
	default:
		t.Fatalf("BOTRELAY_TEST_KAFKA=%s is neither require nor off", mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if !s.tried {
		s.tried = true
		s.broker, s.err = Start(ctx)
	}
	if errors.Is(s.err, ErrNotInstalled) && mode != "require" {
		t.Skip(s.err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	if !s.broker.running() {
		if err := s.broker.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker's last words:\n%s", s.broker.tail(20))
			s.mu.Lock()
			s.failed = true
			s.mu.Unlock()
		}
	})
	return s.broker
}

// Runner runs the tests of a binary and stops the broker, so that a check for
// goroutines left behind finds none of it:
//
//	goleak.VerifyTestMain(kafkatest.Runner{M: m, Shared: &broker})
type Runner struct {
	M      *testing.M
	Shared *Shared
}

// Run returns the exit code of the tests.
func (r Runner) Run() int {
	code := r.M.Run()
	r.Shared.stop()
	return code
}

// stop ends the broker. Its directory stays where a test has failed.
func (s *Shared) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broker != nil {
		s.broker.Stop(!s.failed)
	}
}
