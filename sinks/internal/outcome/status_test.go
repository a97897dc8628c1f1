package outcome

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"botrelay/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKindOfEveryStatus(t *testing.T) {
	named := map[int]relay.Kind{
		400: relay.Refused, 413: relay.Refused, 414: relay.Refused, 422: relay.Refused,
		408: relay.Transient, 425: relay.Transient, 429: relay.Throttled, 501: relay.Doubtful,
	}
	for status := 100; status < 1000; status++ {
		if status/100 == 2 {
			continue
		}
		want, ok := named[status]
		if !ok {
			want = relay.Doubtful
			if status/100 == 5 {
				want = relay.Transient
			}
		}
		if got := Kind(status, false); got != want {
			t.Errorf("Kind(%d, false) = %d, want %d", status, got, want)
		}
		if status == http.StatusServiceUnavailable {
			want = relay.Throttled
		}
		if got := Kind(status, true); got != want {
			t.Errorf("Kind(%d, true) = %d, want %d", status, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	now := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		status      int
		retry, body string
		note        string
		kind        relay.Kind // not looked at for 2xx
		after       time.Duration
	}{
		"accepted, words not kept": {202, "", "thank you", "HTTP 202", 0, 0},
		"no words":                 {500, "", "", "HTTP 500", relay.Transient, 0},
		"plain words":              {422, "", " unknown\n\ttenant ", "HTTP 422: unknown tenant", relay.Refused, 0},
		"JSON error":               {422, "", `{"error":"unknown tenant","trace":1}`, "HTTP 422: unknown tenant", relay.Refused, 0},
		"JSON message first":       {400, "", `{"error":"Bad Request","message":"no bot"}`, "HTTP 400: no bot", relay.Refused, 0},
		"JSON without words":       {400, "", `{"code": 7}`, `HTTP 400: {"code": 7}`, relay.Refused, 0},
		"throttled":                {429, "7", "", "HTTP 429", relay.Throttled, 7 * time.Second},
		"busy":                     {503, "Wed, 04 Mar 2026 15:02:00 GMT", "", "HTTP 503", relay.Throttled, 2 * time.Minute},
		"busy, unreadable":         {503, "soon", "", "HTTP 503", relay.Transient, 0},
		"floor for a failure":      {500, "30", "", "HTTP 500", relay.Transient, 30 * time.Second},
		"endless":                  {404, "", strings.Repeat("é", 1<<20), "HTTP 404: " + strings.Repeat("é", 120) + "…", relay.Doubtful, 0},
		"hostile":                  {404, "", "a\x1b[2Jb\u202ec\u2028d\x00e\xff", `HTTP 404: a\x1b[2Jb\u202ec d\x00e\xff`, relay.Doubtful, 0},
	} {
		t.Run(name, func(t *testing.T) {
			resp := &http.Response{StatusCode: tt.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tt.body))}
			if tt.retry != "" {
				resp.Header.Set("Retry-After", tt.retry)
			}
			a := Read(resp, now, nil)
			if a.Note() != tt.note {
				t.Errorf("note: got %q, want %q", a.Note(), tt.note)
			}
			err := a.Err()
			if tt.status/100 == 2 {
				if err != nil {
					t.Errorf("Err of a 2xx: %v", err)
				}
				return
			}
			f := relay.Classify(err)
			if f.Kind != tt.kind || f.After != tt.after || err.Error() != tt.note {
				t.Errorf("got kind %d after %v %q, want %d %v", f.Kind, f.After, err, tt.kind, tt.after)
			}
		})
	}
}

// TestReadStops: an answer without end is left after 64 KiB.
func TestReadStops(t *testing.T) {
	for _, status := range []int{200, 500} {
		body := &endless{}
		Read(&http.Response{StatusCode: status, Body: body}, time.Now(), nil)
		if body.read > drainLimit || !body.closed {
			t.Errorf("%d: read %d bytes, closed %v", status, body.read, body.closed)
		}
	}
}

type endless struct {
	read   int
	closed bool
}

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { e.closed = true; return nil }
