package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBrokenPausesAtOnceAndIsProbed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if w.now() < 5*time.Minute {
				return "", errAuth
			}
			return "ok", nil
		}}
		for i := range 100 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		if s := w.state("a"); !s.Paused || s.Cause != CauseAuth || s.Why != "wrong password (SASL)" || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
		paused, err := Pauses(t.Context(), w.memory)
		if err != nil || paused["a"].Cause != CauseAuth || len(paused) != 1 {
			t.Errorf("remembered: %v %v", paused, err)
		}
		w.pass(255 * time.Second)
		want := []string{"0@0s", "1@5s", "2@15s", "3@35s", "4@1m15s", "5@2m15s", "6@3m15s", "7@4m15s"}
		if diff := cmp.Diff(want, sink.sent(w.start, "")); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		w.pass(time.Minute) // the probe at 5m15s gets through
		if got := w.queue.count("a", Delivered); got != 100 {
			t.Errorf("delivered %d of 100", got)
		}
		for _, r := range w.queue.all() {
			if r.waited != 0 {
				t.Errorf("%s has waited %s", r.event.ID, r.waited)
			}
		}
		if paused, err := Pauses(t.Context(), w.memory); err != nil || len(paused) != 0 {
			t.Errorf("still remembered: %v %v", paused, err)
		}
		if w.memory.puts != 2 {
			t.Errorf("memory was written %d times, want 2", w.memory.puts)
		}
		w.end()
	})
}

// What is in flight when the sink pauses may still fail; that burns nothing.
func TestFailuresInFlightAtAPauseAddNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			time.Sleep(time.Second)
			return "", errHTTP500
		}}
		for i := range 60 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 16})
		w.pass(3 * time.Second)
		// Up to four workers took another one before the fifth failure paused the
		// sink; what else was claimed ahead is given back.
		if got := sink.count(); got < 16 || got > 20 {
			t.Errorf("%d sends, want 16 to 20", got)
		}
		waited := 0
		for _, r := range w.queue.all() {
			if r.waited > 0 {
				waited++
			}
		}
		if waited != 5 {
			t.Errorf("%d have waited, want the five that led to the pause", waited)
		}
		if s := w.state("a"); !s.Paused {
			t.Errorf("%+v", s)
		}
		w.end()
	})
}

// A claim that was waiting when the sink paused brings nothing out of turn.
func TestClaimBegunBeforeAPauseSendsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			time.Sleep(time.Second)
			return "", errHTTP500
		}}
		for i := range 5 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(1500 * time.Millisecond)
		w.queue.add("a", "late", "late")
		w.pass(4 * time.Second)
		if s := w.state("a"); !s.Paused || sink.count() != 5 {
			t.Errorf("%d sends, want the five that paused the sink: %+v", sink.count(), s)
		}
		w.pass(time.Second)
		if diff := cmp.Diff(seconds(6), sink.times(w.start, "late")); diff != "" {
			t.Errorf("the late one was sent at (-want +got):\n%s", diff)
		}
		w.end()
	})
}

func TestRestartGoesOnWithAPause(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var healed atomic.Bool
		down := func(context.Context, *Delivery) (string, error) {
			if healed.Load() {
				return "ok", nil
			}
			return "", errAuth
		}
		sink := &testSink{answer: down}
		for i := range 100 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		w.pass(3 * time.Minute)
		w.end()
		before := sink.count()
		w.pass(time.Hour)
		sink = &testSink{answer: down}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 1})
		if s := w.state("a"); !s.Paused || !s.Since.Equal(w.start) || s.Why != "wrong password (SASL)" {
			t.Errorf("after the restart: %+v", s)
		}
		w.pass(3 * time.Minute)
		if got := len(sink.times(w.start, "")); before != 6 || got != 4 {
			t.Errorf("%d sends before, %d in three minutes after; want 6, and 4 a minute apart", before, got)
		}
		if got := len(w.log.lines("sink is paused")); got != 1 {
			t.Errorf("%d pauses begun, want one", got)
		}
		healed.Store(true)
		w.pass(time.Minute)
		if got := w.queue.count("a", Delivered); got != 100 {
			t.Errorf("delivered %d of 100", got)
		}
		w.end()
	})
}

// Another relay that shares the store may have paused the sink, or ended its
// pause, since this one last claimed.
func TestPauseOfAnotherRelay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) { return "", errAuth }}
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(10 * time.Second)
		theirs := Pause{Since: w.start.Add(time.Second), Why: "tls: bad certificate", Cause: CauseTLS}
		value, _ := json.Marshal(theirs)
		if err := w.memory.Put(t.Context(), pauseOwner, "a", value, 0); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		synctest.Wait()
		if s := w.state("a"); !s.Paused || !s.Since.Equal(theirs.Since) {
			t.Errorf("their pause is not taken over: %+v", s)
		}
		if got := sink.count(); got != 1 {
			t.Errorf("%d sends, want one probe", got)
		}
		w.end()
	})
}

func TestPauseEndedByAnotherRelay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) { return "", errAuth }}
		row := w.queue.add("a", "bot", "x")
		w.run(Destination{Name: "a", Sink: sink})
		if s := w.state("a"); !s.Paused {
			t.Fatalf("%+v", s)
		}
		w.queue.mu.Lock()
		row.state = Delivered // by the other relay
		w.queue.mu.Unlock()
		if err := w.memory.Put(t.Context(), pauseOwner, "a", nil, 0); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Minute)
		if s := w.state("a"); s.Paused {
			t.Errorf("still paused: %+v", s)
		}
		w.end()
	})
}

func TestProbeNow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var healed atomic.Bool
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			if healed.Load() {
				return "ok", nil
			}
			return "", errAuth
		}}
		w.queue.add("a", "bot", "x")
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(10 * time.Minute)
		healed.Store(true)
		if !w.loop.ProbeNow("a") {
			t.Errorf("the sink is paused, ProbeNow says it is not")
		}
		synctest.Wait()
		if got := w.queue.count("a", Delivered); got != 1 {
			t.Errorf("not asked at once")
		}
		if w.loop.ProbeNow("a") || w.loop.ProbeNow("nobody") {
			t.Errorf("ProbeNow of a sink that is well, or not there")
		}
		w.end()
	})
}
