package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"botrelay/relay"
	"botrelay/relay/store/pgstore/pgtest"
)

// server is the PostgreSQL of this test binary; the first test that asks starts
// it.
var server pgtest.Shared

func TestMain(m *testing.M) {
	if url := os.Getenv(relayURL); url != "" {
		os.Exit(beRelay(url))
	}
	goleak.VerifyTestMain(pgtest.Runner{M: m, Shared: &server})
}

// open opens a store and runs it until the test ends or stop is called.
func open(t testing.TB, opts Options) (s *Store, stop func() error) {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet()
	}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ran, s.Close())
	})
	t.Cleanup(func() {
		if err := stop(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	return s, stop
}

// vanish ends a store as if its process had been killed: no lease is given back
// and nothing that waits is stored.
func vanish(s *Store) { s.close() }

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

// claimNow takes what is there.
func claimNow(t testing.TB, s *Store, sink string, max int) []*relay.Delivery {
	t.Helper()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	ds, err := s.Claim(done, sink, max)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// sql runs a statement as somebody else.
func sql(t testing.TB, url, text string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // nothing is under way
	if _, err := conn.Exec(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// ask runs a query that has one value, as somebody else.
func ask[T any](t testing.TB, url, text string, args ...any) (value T) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // nothing is under way
	if err := conn.QueryRow(context.Background(), text, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// eventually waits until f is true, at most for as long.
func eventually(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	deadline := time.After(within)
	for !f() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// sized is n, or a tenth of it under the race detector; at least least.
func sized(n, least int) int {
	if raceEnabled {
		return max(n/10, least)
	}
	return n
}
