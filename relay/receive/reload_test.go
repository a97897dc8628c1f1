package receive

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
)

// Rotation: the new secret is added, both are accepted, the old one is taken
// out. The counters go on, and each secret's last use stays with it.
func TestSwapRotatesSecrets(t *testing.T) {
	s := serve(t, Options{}, nil)
	send := func(id, secret string, want int) {
		t.Helper()
		if got := s.one(t, post(path, signed(t, secret, "svix", id, now, goodBody), goodBody)); got.status != want {
			t.Errorf("%s: got %d, want %d", id, got.status, want)
		}
	}
	swap := func(secrets ...string) {
		t.Helper()
		if err := s.Swap([]Source{{Name: "recall", Path: path, Verifier: verifier(t, secrets...)}}, toLake); err != nil {
			t.Fatal(err)
		}
	}
	send("a", secretA, 202)
	send("b", secretB, 401)
	swap(secretA, secretB)
	if got := s.Stats().Sources[0].Secrets; got[0].LastUsed.IsZero() || !got[1].LastUsed.IsZero() {
		t.Errorf("after adding the second: got %+v", got)
	}
	send("c", secretA, 202)
	send("d", secretB, 202)
	swap(secretB)
	send("e", secretA, 401)
	send("f", secretB, 202)
	got := s.Stats().Sources[0]
	if got.Accepted != 4 || got.Refused[ReasonBadSignature] != 2 {
		t.Errorf("got %d accepted, %v refused, want 4 and 2", got.Accepted, got.Refused)
	}
	if len(got.Secrets) != 1 || got.Secrets[0].LastUsed.IsZero() {
		t.Errorf("got secrets %+v", got.Secrets)
	}
}

func TestSwapMovesSources(t *testing.T) {
	s := serve(t, Options{}, nil)
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	none := func(*relay.Event) []relay.Target { return nil }
	if err := s.Swap([]Source{{Name: "staging", Path: "/hooks", Verifier: verifier(t, secretA), MaxBody: 10}}, none); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]int{path: 404, "/hooks": 413} {
		got := s.one(t, post(target, good, goodBody))
		if got.status != want || got.close != (want == 413) {
			t.Errorf("%s: got %d, close %v, want %d", target, got.status, got.close, want)
		}
	}
}

func TestSwapRefuses(t *testing.T) {
	v := verifier(t, secretA)
	ok := Source{Name: "recall", Path: path, Verifier: v}
	s := serve(t, Options{}, nil)
	for _, tc := range []struct {
		sources []Source
		want    string
	}{
		{[]Source{{Path: "/a", Verifier: v}}, "has no name"},
		{[]Source{ok, {Name: "recall", Path: "/b", Verifier: v}}, "source recall: stands twice"},
		{[]Source{ok, {Name: "b", Path: path, Verifier: v}}, "source b: path /webhooks/recall is that of source recall"},
		{[]Source{{Name: "a", Path: "/a"}}, "source a: has no secrets"},
		{[]Source{{Name: "a", Path: "a", Verifier: v}}, `source a: path "a"`},
		{[]Source{{Name: "a", Path: "/", Verifier: v}}, `source a: path "/"`},
		{[]Source{{Name: "a", Path: "/a b", Verifier: v}}, `source a: path "/a b" has characters`},
		{[]Source{{Name: "a", Path: "/a%20b", Verifier: v}}, `source a: path "/a%20b" has characters`},
		{[]Source{{Name: "a", Path: "/a?b", Verifier: v}}, `source a: path "/a?b" has characters`},
		{[]Source{{Name: "a", Path: "/readyz", Verifier: v}}, "source a: path /readyz is taken"},
		{[]Source{{Name: "a", Path: "/a", Verifier: v, MaxBody: 33 << 20}}, "source a: max_body"},
		{[]Source{{Name: "a", Path: "/a", Verifier: v, MaxBody: -1}}, "source a: max_body"},
	} {
		if err := s.Swap(tc.sources, toLake); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
		if _, err := New(Options{Sources: tc.sources, Log: s.log}); err == nil {
			t.Errorf("New takes what Swap refuses: %q", tc.want)
		}
	}
	if got := s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)); got.status != 202 {
		t.Errorf("after refused swaps: got %d, want 202", got.status)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("New takes no log")
	}
}

