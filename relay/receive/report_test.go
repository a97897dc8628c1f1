package receive

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines returns the messages logged so far.
func lines(t *testing.T, logs *syncBuffer) (all []string) {
	t.Helper()
	for line := range strings.Lines(logs.String()) {
		var record struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, record.Level+" "+record.Msg)
	}
	return all
}

// The first refusal of a kind is told at once, the others once a minute, with
// their number and the remedy.
func TestRunTellsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &syncBuffer{}
		r, err := New(Options{
			Sources: []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretA)}},
			Log:     newMemoryLog(t), Routes: toLake,
			Logger: slog.New(slog.NewJSONHandler(logs, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		send := func(header http.Header, times int) {
			for range times {
				req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(goodBody))
				req.Header = header
				r.ServeHTTP(httptest.NewRecorder(), req)
			}
			synctest.Wait()
		}
		want := func(what string, all ...string) {
			t.Helper()
			if diff := cmp.Diff(all, lines(t, logs)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		unsigned := http.Header{}
		wrong := func() http.Header { return signed(t, secretB, "svix", "m", time.Now(), goodBody) }
		const (
			one    = "WARN source recall: 1 request without signature headers: create the workspace secret (Recall dashboard > Developers > API Keys & Secrets)"
			eleven = "WARN source recall: 11 requests without signature headers: create the workspace secret (Recall dashboard > Developers > API Keys & Secrets)"
			fits   = "WARN source recall: 1 request whose signature fits no secret: copy the endpoint's Signing Secret (bottom right)"
			clock  = "WARN source recall: 1 request whose time is off by 7 min: check this machine's clock"
			twice  = "WARN source recall: 1 request with malformed signature headers (a header is repeated): look for a proxy that adds or changes headers"
			rest   = "WARN source recall: 2 requests whose signature fits no secret: copy the endpoint's Signing Secret (bottom right)"
		)
		send(unsigned, 1)
		want("the first", one)
		send(unsigned, 11)
		want("within the minute", one)
		send(wrong(), 1)
		want("another kind", one, fits)
		send(signed(t, secretA, "svix", "m", time.Now().Add(-7*time.Minute), goodBody), 1)
		want("clock", one, fits, clock)
		send(with(wrong(), "Svix-Id", "m"), 1)
		want("malformed", one, fits, clock, twice)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		want("59 s later", one, fits, clock, twice)
		time.Sleep(time.Second)
		synctest.Wait()
		want("a minute later", one, fits, clock, twice, eleven)
		time.Sleep(time.Hour)
		synctest.Wait()
		want("an hour of quiet", one, fits, clock, twice, eleven)
		send(wrong(), 1)
		send(wrong(), 2)
		cancel()
		synctest.Wait()
		want("at the end", one, fits, clock, twice, eleven, fits, rest)
	})
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		90 * time.Second: "90 s", -7*time.Minute - 3*time.Second: "7 min", 5 * time.Hour: "5 h", -24 * 400 * time.Hour: "400 days",
		-1 << 63: "centuries",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

// Every cause has an answer that net/http knows, a reason of the closed list
// and a text.
func TestCausesAreComplete(t *testing.T) {
	reasons := map[string]bool{}
	for _, reason := range Reasons() {
		reasons[reason] = true
	}
	for c := range causeConflict {
		refusal := refuseWith(c, "detail")
		if refusedBodies[refusal.Status] == nil || !reasons[refusal.Reason] || strings.Contains(refusal.Error(), "%!") || causes[c].remedy == "" {
			t.Errorf("cause %d: %d %s %q", c, refusal.Status, refusal.Reason, refusal)
		}
	}
}

// No secret and nothing of a payload is logged, at debug level and whatever
// becomes of a request.
func TestLogsHoldNoSecretAndNoPayload(t *testing.T) {
	s := serve(t, Options{Sources: []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretA, secretB), MaxBody: 4096}}}, nil)
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	client := &pipe{site: s}
	canaries := []string{"canary", "path-", strings.TrimPrefix(secretA, "whsec_"), strings.TrimPrefix(secretB, "whsec_"), "test-only-key", strings.TrimPrefix(good.Get("Svix-Signature"), "v1,")}
	requests := []string{
		post(path, good, goodBody), post(path, good, goodBody), post(path, signed(t, secretB, "webhook", "msg_1", now, goodBody+" "), goodBody+" "),
		post(path, signed(t, secretA, "svix", "msg_2", now, `"payload-canary`), `"payload-canary`),
		post(path, good, "payload-canary"), post(path+"?token=query-canary", good, "x"), post("/path-canary", good, "x"),
		post(path, with(good, "Svix-Id", "id-canary"), goodBody), post(path, signed(t, secretA, "svix", "id canary", now, goodBody), goodBody),
		post(path, with(good, "Content-Encoding", "encoding-canary"), goodBody), post(path, good, strings.Repeat("payload-canary", 1000)),
		"method-canary" + strings.TrimPrefix(post(path, good, goodBody), "POST"),
		post(path, with(without(good, "Svix-Timestamp"), "Svix-Timestamp", "time-canary"), goodBody),
		post(path, with(good, "Transfer-Encoding", "chunked"), "canary\r\n"),
	}
	for _, request := range requests {
		client.send(t, request)
	}
	client.close()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	logs := s.logs.String()
	if n := strings.Count(logs, "\n"); n < len(requests) {
		t.Errorf("got %d lines, want at least one for each request at debug level", n)
	}
	for _, canary := range canaries {
		for line := range strings.Lines(logs) {
			if strings.Contains(line, canary) {
				t.Errorf("%q is in the log: %s", canary, line)
			}
		}
	}
}
