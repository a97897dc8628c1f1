package pgtest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
)

// Shared is the one server of a test binary. Nothing is started before the
// first Get. The zero value is ready to use.
type Shared struct {
	mu     sync.Mutex
	tried  bool
	server *Server
	err    error
	failed bool
}

// Get returns the server, running. It skips or fails t where there is none, as
// BOTRELAY_TEST_POSTGRES says. When t fails, it logs what the server said last.
func (s *Shared) Get(t testing.TB) *Server {
	t.Helper()
	required := mode(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if !s.tried {
		s.tried = true
		s.server, s.err = Start(ctx)
	}
	unless(t, s.err, required)
	if !s.server.Running() {
		if err := s.server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's last words:\n%s", s.server.Tail(20))
			s.mu.Lock()
			s.failed = true
			s.mu.Unlock()
		}
	})
	return s.server
}

// Own starts a server of t's own, with settings of the form name=value.
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	required := mode(t)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := Start(ctx, settings...)
	unless(t, err, required)
	t.Cleanup(func() { server.Stop(!t.Failed()) })
	return server
}

// mode reads BOTRELAY_TEST_POSTGRES.
func mode(t testing.TB) (required bool) {
	t.Helper()
	switch mode := os.Getenv("BOTRELAY_TEST_POSTGRES"); mode {
	case "off":
		t.Skip("BOTRELAY_TEST_POSTGRES=off")
	case "require":
		return true
	case "":
	default:
		t.Fatalf("BOTRELAY_TEST_POSTGRES=%s is neither require nor off", mode)
	}
	return false
}

// unless skips t when something is not installed, and fails it for any other
// error.
func unless(t testing.TB, err error, required bool) {
	t.Helper()
	if errors.Is(err, ErrNotInstalled) && !required {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Runner runs the tests of a binary and stops the server, so that a check for
// goroutines left behind finds none of it:
//
//	goleak.VerifyTestMain(pgtest.Runner{M: m, Shared: &server})
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

// stop ends the server. Its directory stays where a test has failed.
func (s *Shared) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		s.server.Stop(!s.failed)
	}
}
