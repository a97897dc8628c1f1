package relay

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sentBetween counts what arrived at a sink.
func sentBetween(s *testSink, start time.Time, from, to time.Duration) (n int) {
	for _, at := range s.times(start, "") {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

func TestOneTenantThrottledForGoodAmongTwenty(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.Fields.Key == "tenant7" {
				return "", err429
			}
			return "ok", nil
		}}
		w.run(Destination{Name: "a", Sink: sink})
		// Every 0.9 s one of the twenty has an event, for an hour.
		for i := range 4000 {
			w.queue.add("a", fmt.Sprintf("tenant%d", i%20), fmt.Sprint(i))
			w.pass(tenantEvery)
		}
		if got, want := w.queue.count("a", Delivered), 4000/20*19; got != want {
			t.Errorf("delivered %d of the others' %d", got, want)
		}
		// Three first tries of tenant7 in a row, with nobody else between, may hold
		// the sink for a second.
		late := 0
		for id, by := range lateness(w, sink) {
			if by > time.Second {
				t.Fatalf("%s came %s late because of another tenant", id, by)
			}
			if by > 0 {
				late++
			}
		}
		if late > 10 {
			t.Errorf("%d of the others' came late", late)
		}
		if s := w.state("a"); s.Paused || !s.ThrottledUntil.IsZero() || len(w.log.lines("sink is paused")) > 0 {
			t.Errorf("the sink was stopped for one tenant: %+v", s)
		}
		// The first one: throttled, then failed attempts with a doubling wait, a
		// try at ten minutes of waiting, and then on its own.
		want := seconds(6.3, 7.3, 8.3, 10.3, 14.3, 22.3, 38.3, 70.3, 134.3, 262.3, 518.3, 607.3)
		if got := sink.times(w.start, "7"); !slices.Equal(got[:12], want) {
			t.Errorf("tenant7's first was sent at %v, want %v", got[:12], want)
		}
		if got := w.queue.all()[7]; !got.outOfOrder || got.waited < longestWaited {
			t.Errorf("tenant7's first: out of order %t, waited %s", got.outOfOrder, got.waited)
		}
		w.end()
	})
}

const tenantEvery = 900 * time.Millisecond

// lateness returns how long after their event the deliveries of the tenants
// that are not throttled were sent.
func lateness(w *world, s *testSink) map[string]time.Duration {
	late := map[string]time.Duration{}
	for _, c := range s.all() {
		if c.bot != "tenant7" {
			var n int
			fmt.Sscan(c.id, &n)
			late[c.id] = c.at.Sub(w.start) - time.Duration(n)*tenantEvery
		}
	}
	return late
}

func TestOneBotFailsForGood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.ID == "poison" {
				return "", errHTTP500
			}
			return "ok", nil
		}}
		poison := w.queue.add("a", "bot", "poison")
		w.queue.add("a", "bot", "next")
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(10*time.Minute - 1)
		if got := sink.sent(w.start, "next"); got != nil {
			t.Errorf("the next one went first: %v", got)
		}
		w.pass(1)
		if diff := cmp.Diff(seconds(600), sink.times(w.start, "next")); diff != "" {
			t.Errorf("the next of the bot was sent at (-want +got):\n%s", diff)
		}
		want := seconds(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 600, 1500, 2400, 3300)
		w.pass(50 * time.Minute)
		if diff := cmp.Diff(want, sink.times(w.start, "poison")); diff != "" {
			t.Errorf("the failing one was sent at (-want +got):\n%s", diff)
		}
		if got := w.queue.snapshot(poison); !got.outOfOrder || got.state != Retry {
			t.Errorf("after an hour: out of order %t, state %d", got.outOfOrder, got.state)
		}
		w.pass(72*time.Hour - w.now() - 1)
		if got := w.queue.snapshot(poison); got.state != Retry {
			t.Errorf("given up early: %q", got.note)
		}
		w.pass(1)
		if got := w.queue.snapshot(poison); got.state != Dead || got.note != "given up after 72 h: HTTP 500" || got.waited != 72*time.Hour {
			t.Errorf("at 72 h: state %d, %q, waited %s", got.state, got.note, got.waited)
		}
		if len(w.log.lines("sink is paused")) > 0 {
			t.Errorf("one bot paused the sink")
		}
		w.end()
	})
}

func TestBotWithAPassedOneWaitsNoMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var healed atomic.Bool
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.Fields.Key == "bot" && !healed.Load() {
				return "", errHTTP500
			}
			return "ok", nil
		}}
		for i := range 5 {
			w.queue.add("a", "bot", fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink})
		w.queue.add("a", "other", "other")
		w.pass(10 * time.Minute)
		for i := range 5 {
			at := sink.times(w.start, fmt.Sprint(i))
			if len(at) == 0 || i > 0 && at[0] != 10*time.Minute {
				t.Errorf("event %d was first sent at %v, want 10m", i, at)
			}
		}
		healed.Store(true)
		w.pass(time.Hour)
		if got := w.queue.count("a", Delivered); got != 6 {
			t.Errorf("delivered %d of 6", got)
		}
		w.end()
	})
}

func TestRetryAfterPastTenMinutes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.ID == "busy" && d.Attempt == 1 {
				return "", &Fault{Kind: Transient, After: 20 * time.Minute, Err: errHTTP500}
			}
			return "ok", nil
		}}
		w.queue.add("a", "bot", "busy")
		w.queue.add("a", "bot", "next")
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(time.Hour)
		if diff := cmp.Diff([]string{"busy@0s", "next@0s", "busy@20m0s"}, sink.sent(w.start, "")); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		w.end()
	})
}

func TestWholeDestinationThrottledForTwentyMinutes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if w.now() < 20*time.Minute {
				return "", err429
			}
			return "ok", nil
		}}
		for i := range 200 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		w.pass(10*time.Minute - 1)
		if s := w.state("a"); s.Paused || s.ThrottledUntil.IsZero() {
			t.Errorf("before ten minutes: %+v", s)
		}
		w.pass(1)
		if s := w.state("a"); !s.Paused || s.Cause != CauseUnreachable || s.Why != "HTTP 429" || !s.Since.Equal(w.start.Add(10*time.Minute)) {
			t.Errorf("after ten minutes: %+v", s)
		}
		w.pass(10 * time.Minute)
		// Three in a row, then one at a time: each one that was not throttled before.
		want := []string{"0@0s", "1@0s", "2@0s", "3@1s", "4@3s", "5@7s", "6@15s", "7@31s", "8@1m3s", "9@2m3s"}
		if diff := cmp.Diff(want, sink.sent(w.start, "")[:10]); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		w.pass(time.Minute)
		if got := w.queue.count("a", Delivered); got != 200 {
			t.Errorf("delivered %d of 200 after it was over", got)
		}
		if got := len(w.log.lines("sink is paused")); got != 1 {
			t.Errorf("%d pauses, want one", got)
		}
		for _, r := range w.queue.all() {
			if r.waited != 0 || r.outOfOrder || r.attempts > 1 {
				t.Fatalf("%s was burned: waited %s, %d attempts, out of order %t", r.event.ID, r.waited, r.attempts, r.outOfOrder)
			}
		}
		w.end()
	})
}

func TestThrottledWithALongRetryAfterPausesAtTenMinutes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if w.now() < 30*time.Minute {
				return "", throttledFor(30 * time.Minute)
			}
			return "ok", nil
		}}
		for i := range 20 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		w.pass(11 * time.Minute)
		if s := w.state("a"); !s.Paused || s.NextProbe.Sub(w.start) != 30*time.Minute {
			t.Errorf("after 11 minutes: %+v", s)
		}
		w.pass(20 * time.Minute)
		if got := w.queue.count("a", Delivered); got != 20 || sentBetween(sink, w.start, 1, 30*time.Minute) != 0 {
			t.Errorf("delivered %d of 20, asked %d times too early", got, sentBetween(sink, w.start, 1, 30*time.Minute))
		}
		w.end()
	})
}

