package receive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func TestAnswers(t *testing.T) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	of := func(body string) http.Header { return signed(t, secretA, "webhook", "msg_1", now, body) }
	huge := strings.Repeat("x", 1<<20+1)
	quarantine := `{"event":`
	for _, tc := range []struct {
		name    string
		request string
		status  int
		body    string
		header  map[string]string // of the answer
		close   bool
		stored  int
		refused string // reason; "/" in front: of no source
	}{
		{"new", post(path, good, goodBody), 202, "accepted\n", nil, false, 1, ""},
		{"new, webhook headers", post(path, of(goodBody), goodBody), 202, "accepted\n", nil, false, 1, ""},
		{"query", post(path+"?a=b", good, goodBody), 202, "accepted\n", nil, false, 1, ""},
		{"absolute form", post("http://elsewhere"+path, good, goodBody), 202, "accepted\n", nil, false, 1, ""},
		{"quarantined", post(path, of(quarantine), quarantine), 202, "accepted\n", nil, false, 1, ""},
		{"empty body", post(path, of(""), ""), 202, "accepted\n", nil, false, 1, ""},
		{"chunked", post(path, with(good, "Transfer-Encoding", "chunked"), chunked(goodBody)), 202, "accepted\n", nil, true, 1, ""},
		{"identity", post(path, with(good, "Content-Encoding", "Identity"), goodBody), 202, "accepted\n", nil, false, 1, ""},
		{"of the limit", post(path, of(huge[1:]), huge[1:]), 202, "accepted\n", nil, false, 1, ""},
		{"chunked, of the limit", post(path, with(of(huge[1:]), "Transfer-Encoding", "chunked"), chunked(huge[1:])), 202, "accepted\n", nil, true, 1, ""},

		{"no headers", post(path, http.Header{}, goodBody), 401, "unauthorized\n", nil, false, 0, ReasonNoSignature},
		{"part of the headers", post(path, without(good, "Svix-Signature"), goodBody), 401, "unauthorized\n", nil, false, 0, ReasonNoSignature},
		{"other body", post(path, good, goodBody+"\n"), 401, "unauthorized\n", nil, false, 0, ReasonBadSignature},
		{"old", post(path, signed(t, secretA, "svix", "msg_1", now.Add(-301*time.Second), goodBody), goodBody), 401, "unauthorized\n", nil, false, 0, ReasonClock},
		{"repeated", post(path, with(good, "Svix-Id", "msg_1"), goodBody), 400, "bad request\n", nil, false, 0, ReasonMalformed},
		{"folded id", strings.Replace(post(path, good, goodBody), "Svix-Id: msg_1", "Svix-Id: msg\r\n _1", 1), 400, "bad request\n", nil, false, 0, ReasonMalformed},

		{"unknown path", post("/webhooks/other", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"slash behind", post(path+"/", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"two slashes", post("/"+path, good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"dots", post("/x/.."+path, good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"encoded slash", post("/webhooks%2frecall", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"encoded letter", post("/webhooks/rec%61ll", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"encoded NUL", post(path+"%00", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"other case", post("/Webhooks/recall", good, goodBody), 404, "not found\n", nil, false, 0, "/other"},
		{"root", "GET / HTTP/1.1\r\nHost: r\r\n\r\n", 404, "not found\n", nil, false, 0, "/other"},
		{"metrics", "GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n", 404, "not found\n", nil, false, 0, "/other"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: r\r\n\r\n", 404, "not found\n", nil, false, 0, "/other"},
		{"CONNECT", "CONNECT r:80 HTTP/1.1\r\nHost: r:80\r\n\r\n", 404, "not found\n", nil, false, 0, "/other"},

		{"GET", "GET " + path + " HTTP/1.1\r\nHost: r\r\n\r\n", 405, "method not allowed\n", map[string]string{"Allow": "POST"}, false, 0, ReasonOther},
		{"post", "post" + strings.TrimPrefix(post(path, good, goodBody), "POST"), 405, "method not allowed\n", map[string]string{"Allow": "POST"}, false, 0, ReasonOther},
		{"PUT", "PUT" + strings.TrimPrefix(post(path, good, goodBody), "POST"), 405, "method not allowed\n", map[string]string{"Allow": "POST"}, false, 0, ReasonOther},
		{"override", "GET " + path + " HTTP/1.1\r\nHost: r\r\nX-HTTP-Method-Override: POST\r\n\r\n", 405, "method not allowed\n", map[string]string{"Allow": "POST"}, false, 0, ReasonOther},
		{"post to healthz", post("/healthz", good, goodBody), 405, "method not allowed\n", map[string]string{"Allow": "GET, HEAD"}, false, 0, "/other"},

		{"gzip", post(path, with(good, "Content-Encoding", "gzip"), goodBody), 415, "unsupported content encoding\n", nil, false, 0, ReasonOther},
		{"two encodings", post(path, with(good, "Content-Encoding", "identity", "Content-Encoding", "br"), goodBody), 415, "unsupported content encoding\n", nil, false, 0, ReasonOther},
		{"too large", post(path, of(huge), huge), 413, "body too large\n", nil, true, 0, ReasonTooLarge},
		{"declared too large", post(path, with(good, "Content-Length", "99999999999"), ""), 413, "body too large\n", nil, true, 0, ReasonTooLarge},
		{"too large, waits for 100", post(path, with(good, "Content-Length", "1048577", "Expect", "100-continue"), ""), 413, "body too large\n", nil, true, 0, ReasonTooLarge},
		{"too large before 415", post(path, with(good, "Content-Length", "1048577", "Content-Encoding", "gzip"), ""), 413, "body too large\n", nil, true, 0, ReasonTooLarge},
		{"chunked too large", post(path, with(of(huge), "Transfer-Encoding", "chunked"), chunked(huge)), 413, "body too large\n", nil, true, 0, ReasonTooLarge},
		{"unsigned, waits for 100", post(path, http.Header{"Content-Length": {"5"}, "Expect": {"100-continue"}}, ""), 401, "unauthorized\n", nil, true, 0, ReasonNoSignature},

		{"healthz", "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n", 200, "ok\n", nil, false, 0, ""},
		{"readyz", "GET /readyz HTTP/1.1\r\nHost: r\r\n\r\n", 200, "ok\n", nil, false, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Options{}, nil)
			got := s.one(t, tc.request)
			if got.status != tc.status || got.body != tc.body || got.close != tc.close {
				t.Errorf("got %d %q close %v, want %d %q close %v", got.status, got.body, got.close, tc.status, tc.body, tc.close)
			}
			for name, want := range tc.header {
				if got.header.Get(name) != want {
					t.Errorf("%s: got %q, want %q", name, got.header.Get(name), want)
				}
			}
			if stored := len(s.log.stored()); stored != tc.stored {
				t.Errorf("got %d events stored, want %d", stored, tc.stored)
			}
			want := map[string]uint64{}
			if tc.refused != "" {
				want[tc.refused] = 1
			}
			if diff := cmp.Diff(want, s.refusals()); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			for name := range got.header {
				if strings.HasPrefix(strings.ToLower(name), "webhook-") || name == "Location" {
					t.Errorf("the answer has a header %s", name)
				}
			}
		})
	}
}

func chunked(body string) string {
	if body == "" {
		return "0\r\n\r\n"
	}
	half := len(body) / 2
	return fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, body[:half], len(body)-half, body[half:])
}

func TestStoreAnswers(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string // in the log
	}{
		{"full", relay.ErrFull, "1 request while the store was full"},
		{"closed", fmt.Errorf("append: %w", relay.ErrClosed), "1 request while the store was closing"},
		{"unavailable", fmt.Errorf("commit: %w", relay.ErrUnavailable), "1 request while the store was unavailable (commit: the store is unavailable)"},
		{"unknown", errors.New("odd"), "1 request that the store did not take (odd)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, Options{}, nil)
			s.log.commit = func(context.Context, *relay.Event) error { return tc.err }
			got := s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody))
			wantBusy(t, got)
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(s.logs.String(), tc.want) {
				t.Errorf("log has no %q:\n%s", tc.want, s.logs)
			}
		})
	}
}