// A request sees one table from its beginning to its end.
func TestSwapUnderLoad(t *testing.T) {
	s := serve(t, Options{}, nil)
	a := []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretA)}}
	b := []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretB, secretA)}}
	var group sync.WaitGroup
	stop := make(chan struct{})
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Swap([][]Source{a, b}[i%2], toLake); err != nil {
				t.Error(err)
			}
			s.Stats()
		}
	})
	client := &pipe{site: s}
	for range 500 {
		if got := client.send(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)); got.status > 202 {
			t.Fatalf("got %d", got.status)
		}
	}
	client.close()
	close(stop)
	group.Wait()
}

func TestStartingAndDraining(t *testing.T) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	var full atomic.Bool
	s := serve(t, Options{Ready: func() error {
		if full.Load() {
			return relay.ErrFull
		}
		return nil
	}}, nil)
	sources := []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretA)}}
	want := func(what string, ready, accept int) {
		t.Helper()
		if got := s.one(t, "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n"); got.status != 200 || got.body != "ok\n" {
			t.Errorf("%s: /healthz: got %d %q", what, got.status, got.body)
		}
		if got := s.one(t, "GET /readyz HTTP/1.1\r\nHost: r\r\n\r\n"); got.status != ready {
			t.Errorf("%s: /readyz: got %d, want %d", what, got.status, ready)
		}
		got := s.one(t, post(path, good, goodBody))
		if got.status != accept {
			t.Errorf("%s: got %d, want %d", what, got.status, accept)
		}
		if accept == 503 {
			wantBusy(t, got)
		}
	}
	if err := s.Swap(sources, nil); err != nil {
		t.Fatal(err)
	}
	want("starting", 503, 503)
	if err := s.Swap(sources, toLake); err != nil {
		t.Fatal(err)
	}
	want("ready", 200, 202)
	full.Store(true)
	want("not ready", 503, 200) // a duplicate is known even so
	full.Store(false)
	s.Drain()
	want("draining", 503, 503)
	if got := s.one(t, post("/x", http.Header{}, "")); got.status != 404 {
		t.Errorf("draining, unknown path: got %d, want 404", got.status)
	}
	if got := s.refusals(); got[ReasonBusy] != 2 {
		t.Errorf("got %v refused, want 2 busy", got)
	}
}

// What has begun is finished: Drain and the end of Serve do not cut it off.
func TestDrainFinishesWhatHasBegun(t *testing.T) {
	s := serve(t, Options{}, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	s.log.commit = func(ctx context.Context, _ *relay.Event) error {
		close(entered)
		<-leave
		return ctx.Err()
	}
	got := make(chan answer, 1)
	go func() {
		got <- s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody))
	}()
	<-entered
	s.Drain()
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	close(leave)
	if a := <-got; a.status != 202 {
		t.Errorf("got %d, want 202", a.status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A request that outlasts the grace is cut off, which is no failure: anybody may
// hold one open.
func TestServeCutsOffAfterGrace(t *testing.T) {
	s := serve(t, Options{}, func(r *Receiver, s *Server) {
		s.Grace = 20 * time.Millisecond
		r.within = 300 * time.Millisecond
	})
	entered := make(chan struct{})
	s.log.commit = func(ctx context.Context, _ *relay.Event) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}
	got := make(chan []answer, 1)
	go func() {
		got <- s.exchange(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody))
	}()
	<-entered
	if err := s.stop(); err != nil {
		t.Errorf("got %v", err)
	}
	if a := <-got; len(a) != 0 {
		t.Errorf("got %+v, want no answer", a)
	}
}
