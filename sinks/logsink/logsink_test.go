package logsink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"botrelay/relay"
	"botrelay/sinks/internal/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream keeps each Write; it is as unsafe as a plain buffer, so that -race
// sees writes that meet.
type stream struct {
	bytes.Buffer
	writes int
}

func (s *stream) Write(p []byte) (int, error) {
	s.writes++
	return s.Buffer.Write(p)
}

func (s *stream) lines() []string {
	return strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestContract(t *testing.T) {
	const never = "a stream has no answers"
	sinktest.Run(t, sinktest.Harness{
		Without: map[sinktest.Behaviour]string{sinktest.Refuse: never, sinktest.Throttle: never, sinktest.Deny: never},
		Kinds:   map[sinktest.Behaviour]relay.Kind{sinktest.Down: relay.Transient},
		New: func(t *testing.T, b sinktest.Behaviour) sinktest.Subject {
			out := &stream{}
			var to io.Writer = out
			switch b {
			case sinktest.Down, sinktest.CloseEarly:
				to = writerFunc(func([]byte) (int, error) {
					return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
				})
			case sinktest.Hang:
				end := make(chan struct{})
				t.Cleanup(func() { close(end) })
				to = writerFunc(func(p []byte) (int, error) { <-end; return len(p), nil })
			}
			return sinktest.Subject{
				Sink:         New(Options{Body: true}, NewWriter(to)),
				Acknowledged: func() int { return out.writes },
				Bodies: func() [][]byte {
					var bodies [][]byte
					for _, line := range out.lines() {
						var r struct{ Body string }
						if err := json.Unmarshal([]byte(line), &r); err != nil {
							t.Errorf("%q: %v", line, err)
						}
						bodies = append(bodies, []byte(r.Body))
					}
					return bodies
				},
			}
		},
	})
}

func TestDiscardContract(t *testing.T) {
	const never = "nothing can go wrong"
	sinktest.Run(t, sinktest.Harness{
		New: func(*testing.T, sinktest.Behaviour) sinktest.Subject { return sinktest.Subject{Sink: Discard{}} },
		Without: map[sinktest.Behaviour]string{
			sinktest.Refuse: never, sinktest.Throttle: never, sinktest.Deny: never,
			sinktest.Down: never, sinktest.Hang: never, sinktest.CloseEarly: never,
		},
	})
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 3, 4, 16, 20, 11, 910_000_000, time.FixedZone("CET", 3600))
	for name, tt := range map[string]struct {
		event relay.Event
		body  bool
		want  string
	}{
		"all fields": {relay.Event{Source: "recall", ID: "msg_1", Received: at, Fields: relay.Fields{
			Event: "bot.fatal", Code: relay.Some("fatal"), SubCode: relay.Some("zoom_x"), Side: "account", Platform: "zoom",
			BotID: relay.Some("b1"), Metadata: []byte("{\n \"n\": 1.50, \"n\": 9007199254740993 }"), At: at,
		}}, false, `{"source":"recall","id":"msg_1","event":"bot.fatal","code":"fatal","sub_code":"zoom_x","side":"account","platform":"zoom",` +
			`"bot":{"id":"b1","metadata":{"n":1.50,"n":9007199254740993}},"at":"2026-03-04T15:20:11.91Z","received_at":"2026-03-04T15:20:11.91Z"}`},
		"absent is not empty": {relay.Event{Source: "recall", ID: "msg_1", Received: at, Fields: relay.Fields{
			Event: "calendar.update", SubCode: relay.Some(""),
		}}, false, `{"source":"recall","id":"msg_1","event":"calendar.update","sub_code":"","received_at":"2026-03-04T15:20:11.91Z"}`},
		"body": {relay.Event{Source: "recall", ID: "msg_1", Received: at, Raw: []byte("{\"a\":\t\"<é>\"}\r\n"), Fields: relay.Fields{Event: "x"}},
			true, `{"source":"recall","id":"msg_1","event":"x","received_at":"2026-03-04T15:20:11.91Z","body":"{\"a\":\t\"\u003cé\u003e\"}\r\n"}`},
		"quarantined": {relay.Event{Source: "recall", ID: "msg_1", Received: at, Raw: []byte("\xff"), Trouble: "not UTF-8"},
			true, `{"source":"recall","id":"msg_1","received_at":"2026-03-04T15:20:11.91Z","trouble":"not UTF-8","body_base64":"/w=="}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lineOf(&tt.event, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzLine: whatever an event holds, its line is one printable line of JSON,
// and means what was put in.
func FuzzLine(f *testing.F) {
	f.Add("bot.fatal", `{"a":"b"}`, []byte(`{"event":"bot.fatal"}`))
	f.Add("a\nb\x1b[2J\u202e\u2028\U000e0041\x7f\u0085", "{\"x\u2066\":\"\u2029\U000e0041\"}", []byte("\xff\x00"))
	f.Add("\xf3\xa0\x81", "0", []byte("0"))
	f.Fuzz(func(t *testing.T, name, metadata string, raw []byte) {
		if !json.Valid([]byte(metadata)) {
			metadata = "{}"
		}
		ev := &relay.Event{Source: "recall", ID: "msg_1", Raw: raw, Fields: relay.Fields{Event: name, Metadata: []byte(metadata)}}
		line, err := lineOf(ev, true)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(string(line), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not printable: %q", line)
		}
		var got record
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if utf8.ValidString(name) && got.Event != name {
			t.Errorf("event: got %q, want %q", got.Event, name)
		}
		if got.Body != nil && *got.Body != string(raw) {
			t.Errorf("body: got %q, want %q", *got.Body, raw)
		}
	})
}

func TestLinesNeverMix(t *testing.T) {
	out := &stream{}
	w := NewWriter(out)
	var group sync.WaitGroup
	for _, c := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			for range 100 {
				if err := w.WriteLine(t.Context(), []byte(strings.Repeat(c, 5000))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if out.writes != 400 || len(out.lines()) != 400 {
		t.Errorf("%d writes, %d lines; want 400", out.writes, len(out.lines()))
	}
}

// TestHalfALine: after a line that broke off, the next begins on its own.
func TestHalfALine(t *testing.T) {
	var out bytes.Buffer
	room := 3
	w := NewWriter(writerFunc(func(p []byte) (int, error) {
		n, _ := out.Write(p[:min(room, len(p))])
		if n < len(p) {
			return n, syscall.ENOSPC
		}
		return n, nil
	}))
	if err := w.WriteLine(t.Context(), []byte("first")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	room = 0
	if err := w.WriteLine(t.Context(), []byte("second")); err == nil {
		t.Error("no error")
	}
	room = 100
	for _, line := range []string{"third", "fourth"} {
		if err := w.WriteLine(t.Context(), []byte(line)); err != nil {
			t.Error(err)
		}
	}
	if got, want := out.String(), "fir\nthird\nfourth\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWaitingEnds: one line that is stuck does not hold another beyond its
// context, and none overtakes it.
func TestWaitingEnds(t *testing.T) {
	end := make(chan struct{})
	var out bytes.Buffer
	w := NewWriter(writerFunc(func(p []byte) (int, error) { <-end; return out.Write(p) }))
	for _, line := range []string{"stuck", "waiting"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := w.WriteLine(ctx, []byte(line)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", line, err)
		}
		cancel()
	}
	close(end)
	if err := w.WriteLine(t.Context(), []byte("next")); err != nil {
		t.Error(err)
	}
	if got, want := out.String(), "stuck\nnext\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