func wantBusy(t *testing.T, got answer) {
	t.Helper()
	after, err := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != 503 || got.body != "try again\n" || err != nil || after < 5 || after > 15 {
		t.Errorf("got %d %q, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
	}
}

func TestSlowStoreIsAnswered503(t *testing.T) {
	s := serve(t, Options{}, func(r *Receiver, _ *Server) { r.within = 50 * time.Millisecond })
	s.log.commit = func(ctx context.Context, _ *relay.Event) error {
		<-ctx.Done()
		return ctx.Err()
	}
	wantBusy(t, s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)))
	if got := s.Receiver.known.byName["recall"].refused[causeStoreSlow].Load(); got != 1 {
		t.Errorf("got %d requests too slow, want 1", got)
	}
}

func TestEventAsAppended(t *testing.T) {
	var verified atomic.Int32
	s := serve(t, Options{Verified: func() { verified.Add(1) }}, nil)
	s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody))
	s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody+" "))
	stored := s.log.stored()
	if len(stored) != 1 || verified.Load() != 1 {
		t.Fatalf("got %d events, %d verified, want 1 and 1", len(stored), verified.Load())
	}
	got := stored[0]
	want := relay.Event{
		Source: "recall", ID: "msg_1", Received: now.UTC(), Raw: []byte(goodBody),
		Fields: relay.Fields{Event: "bot.done", Code: relay.Some("done"), BotID: relay.Some("b-1"), Metadata: []byte(`{"tenant":"payload-canary"}`), Key: "b-1"},
	}
	got.copy.Fields.Side, got.copy.Fields.At = "", time.Time{} // package recall's affair
	if diff := cmp.Diff(want, got.copy, cmp.AllowUnexported(relay.Optional{})); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]relay.Target{{Sink: "lake", Key: "recall/b-1", Route: "all"}}, got.to); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestResultsAreCounted(t *testing.T) {
	s := serve(t, Options{Routes: func(ev *relay.Event) []relay.Target {
		switch ev.Fields.Event {
		case "bot.done":
			return toLake(ev)
		case "bot.joining_call": // a timer is no delivery of a route
			return []relay.Target{{Sink: "_watch", After: now.Add(time.Minute)}}
		}
		return nil
	}}, nil)
	send := func(id, body string) {
		t.Helper()
		s.one(t, post(path, signed(t, secretA, "svix", id, now, body), body))
	}
	send("a", goodBody)
	send("b", `{"event":"bot.joining_call"}`)
	send("c", `{"event":"else"}`)
	send("d", `not json`)
	send("a", goodBody)
	send("a", `{"event":"other body"}`)
	got := s.Stats().Sources[0]
	if !got.LastEvent.Equal(now) || !got.Secrets[0].LastUsed.Equal(now) {
		t.Errorf("last event %v, secret last used %v, want %v", got.LastEvent, got.Secrets[0].LastUsed, now)
	}
	got.Refused, got.LastEvent, got.Secrets = nil, time.Time{}, nil
	want := SourceStats{Name: "recall", Accepted: 1, Filtered: 2, Quarantined: 1, Duplicate: 2, Conflict: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	sum := uint64(0)
	for _, n := range s.Stats().Accept.Counts {
		sum += n
	}
	if sum != 6 {
		t.Errorf("got %d requests in the histogram, want 6", sum)
	}
	if r := s.log.known[[2]string{"recall", "a"}]; string(r.copy.Raw) != goodBody {
		t.Errorf("the first body was not kept: %s", r.copy.Raw)
	}
	_ = s.stop()
	if want := "source recall: 1 request with a known id and another body (last a)"; !strings.Contains(s.logs.String(), want) {
		t.Errorf("log has no %q", want)
	}
}

func TestPanicIsAnswered500(t *testing.T) {
	s := serve(t, Options{Routes: func(ev *relay.Event) []relay.Target {
		if ev.ID == "bad" {
			panic("panic-canary " + string(ev.Raw))
		}
		return toLake(ev)
	}}, nil)
	for range 2 {
		got := s.one(t, post(path, signed(t, secretA, "svix", "bad", now, goodBody), goodBody))
		if got.status != 500 || got.body != "internal error\n" {
			t.Errorf("got %d %q, want 500", got.status, got.body)
		}
	}
	if got := s.one(t, post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)); got.status != 202 {
		t.Errorf("after a panic: got %d, want 202", got.status)
	}
	if got := s.refusals(); got[ReasonOther] != 2 {
		t.Errorf("got %v refused, want 2 other", got)
	}
	_ = s.stop()
	if n := strings.Count(s.logs.String(), `"stack":`); n != 1 {
		t.Errorf("got %d stacks in the log, want 1", n)
	}
	if strings.Contains(s.logs.String(), "canary") {
		t.Errorf("the log holds the payload:\n%s", s.logs)
	}
}
