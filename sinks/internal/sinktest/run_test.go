package sinktest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"botrelay/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// model is a sink with its destination in one. A flaw makes it break one
// clause of the contract.
type model struct {
	behaviour Behaviour
	flaw      string
	accepted  atomic.Int64
	mu        sync.Mutex
	bodies    [][]byte
}

const canary = "CANARY-secret"

// flaws are the ways to break the contract, and what Run says of each.
var flaws = map[string]string{
	"nil before the acknowledgement": "the destination acknowledged 0",
	"nil without an answer":          "Send returned nil",
	"no note":                        "the note of a delivered event is empty",
	"changes the delivery":           "Send changed the delivery",
	"trims the body":                 "did not arrive as it is",
	"loses a concurrent one":         "bodies, want",
	"refuses what hangs":             "kind of",
	"transient refusal":              "kind of",
	"outlives its context":           "has not returned",
	"gives up early":                 "Send gave up after",
	"shows a secret":                 "holds a secret",
	"shows a secret when unwrapped":  "the wrapped error holds a secret",
	"shows the payload":              "holds the payload",
	"note of two lines":              "is not one printable line",
	"long error":                     "are kept",
}

func (m *model) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	switch m.behaviour {
	case Accept:
		return m.accept(d), nil
	case Hang:
		switch m.flaw {
		case "nil without an answer":
			<-ctx.Done()
			return "sent", nil
		case "outlives its context":
			<-make(chan struct{})
		case "gives up early":
			return "", errors.New("tired")
		}
		<-ctx.Done()
		if m.flaw == "refuses what hangs" {
			return "", &relay.Fault{Kind: relay.Refused, Err: ctx.Err()}
		}
		return "", ctx.Err()
	}
	return "", m.fail(d)
}

func (m *model) accept(d *relay.Delivery) string {
	body := d.Event.Raw
	switch m.flaw {
	case "changes the delivery":
		d.Event.Raw = append([]byte(" "), d.Event.Raw...)
	case "trims the body":
		body = body[:len(body)-1]
	}
	if m.flaw != "loses a concurrent one" || d.Event.Seq != parallel {
		m.mu.Lock()
		m.bodies = append(m.bodies, body)
		m.mu.Unlock()
	}
	if m.flaw != "nil before the acknowledgement" {
		m.accepted.Add(1)
	}
	switch m.flaw {
	case "no note":
		return ""
	case "note of two lines":
		return "a\nb"
	}
	return "sent"
}

func (m *model) fail(d *relay.Delivery) error {
	kind, err := usual[m.behaviour][0], errors.New("no")
	switch m.flaw {
	case "transient refusal":
		kind = relay.Transient
	case "shows a secret":
		err = errors.New("bad " + canary)
	case "shows a secret when unwrapped":
		err = &quiet{errors.New(canary)}
	case "shows the payload":
		err = errors.New(string(d.Event.Fields.Metadata))
	case "long error":
		err = errors.New(strings.Repeat("x", noteLimit+1))
	}
	return &relay.Fault{Kind: kind, Err: err}
}

// quiet hides a text that Unwrap gives away.
type quiet struct{ error }

func (quiet) Error() string    { return "hidden" }
func (q *quiet) Unwrap() error { return q.error }

// chosen names the flaw in the environment of a started test; a sound model
// without it.
const chosen = "SINKTEST_FLAW"

func TestModel(t *testing.T) {
	Run(t, Harness{
		Secrets: []string{canary},
		New: func(_ *testing.T, b Behaviour) Subject {
			m := &model{behaviour: b, flaw: os.Getenv(chosen)}
			return Subject{
				Sink:         m,
				Acknowledged: func() int { return int(m.accepted.Load()) },
				Bodies:       func() [][]byte { m.mu.Lock(); defer m.mu.Unlock(); return m.bodies },
			}
		},
	})
}

// TestEveryFlawIsFound starts this test's own program for each flaw, since a
// test cannot watch another one fail.
func TestEveryFlawIsFound(t *testing.T) {
	for flaw, words := range flaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestModel$", "-test.timeout=30s")
			cmd.Env = append(os.Environ(), chosen+"="+flaw)
			out, err := cmd.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), words) {
				t.Errorf("%v; no %q in:\n%s", err, words, out)
			}
		})
	}
}
