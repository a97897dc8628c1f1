package sinktest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"botrelay/relay"
)

const (
	// soon is how long a Send may take once its context has ended.
	soon = 5 * time.Second
	// hangs is how long a destination that does not answer is waited for.
	hangs = 150 * time.Millisecond
	// noteLimit is what a store keeps of a note.
	noteLimit = 1 << 10
	// payloadCanary stands in the metadata of every delivery.
	payloadCanary = "PAYLOAD-CANARY-3f9c1a7d-do-not-show-this-anywhere"
	parallel      = 32
)

// Run holds the sink of h to the contract.
func Run(t *testing.T, h Harness) {
	t.Run("accept", func(t *testing.T) { testAccept(t, h) })
	t.Run("concurrent sends", func(t *testing.T) { testConcurrent(t, h) })
	t.Run("ended context", func(t *testing.T) { testEnded(t, h) })
	for _, b := range []Behaviour{Refuse, Throttle, Deny, Down, Hang, CloseEarly} {
		t.Run(string(b), func(t *testing.T) { testFailure(t, h, b) })
	}
	t.Run("cancel", func(t *testing.T) { testCancel(t, h) })
}

// Delivery returns a delivery of bot number n, its body odd enough that any
// re-encoding shows.
func Delivery(n int) *relay.Delivery {
	bot := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	metadata := `{ "note":"` + payloadCanary + `", "n": 1.50, "n": 9007199254740993}`
	raw := fmt.Sprintf("{ \"event\" : \"bot.fatal\",\r\n\t\"data\":{\"data\":{\"code\":\"fatal\",\"sub_code\":\"bot_errored\",\"updated_at\":"+
		"\"2026-03-04T15:20:11.910000Z\"}, \"bot\":{\"id\":%q,\"metadata\":%s}} , \"z\\u00e9\":\"é<>&\u2028\" }\n", bot, metadata)
	return &relay.Delivery{
		Event: &relay.Event{
			Seq: relay.Seq(n + 1), Source: "recall", ID: fmt.Sprintf("msg_%04d", n),
			Received: time.Date(2026, 3, 4, 15, 20, 12, 0, time.UTC), Raw: []byte(raw),
			Fields: relay.Fields{
				Event: "bot.fatal", Code: relay.Some("fatal"), SubCode: relay.Some("bot_errored"), Side: "recall",
				BotID: relay.Some(bot), Metadata: []byte(metadata), Key: bot,
				At: time.Date(2026, 3, 4, 15, 20, 11, 910_000_000, time.UTC),
			},
		},
		Sink: "subject", Key: "recall/" + bot, Attempt: 1,
	}
}

func testAccept(t *testing.T, h Harness) {
	s := h.fresh(t, Accept)
	for n := range 3 {
		d := Delivery(n)
		before := clone(d)
		note, err := s.Sink.Send(t.Context(), d)
		if err != nil {
			t.Fatalf("Send to a destination that accepts: %v", err)
		}
		if note == "" {
			t.Error("the note of a delivered event is empty")
		}
		h.checkText(t, "note", note)
		if !reflect.DeepEqual(d, before) {
			t.Error("Send changed the delivery")
		}
		if s.Acknowledged != nil && s.Acknowledged() < n+1 {
			t.Fatalf("Send returned nil %d times, the destination acknowledged %d", n+1, s.Acknowledged())
		}
		if s.Bodies != nil {
			wantBodies(t, s.Bodies(), n+1)
		}
	}
}

func testConcurrent(t *testing.T, h Harness) {
	s := h.fresh(t, Accept)
	var group sync.WaitGroup
	for n := range parallel {
		group.Go(func() {
			if _, err := s.Sink.Send(t.Context(), Delivery(n)); err != nil {
				t.Errorf("Send %d: %v", n, err)
			}
		})
	}
	group.Wait()
	if s.Bodies != nil {
		wantBodies(t, s.Bodies(), parallel)
	}
}

// testEnded: a context that has ended before Send makes it return soon; whether
// it still delivered is told truly.
func testEnded(t *testing.T, h Harness) {
	s := h.fresh(t, Accept)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := h.send(ctx, t, s, Delivery(0))
	if err == nil && s.Acknowledged != nil && s.Acknowledged() < 1 {
		t.Error("Send returned nil, the destination acknowledged nothing")
	}
}

