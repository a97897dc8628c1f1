package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"botrelay/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a store and runs it until the test ends or stop is called.
func open(t testing.TB, opts Options) (s *Store, stop func() error) {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet()
	}
	if opts.Boot == nil {
		opts.Boot = monotonicClock() // of the bubble, where there is one
	}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, run(t, s)
}

// run runs the store until the test ends or stop is called.
func run(t testing.TB, s *Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return errors.Join(<-ran, s.Close())
	}
	t.Cleanup(func() {
		if err := stop(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return stop
}

// event is the n-th of a bot, as it is received.
func event(n int, bot string) *relay.Event {
	body := fmt.Sprintf(`{"event":"bot.in_call_recording","data":{"n":%d,"bot":{"id":%q},"pad":%q}}`, n, bot, strings.Repeat("x", 900))
	return &relay.Event{
		Source: "recall", ID: fmt.Sprintf("msg_%08d", n), Received: time.Now(), Raw: []byte(body),
		Fields: relay.Fields{
			Event: "bot.in_call_recording", Code: relay.Some("in_call_recording"), Side: "nobody", Platform: "zoom",
			BotID: relay.Some(bot), Metadata: []byte(`{"tenant":"acme"}`), At: time.Now(), Key: bot,
		},
	}
}

// targets is one delivery of ev for each sink.
func targets(ev *relay.Event, sinks ...string) (to []relay.Target) {
	for _, sink := range sinks {
		to = append(to, relay.Target{Sink: sink, Key: ev.OrderKey(), Route: "all"})
	}
	return to
}

// mustAppend stores ev for the sinks.
func mustAppend(t testing.TB, s *Store, ev *relay.Event, sinks ...string) relay.Receipt {
	t.Helper()
	r, err := s.Append(t.Context(), ev, targets(ev, sinks...)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled gives every delivery the verdict.
func settled(ds []*relay.Delivery, v relay.Verdict) (done []relay.Settlement) {
	for _, d := range ds {
		done = append(done, relay.Settlement{Delivery: d, Verdict: v, Began: time.Now(), Took: time.Millisecond, Note: "200"})
	}
	return done
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// sized is n, or a twentieth of it under the race detector, which makes the
// driver twenty times slower; at least least.
func sized(n, least int) int {
	if raceEnabled {
		return max(n/20, least)
	}
	return n
}

// quickDir is a folder in memory where there is such a thing: for tests that
// open many stores and leave syncing to others.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "botrelay-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// copyStore copies the files of a store, but for the lock and the shared memory.
func copyStore(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{databaseFile, databaseFile + "-wal"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