func TestTwoBotsAndADestinationDownForFourDays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const down = 4 * 24 * time.Hour
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if w.now() < down {
				return "", errNoWay
			}
			return "ok", nil
		}}
		for i := range 20 {
			w.queue.add("a", []string{"A", "B"}[i%2], fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(down)
		w.pass(time.Minute)
		if dead, ok := w.queue.count("a", Dead), w.queue.count("a", Delivered); dead != 0 || ok != 20 {
			t.Errorf("%d dead, %d delivered of 20", dead, ok)
		}
		for _, r := range w.queue.all() {
			if r.waited > 10*time.Second || r.outOfOrder {
				t.Errorf("%s waited %s by its own failures, out of order %t", r.event.ID, r.waited, r.outOfOrder)
			}
		}
		if got := len(w.log.lines("sink is paused")); got != 1 {
			t.Errorf("%d pauses, want one", got)
		}
		if got := len(w.log.lines("sink is back")); got != 1 {
			t.Errorf("back %d times, want once", got)
		}
		w.end()
	})
}

func TestUnreachableFiveTimesWithOneKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) { return "", errNoWay }}
		w.queue.add("a", "bot", "x")
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(3 * time.Minute)
		// Five tries by backoff, then probes 5, 10, 20, 40 and 60 s apart.
		if diff := cmp.Diff(seconds(0, 1, 3, 7, 15, 31, 41, 61, 101, 161), sink.times(w.start, "")); diff != "" {
			t.Errorf("sent at (-want +got):\n%s", diff)
		}
		if s := w.state("a"); !s.Paused || s.Since.Sub(w.start) != 15*time.Second || s.Cause != CauseUnreachable {
			t.Errorf("%+v", s)
		}
		w.end()
	})
}

func TestNotFoundForOneKeyAmongMany(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.Fields.Key == "gone" {
				return "", err404
			}
			return "ok", nil
		}}
		gone := w.queue.add("a", "gone", "gone")
		w.queue.add("a", "gone", "next")
		w.run(Destination{Name: "a", Sink: sink})
		for i := range 61 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
			w.pass(time.Second)
		}
		if diff := cmp.Diff(seconds(0, 60), sink.times(w.start, "gone")); diff != "" {
			t.Errorf("sent at (-want +got):\n%s", diff)
		}
		if got := w.queue.snapshot(gone); got.state != Dead || got.note != "HTTP 404" {
			t.Errorf("state %d, %q", got.state, got.note)
		}
		if diff := cmp.Diff(seconds(60), sink.times(w.start, "next")); diff != "" {
			t.Errorf("the next of the key was sent at (-want +got):\n%s", diff)
		}
		w.end()
	})
}

func TestNotFoundForAll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if w.now() < 2*time.Hour {
				return "", err404
			}
			return "ok", nil
		}}
		for i := range 300 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		if s := w.state("a"); !s.Paused || s.Cause != CauseNotFound || sink.count() != 5 {
			t.Errorf("after %d sends: %+v", sink.count(), s)
		}
		w.pass(2 * time.Hour)
		seen := map[string]int{}
		for _, c := range sink.all()[5:] {
			seen[c.bot]++
		}
		for bot, n := range seen {
			if n > 1 {
				t.Errorf("bot %s was probed with %d times while others never were", bot, n)
			}
		}
		w.pass(3 * time.Minute)
		if dead, ok := w.queue.count("a", Dead), w.queue.count("a", Delivered); dead != 0 || ok != 300 {
			t.Errorf("%d dead, %d delivered of 300", dead, ok)
		}
		w.end()
	})
}
