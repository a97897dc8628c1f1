package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunDeliversInOrderPerKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			time.Sleep(10 * time.Millisecond)
			return "HTTP 202", nil
		}}
		for i := range 300 {
			w.queue.add("a", fmt.Sprintf("bot%d", i%30), fmt.Sprintf("%d", i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 10})
		w.pass(300 * time.Millisecond)
		if got := w.queue.count("a", Delivered); got != 300 {
			t.Errorf("delivered %d of 300 at 10 in flight of 10 ms each for 300 ms", got)
		}
		if sink.look().most != 10 {
			t.Errorf("%d in flight at once, want 10", sink.look().most)
		}
		last := map[string]int{}
		for i, c := range sink.all() {
			var n int
			fmt.Sscan(c.id, &n)
			if n < last[c.bot] {
				t.Fatalf("call %d: %s of %s after %d", i, c.id, c.bot, last[c.bot])
			}
			last[c.bot] = n
		}
		if note := w.queue.all()[0].note; note != "HTTP 202" {
			t.Errorf("note %q", note)
		}
		if took := w.end(); took != 0 {
			t.Errorf("an idle loop took %s to end", took)
		}
		if sink.look().closed != 1 || sink.look().tooEarly {
			t.Errorf("closed %d times, during a Send: %t", sink.look().closed, sink.look().tooEarly)
		}
	})
}

// What a claim brings is bounded by concurrency, whatever waits.
func TestClaimsAreBoundedByConcurrency(t *testing.T) {
	for _, c := range []struct {
		name        string
		concurrency int
		body        int
		most        int
	}{
		{"small bodies are claimed ahead", 8, 10, 8 + 16},
		{"a group may pass the limit for claiming ahead", 8, 1 << 20, 4 + 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				sink := &testSink{answer: func(ctx context.Context, _ *Delivery) (string, error) {
					<-ctx.Done()
					return "", ctx.Err()
				}}
				for i := range 100 {
					w.queue.addBody("a", fmt.Sprint(i), fmt.Sprint(i), make([]byte, c.body))
				}
				w.run(Destination{Name: "a", Sink: sink, Concurrency: c.concurrency, Timeout: time.Hour})
				if got := w.queue.claimed(); got > c.most || got < c.concurrency {
					t.Errorf("%d claimed, want %d to %d", got, c.concurrency, c.most)
				}
				if got := w.state("a").InFlight; got != c.concurrency {
					t.Errorf("%d in flight, want %d", got, c.concurrency)
				}
				w.end()
			})
		})
	}
}

func TestSinksDoNotWaitForEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		hung := &testSink{answer: func(ctx context.Context, _ *Delivery) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}}
		for i := range 50 {
			w.queue.add("hung", fmt.Sprint(i), fmt.Sprint(i))
			w.queue.add("good", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "hung", Sink: hung}, Destination{Name: "good", Sink: &testSink{}})
		if got := w.queue.count("good", Delivered); got != 50 {
			t.Errorf("delivered %d of 50 beside a hung sink", got)
		}
		w.end()
	})
}

func TestTimeoutEndsASend(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(ctx context.Context, d *Delivery) (string, error) {
			if d.Attempt == 2 {
				return "ok", nil
			}
			<-ctx.Done()
			return "", ctx.Err()
		}}
		w.queue.add("a", "bot", "x")
		w.run(Destination{Name: "a", Sink: sink, Timeout: 3 * time.Second})
		w.pass(time.Minute)
		if diff := cmp.Diff(seconds(0, 4), sink.times(w.start, "x")); diff != "" {
			t.Errorf("sent at (-want +got):\n%s", diff)
		}
		if took := w.queue.settled[0].Took; took != 3*time.Second {
			t.Errorf("the first attempt took %s", took)
		}
		w.end()
	})
}

func TestShutdownLetsWhatIsInFlightFinish(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(ctx context.Context, _ *Delivery) (string, error) {
			select {
			case <-time.After(5 * time.Second):
				return "ok", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}}
		for i := range 40 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Concurrency: 3})
		if took := w.end(); took != 5*time.Second {
			t.Errorf("took %s, want 5s", took)
		}
		if got := w.queue.count("a", Delivered); got != 3 {
			t.Errorf("delivered %d, want the 3 in flight", got)
		}
		if got := sink.count(); got != 3 {
			t.Errorf("%d sends, want none begun after the end", got)
		}
	})
}

func TestShutdownCutsWhatHangsAfterTheGrace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var cause error
		sink := &testSink{answer: func(ctx context.Context, d *Delivery) (string, error) {
			<-ctx.Done()
			if d.Event.ID == "hung" {
				cause = context.Cause(ctx)
			}
			if d.Event.ID == "refused" { // the destination did answer
				return "", err422
			}
			return "", ctx.Err()
		}}
		hung := w.queue.add("a", "bot", "hung")
		refused := w.queue.add("a", "other", "refused")
		w.run(Destination{Name: "a", Sink: sink, Timeout: time.Hour})
		if took := w.end(); took != 8*time.Second {
			t.Errorf("took %s, want the grace of 8s", took)
		}
		if !errors.Is(cause, errStopping) {
			t.Errorf("cause %v", cause)
		}
		if got := w.queue.snapshot(hung); got.state != 0 || got.attempts != 0 {
			t.Errorf("the hung one has state %d and %d attempts, want it released", got.state, got.attempts)
		}
		if got := w.queue.snapshot(refused); got.state != Dead {
			t.Errorf("what was answered in time has state %d, want Dead", got.state)
		}
	})
}