func testFailure(t *testing.T, h Harness, b Behaviour) {
	s := h.fresh(t, b)
	began := time.Now() // before the context, so that no clock is a hair ahead
	ctx := t.Context()
	if b == Hang {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, hangs)
		defer cancel()
	}
	d := Delivery(0)
	before := clone(d)
	note, took, err := h.send(ctx, t, s, d)
	if err == nil {
		t.Fatalf("Send returned nil after %v (note %q)", took, note)
	}
	if got, want := relay.Classify(err).Kind, h.kinds(b); !slices.Contains(want, got) {
		t.Errorf("kind of %q: got %d, want one of %d", err, got, want)
	}
	if took := time.Since(began); b == Hang && took < hangs {
		t.Errorf("Send gave up after %v, its context had %v", took, hangs)
	}
	if !reflect.DeepEqual(d, before) {
		t.Error("Send changed the delivery")
	}
}

func testCancel(t *testing.T, h Harness) {
	s := h.fresh(t, Hang)
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(hangs, cancel)
	defer timer.Stop()
	defer cancel()
	if note, _, err := h.send(ctx, t, s, Delivery(0)); err == nil {
		t.Errorf("Send returned nil (note %q), the destination never answered", note)
	}
}

func (h Harness) fresh(t *testing.T, b Behaviour) Subject {
	t.Helper()
	if why, ok := h.Without[b]; ok {
		t.Skip(why)
	}
	return h.New(t, b)
}

// send fails the test when Send outlives its context, or anything that should
// be quick, by more than soon, and checks what its texts show.
func (h Harness) send(ctx context.Context, t *testing.T, s Subject, d *relay.Delivery) (string, time.Duration, error) {
	t.Helper()
	type result struct {
		note string
		err  error
	}
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		note, err := s.Sink.Send(ctx, d)
		done <- result{note, err}
	}()
	select {
	case r := <-done:
		h.checkText(t, "note", r.note)
		if r.err != nil {
			h.checkError(t, r.err)
		}
		return r.note, time.Since(began), r.err
	case <-time.After(hangs + soon):
		t.Fatalf("Send has not returned %v after its context ended", soon)
		return "", 0, nil
	}
}

// checkError looks at every text that logging the error could bring out.
func (h Harness) checkError(t *testing.T, err error) {
	t.Helper()
	if err.Error() == "" {
		t.Error("the error has no text")
	}
	h.checkText(t, "error", err.Error())
	h.leaks(t, "error as %+v", fmt.Sprintf("%+v", err))
	h.leaks(t, "error as %#v", fmt.Sprintf("%#v", err))
	var walk func(error)
	walk = func(err error) {
		h.leaks(t, "wrapped error", err.Error())
		switch w := err.(type) {
		case interface{ Unwrap() error }:
			if inner := w.Unwrap(); inner != nil {
				walk(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range w.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
}

func (h Harness) checkText(t *testing.T, what, text string) {
	t.Helper()
	h.leaks(t, what, text)
	if len(text) > noteLimit {
		t.Errorf("the %s has %d bytes; %d are kept", what, len(text), noteLimit)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
		t.Errorf("the %s is not one printable line: %q", what, text)
	}
}

func (h Harness) leaks(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range h.Secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the %s holds a secret: %q", what, text)
		}
	}
	if strings.Contains(text, payloadCanary) {
		t.Errorf("the %s holds the payload: %q", what, text)
	}
}

// wantBodies demands each of the first n bodies once, byte for byte.
func wantBodies(t *testing.T, got [][]byte, n int) {
	t.Helper()
	if len(got) != n {
		t.Errorf("got %d bodies, want %d", len(got), n)
	}
	for i := range n {
		want := Delivery(i).Event.Raw
		if !slices.ContainsFunc(got, func(b []byte) bool { return bytes.Equal(b, want) }) {
			t.Errorf("body %d did not arrive as it is", i)
		}
	}
}

func clone(d *relay.Delivery) *relay.Delivery {
	copied, event := *d, *d.Event
	event.Raw, event.Fields.Metadata = bytes.Clone(event.Raw), bytes.Clone(event.Fields.Metadata)
	copied.Event = &event
	return &copied
}
