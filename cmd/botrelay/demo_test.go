package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"botrelay/relay"
)

// TestDemoSeesWhatIsBroken breaks one thing at a time in the relay of the demo:
// the stand-ins see each, and the demo ends with 1.
func TestDemoSeesWhatIsBroken(t *testing.T) {
	tests := []struct {
		name    string
		wrap    func(name string, sink relay.Sink) relay.Sink
		reroute func(string) string
		want    string // in what it says
	}{
		{name: "nothing", want: ""},
		{name: "a delivery is lost", wrap: only("backend", lose), want: "backend: 15 received, 16 wanted"},
		{name: "a delivery is repeated", wrap: only("backend", repeat), want: "came twice"},
		{name: "a body is changed", wrap: only("backend", change), want: "the body of"},
		{name: "a bot's events swap", wrap: only("backend", swap), want: "came after a later event of its bot"},
		{name: "another signature", reroute: replace(`sign: {secrets: ["${env:DEMO_SECRET}"]}`,
			`sign: {secrets: ["whsec_d3JvbmctLW9ubHkta2V5LTI0LWJ5dGVzISE="]}`), want: "the signature of"},
		{name: "no signature", reroute: replace(`, sign: {secrets: ["${env:DEMO_SECRET}"]}`, ""), want: "the signature of"},
		{name: "another Slack token", reroute: replace(demoToken, "xoxb-another"), want: "Slack: 0 received, 2 wanted"},
		{name: "another Slack channel", reroute: replace(demoChannel, "C0OTHER0001"), want: "Slack: 0 received, 2 wanted"},
		{name: "an alert too many", reroute: replace("bot.recording_permission_denied]", "bot.recording_permission_denied, bot.in_waiting_room]"), want: "Slack: 3 received, 2 wanted"},
		{name: "the log loses a line", wrap: only("log", lose), want: "log: 15 received, 16 wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, logs bytes.Buffer
			d := demo{out: &out, logs: &logs, once: true, pace: 10, wrap: tt.wrap, reroute: tt.reroute}
			err := d.run(t.Context())
			if (err != nil) != (tt.want != "") {
				t.Fatalf("ended with %v\n%s%s", err, &out, &logs)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("it does not say %q:\n%s%s", tt.want, &out, &logs)
			}
		})
	}
}

func replace(old, by string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, by) }
}

// sendFunc is a sink that does something else than the one it stands before.
type sendFunc func(ctx context.Context, d *relay.Delivery) (string, error)

func (f sendFunc) Send(ctx context.Context, d *relay.Delivery) (string, error) { return f(ctx, d) }

func only(name string, breakIt func(relay.Sink) sendFunc) func(string, relay.Sink) relay.Sink {
	return func(sink string, real relay.Sink) relay.Sink {
		if sink != name {
			return real
		}
		return breakIt(real)
	}
}

// lose says that the first delivery was sent, and does not send it.
func lose(real relay.Sink) sendFunc {
	var once sync.Once
	return func(ctx context.Context, d *relay.Delivery) (string, error) {
		lost := false
		once.Do(func() { lost = true })
		if lost {
			return "lost", nil
		}
		return real.Send(ctx, d)
	}
}

func repeat(real relay.Sink) sendFunc {
	return func(ctx context.Context, d *relay.Delivery) (string, error) {
		if _, err := real.Send(ctx, d); err != nil {
			return "", err
		}
		return real.Send(ctx, d)
	}
}

// change adds a blank to the body, after which the signature still holds.
func change(real relay.Sink) sendFunc {
	return func(ctx context.Context, d *relay.Delivery) (string, error) {
		event := *d.Event
		event.Raw = append(append([]byte(nil), event.Raw...), ' ')
		changed := *d
		changed.Event = &event
		return real.Send(ctx, &changed)
	}
}

// swap sends the first event of a bot after its second.
func swap(real relay.Sink) sendFunc {
	var mu sync.Mutex
	held := map[string]*relay.Delivery{}
	return func(ctx context.Context, d *relay.Delivery) (string, error) {
		mu.Lock()
		first, seen := held[d.Key]
		if !seen {
			held[d.Key] = d
		} else {
			held[d.Key] = nil
		}
		mu.Unlock()
		if !seen {
			return "held", nil
		}
		note, err := real.Send(ctx, d)
		if first != nil && err == nil {
			return real.Send(ctx, first)
		}
		return note, err
	}
}
