package relay

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func slow(d time.Duration) func(context.Context, *Delivery) (string, error) {
	return func(context.Context, *Delivery) (string, error) {
		time.Sleep(d)
		return "ok", nil
	}
}

func TestSwapUnderLoadClosesTheOldSinkAfterItsLastSend(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		old, other := &testSink{answer: slow(time.Second)}, &testSink{answer: slow(time.Second)}
		for i := range 60 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: old, Concurrency: 4})
		w.pass(1500 * time.Millisecond)
		if err := w.loop.Swap([]Destination{{Name: "a", Sink: other, Concurrency: 8}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if old.look().closed != 0 {
			t.Errorf("closed with %d in flight", old.look().active)
		}
		w.pass(500 * time.Millisecond)
		if old.look().closed != 1 || old.look().tooEarly {
			t.Errorf("closed %d times after the last Send, during one: %t", old.look().closed, old.look().tooEarly)
		}
		w.pass(10 * time.Second)
		if got := w.queue.count("a", Delivered); got != 60 {
			t.Errorf("delivered %d of 60", got)
		}
		if old.count() != 8 || other.count() != 52 || other.look().most != 8 {
			t.Errorf("the old one sent %d, the other %d with %d at once; want 8, 52, 8", old.count(), other.count(), other.look().most)
		}
		w.end()
		if old.look().closed != 1 || other.look().closed != 1 {
			t.Errorf("closed %d and %d times, want once each", old.look().closed, other.look().closed)
		}
	})
}

func TestSwapOfTheSameSinkKeepsIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: slow(time.Second)}
		for i := range 20 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 10})
		w.pass(500 * time.Millisecond)
		if err := w.loop.Swap([]Destination{{Name: "a", Sink: sink, Concurrency: 1}}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if sink.look().active != 1 || sink.look().closed != 0 {
			t.Errorf("%d in flight, closed %d times; want 1, 0", sink.look().active, sink.look().closed)
		}
		w.end()
		if sink.look().closed != 1 {
			t.Errorf("closed %d times", sink.look().closed)
		}
	})
}

func TestSwapRemovesAndBringsBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, again := &testSink{answer: slow(time.Second)}, &testSink{}
		for i := range 30 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: first, Concurrency: 2})
		w.queue.add("new", "bot", "n")
		if err := w.loop.Swap([]Destination{{Name: "new", Sink: &testSink{}}}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		if got := w.queue.count("a", Delivered); got != 2 || w.queue.claimed() != 0 {
			t.Errorf("delivered %d, claimed %d; want the 2 in flight and the rest released", got, w.queue.claimed())
		}
		if got := w.queue.count("new", Delivered); got != 1 {
			t.Errorf("the new sink delivered %d", got)
		}
		if _, ok := w.loop.State("a"); ok || first.look().closed != 1 {
			t.Errorf("the removed sink has a state: %t, closed %d times", ok, first.look().closed)
		}
		if err := w.loop.Swap([]Destination{{Name: "a", Sink: again}}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if got := w.queue.count("a", Delivered); got != 30 || first.count() != 2 {
			t.Errorf("delivered %d of 30 after it came back", got)
		}
		w.end()
	})
}

// A new sink value is often the remedy: the paused sink is asked at once.
func TestSwapAsksAPausedSink(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		broken := &testSink{answer: func(context.Context, *Delivery) (string, error) { return "", errAuth }}
		for i := range 5 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: broken})
		w.pass(10 * time.Minute)
		n := broken.count()
		same := []Destination{{Name: "a", Sink: broken, Timeout: time.Second}}
		if err := w.loop.Swap(same); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if broken.count() != n {
			t.Errorf("asked because a timeout changed")
		}
		if err := w.loop.Swap([]Destination{{Name: "a", Sink: &testSink{}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.queue.count("a", Delivered); got != 5 {
			t.Errorf("delivered %d of 5", got)
		}
		w.end()
	})
}

func TestSwapRefuses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{}
		if err := NewLoop(w.opts).Swap(nil); !errors.Is(err, ErrNotRunning) {
			t.Errorf("before Run: %v", err)
		}
		w.run(Destination{Name: "a", Sink: sink})
		if err := w.loop.Swap([]Destination{{Name: "a"}}); err == nil {
			t.Errorf("no error for a destination without a sink")
		}
		w.end()
		if err := w.loop.Swap(nil); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after Run: %v", err)
		}
		if err := w.loop.Run(t.Context(), nil); err == nil {
			t.Errorf("a second Run")
		}
	})
}
