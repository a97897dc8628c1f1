package kafkasink

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/sinks/kafkasink/kafkatest"
)

// optionsFor are the settings of a sink that writes to topic without TLS.
func optionsFor(b *kafkatest.Broker, topic string) Options {
	o := DefaultOptions()
	o.Brokers, o.Topic = []string{b.Plain}, topic
	return o
}

// open returns a sink that is closed at the end of t.
func open(t testing.TB, o Options) *Sink {
	t.Helper()
	s, err := New("lake", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// event returns a delivery whose body says who it is.
func event(key string, n int) *relay.Delivery {
	return &relay.Delivery{
		Event: &relay.Event{
			Source: "recall", ID: fmt.Sprintf("msg_%s_%d", key, n), Received: time.Date(2026, 3, 4, 15, 20, 12, 0, time.UTC),
			Raw:    fmt.Appendf(nil, `{"event":"bot.done","key":%q,"n":%d}`, key, n),
			Fields: relay.Fields{Event: "bot.done", Code: relay.Some("done"), BotID: relay.Some(key), Key: key},
		},
		Sink: "lake", Key: "recall/" + key, Attempt: 1,
	}
}

// mustSend sends d and fails t if that fails.
func mustSend(t testing.TB, s *Sink, d *relay.Delivery) string {
	t.Helper()
	note, err := s.Send(t.Context(), d)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	return note
}

// wantKind fails t unless err is of one of the given kinds.
func wantKind(t testing.TB, err error, want ...relay.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("Send returned nil, want one of kind %d", want)
	}
	if got := relay.Classify(err).Kind; !slices.Contains(want, got) {
		t.Fatalf("kind of %q: got %d, want one of %d", err, got, want)
	}
}

// sendAll sends every delivery once, up to concurrency at a time and those of
// one key one after another, and returns the errors in the same order.
func sendAll(t testing.TB, s *Sink, ds []*relay.Delivery, concurrency int) []error {
	errs := make([]error, len(ds))
	byKey := map[string][]int{}
	var keys []string
	for i, d := range ds {
		if byKey[d.Key] == nil {
			keys = append(keys, d.Key)
		}
		byKey[d.Key] = append(byKey[d.Key], i)
	}
	slots := make(chan struct{}, concurrency)
	var group sync.WaitGroup
	for _, key := range keys {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			for _, i := range byKey[key] {
				_, errs[i] = s.Send(t.Context(), ds[i])
			}
		})
	}
	group.Wait()
	return errs
}

// until calls f until it returns true, and fails t after a minute.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
		<-tick.C
	}
}