func TestShutdownLeavesBehindWhatIgnoresItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wakeUp := make(chan struct{})
		sink := &testSink{answer: func(context.Context, *Delivery) (string, error) {
			<-wakeUp
			return "late", nil
		}}
		row := w.queue.add("a", "bot", "deaf")
		w.run(Destination{Name: "a", Sink: sink})
		if took := w.end(); took != 8*time.Second+abandonAfter {
			t.Errorf("took %s, want %s", took, 8*time.Second+abandonAfter)
		}
		if len(w.log.lines("left behind", "deliveries=1")) != 1 {
			t.Errorf("not logged")
		}
		if sink.look().closed != 0 {
			t.Errorf("closed during its Send")
		}
		close(wakeUp)
		synctest.Wait()
		if got := w.queue.snapshot(row); got.state != 0 || got.ticket != 0 {
			t.Errorf("state %d, want it released and what came later ignored", got.state)
		}
		if got := w.log.lines("delivery attempted"); len(got) > 0 {
			t.Errorf("logged after Run had returned: %s", got)
		}
		if sink.look().closed != 1 || sink.look().tooEarly {
			t.Errorf("closed %d times, too early: %t", sink.look().closed, sink.look().tooEarly)
		}
	})
}

func TestStoreFailureEndsRun(t *testing.T) {
	gone := errors.New("fsync: input/output error")
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(ctx context.Context, d *Delivery) (string, error) {
			if d.Event.ID == "slow" {
				<-ctx.Done()
			}
			return "", ctx.Err()
		}}
		w.queue.add("a", "bot", "x")
		w.queue.add("a", "other", "slow")
		w.queue.onSettle = func([]Settlement) error { return gone }
		w.run(Destination{Name: "a", Sink: sink, Timeout: time.Hour})
		err := <-w.done
		if !errors.Is(err, gone) {
			t.Errorf("Run returned %v", err)
		}
		if w.now() > settleWithin {
			t.Errorf("took %s: the grace is of no use without a store", w.now())
		}
		w.stop()
	})
}

func TestLostClaimsGoOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.queue.onSettle = func([]Settlement) error { return nil }
		lost := 0
		w.opts.Queue = lostClaims{w.queue, &lost}
		for i := range 5 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: &testSink{}})
		w.pass(time.Second)
		w.queue.add("a", "late", "late")
		w.pass(time.Second)
		if got := w.queue.count("a", Delivered); got != 6 || lost == 0 {
			t.Errorf("delivered %d of 6 over %d lost claims", got, lost)
		}
		if len(w.log.lines("level=DEBUG", "settled rows were gone")) != lost {
			t.Errorf("a lost claim is not logged at debug")
		}
		w.end()
	})
}

// lostClaims settles and says each time that something was lost.
type lostClaims struct {
	*memQueue
	n *int
}

func (q lostClaims) Settle(ctx context.Context, done ...Settlement) error {
	*q.n++
	return errors.Join(q.memQueue.Settle(ctx, done...), fmt.Errorf("row 7: %w", ErrClaimLost))
}

func TestClaimFailureEndsRun(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Queue = brokenClaims{w.queue}
		w.run(Destination{Name: "a", Sink: &testSink{}})
		if err := <-w.done; !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "sink a") {
			t.Errorf("Run returned %v", err)
		}
		w.stop()
	})
}

type brokenClaims struct{ *memQueue }

func (brokenClaims) Claim(context.Context, string, int) ([]*Delivery, error) { return nil, ErrClosed }

func TestRunRefusesWhatItCannotServe(t *testing.T) {
	sink := &testSink{}
	for name, to := range map[string][]Destination{
		"no name":        {{Sink: sink}},
		"no sink":        {{Name: "a"}},
		"twice":          {{Name: "a", Sink: sink}, {Name: "a", Sink: sink}},
		"below zero":     {{Name: "a", Sink: sink, Timeout: -1}},
		"half a rate":    {{Name: "a", Sink: sink, Rate: Rate{Events: 3}}},
		"rate of no one": {{Name: "a", Sink: sink, Rate: Rate{Per: time.Second}}},
	} {
		if err := NewLoop(LoopOptions{}).Run(t.Context(), to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if sink.look().closed != 0 {
		t.Errorf("a sink was closed that was not taken")
	}
}

func TestRateSpacesExactly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{}
		for i := range 5 {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink, Rate: Rate{10, time.Second}})
		w.pass(10 * time.Second) // idle: nothing is saved up
		for i := 5; i < 8; i++ {
			w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
		}
		w.pass(time.Second)
		want := seconds(0, .1, .2, .3, .4, 10, 10.1, 10.2)
		if diff := cmp.Diff(want, sink.times(w.start, "")); diff != "" {
			t.Errorf("sent at (-want +got):\n%s", diff)
		}
		w.end()
	})
}

func TestMutedIsNotSent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{}
		w.opts.Muted = func(d *Delivery) string {
			if d.Event.ID == "quiet" {
				return "muted by kim"
			}
			return ""
		}
		quiet := w.queue.add("a", "bot", "quiet")
		w.queue.add("a", "bot", "loud")
		var told []Settlement
		w.opts.Settled = func(s Settlement) { told = append(told, s) }
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(time.Second)
		if got := w.queue.snapshot(quiet); got.state != Muted || got.note != "muted by kim" {
			t.Errorf("state %d, note %q", got.state, got.note)
		}
		if diff := cmp.Diff([]string{"loud@0s"}, sink.sent(w.start, "")); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if len(told) != 2 || told[0].Verdict != Muted || told[1].Verdict != Delivered {
			t.Errorf("told of %d settlements: %v", len(told), told)
		}
		w.end()
	})
}
