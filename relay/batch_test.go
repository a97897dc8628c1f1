package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testBatcher answers whole batches.
type testBatcher struct {
	testSink
	batch   func(ctx context.Context, ds []*Delivery) []Result
	batches []string
}

func (b *testBatcher) SendBatch(ctx context.Context, ds []*Delivery) []Result {
	b.mu.Lock()
	b.batches = append(b.batches, ids(ds))
	b.mu.Unlock()
	return b.batch(ctx, ds)
}

// got returns the ids of each batch.
func (b *testBatcher) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

func ids(ds []*Delivery) (s string) {
	for _, d := range ds {
		s += d.Event.ID
	}
	return s
}

func allOK(ds []*Delivery) []Result {
	rs := make([]Result, len(ds))
	for i, d := range ds {
		rs[i].Note = "ts " + d.Event.ID
	}
	return rs
}

// What a batch had no turn for is offered again when its turn has come: it costs
// no attempt and the sink neither waits nor pauses, however long the queue is.
func TestPostponedIsNotTried(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			rs := allOK(ds)
			for i := 1; i < len(rs); i++ {
				rs[i] = Result{Err: &Fault{Kind: Postponed, After: time.Second, Err: errors.New("not its turn")}}
			}
			return rs
		}}
		const bots = 100
		var rows []*memRow
		for i := range bots {
			rows = append(rows, w.queue.add("s", fmt.Sprintf("bot %d", i), fmt.Sprintf("e%d", i)))
		}
		w.run(Destination{Name: "s", Sink: b})
		w.pass(bots*time.Second + time.Minute)
		if ok := w.queue.count("s", Delivered); ok != bots {
			t.Errorf("%d of %d delivered", ok, bots)
		}
		if state, _ := w.loop.State("s"); state.Paused || !state.ThrottledUntil.IsZero() {
			t.Errorf("the sink waits: %+v", state)
		}
		for _, row := range rows {
			if row.attempts != 1 || row.waited != 0 || row.outOfOrder {
				t.Errorf("%s: %d attempts, waited %v, out of order %v", row.event.ID, row.attempts, row.waited, row.outOfOrder)
			}
		}
	})
}

// A throttled sink begins again with one delivery. When that one's turn has not
// come, the rest waits on: the queue is not run through.
func TestThrottledSinkWaitsOnWhenItsFirstIsPostponed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var sends atomic.Int64
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			rs := make([]Result, len(ds))
			for i := range ds {
				n := sends.Add(1)
				rs[i].Err = &Fault{Kind: Postponed, After: time.Second, Err: errors.New("not its turn")}
				if n <= 3 {
					rs[i].Err = &Fault{Kind: Throttled, Err: errors.New("HTTP 429")}
				}
			}
			return rs
		}}
		w.queue.add("s", "bot 0", "e0")
		w.run(Destination{Name: "s", Sink: b})
		for i := range 3 {
			w.pass(10 * time.Second)
			w.queue.add("s", fmt.Sprintf("bot %d", i+1), fmt.Sprintf("e%d", i+1))
		}
		w.pass(10 * time.Second)
		for i := range 300 {
			w.queue.add("s", fmt.Sprintf("more %d", i), fmt.Sprintf("m%d", i))
		}
		before := sends.Load()
		w.pass(20 * time.Second)
		if n := sends.Load() - before; n > 25 {
			t.Errorf("%d sends in 20 s by a sink that is throttled", n)
		}
	})
}

func TestBatcherGetsWhatIsReadyTogether(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			time.Sleep(2 * time.Second)
			rs := allOK(ds)
			for i, d := range ds {
				switch d.Event.ID {
				case "b":
					rs[i] = Result{Err: err422}
				case "c":
					if d.Attempt == 1 {
						rs[i] = Result{Err: errHTTP500}
					}
				}
			}
			return rs
		}}
		for _, id := range []string{"a", "b", "c", "d"} {
			w.queue.add("s", "bot "+id, id)
		}
		w.run(Destination{Name: "s", Sink: b, Concurrency: 99})
		w.pass(time.Second)
		w.queue.add("s", "bot e", "e")
		w.queue.add("s", "bot f", "f")
		w.pass(time.Minute)
		if diff := cmp.Diff([]string{"abcd", "ef", "c"}, b.got()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if ok, dead := w.queue.count("s", Delivered), w.queue.count("s", Dead); ok != 5 || dead != 1 {
			t.Errorf("%d delivered, %d dead; want 5, 1", ok, dead)
		}
		if got := w.queue.all()[0].note; got != "ts a" {
			t.Errorf("note %q", got)
		}
		w.end()
	})
}

// A batch in which some get through does not pause the sink for its failures.
func TestBatchSuccessesCountFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			rs := allOK(ds)
			for i, d := range ds {
				if d.Event.ID != "z" && d.Attempt == 1 {
					rs[i] = Result{Err: errHTTP500}
				}
			}
			return rs
		}}
		for _, id := range []string{"a", "b", "c", "d"} {
			w.queue.add("s", "bot "+id, id)
		}
		w.run(Destination{Name: "s", Sink: b, Rate: Rate{1, time.Second}})
		for _, id := range []string{"e", "z"} {
			w.queue.add("s", "bot "+id, id)
		}
		w.pass(time.Minute)
		if n := len(w.log.lines("sink is paused")); n > 0 || w.queue.count("s", Delivered) != 6 {
			t.Errorf("%d pauses, delivered %d of 6", n, w.queue.count("s", Delivered))
		}
		w.end()
	})
}

// One token admits one batch: what piles up meanwhile goes together.
func TestBatcherRateIsOfBatches(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var at []time.Duration
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			at = append(at, w.now())
			return allOK(ds)
		}}
		w.run(Destination{Name: "s", Sink: b, Rate: Rate{1, time.Second}})
		for i := range 20 {
			w.queue.add("s", fmt.Sprint(i), string(rune('a'+i)))
			w.pass(130 * time.Millisecond)
		}
		w.pass(2 * time.Second)
		if diff := cmp.Diff(seconds(0, 1, 2, 3), at); diff != "" {
			t.Errorf("batches at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a", "bcdefgh", "ijklmnop", "qrst"}, b.got()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		w.end()
	})
}

func TestBatchWithTooFewResults(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result { return allOK(ds)[:1] }}
		w.queue.add("s", "A", "a")
		w.queue.add("s", "B", "b")
		w.run(Destination{Name: "s", Sink: b})
		w.pass(time.Minute)
		if got := w.queue.count("s", Delivered); got != 2 || fmt.Sprint(b.got()) != "[ab b]" {
			t.Errorf("delivered %d of 2 by batches %v", got, b.got())
		}
		w.end()
	})
}

func TestPanicInABatchIsFoundOneByOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := &testBatcher{batch: func(_ context.Context, ds []*Delivery) []Result {
			for _, d := range ds {
				if d.Event.ID == "b" {
					panic(errors.New("boom"))
				}
			}
			return allOK(ds)
		}}
		for _, id := range []string{"a", "b", "c"} {
			w.queue.add("s", "bot "+id, id)
		}
		w.run(Destination{Name: "s", Sink: b})
		w.pass(time.Second)
		if diff := cmp.Diff([]string{"abc", "a", "b", "c"}, b.got()); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if ok, dead := w.queue.count("s", Delivered), w.queue.count("s", Dead); ok != 2 || dead != 1 {
			t.Errorf("%d delivered, %d dead", ok, dead)
		}
		w.end()
	})
}
