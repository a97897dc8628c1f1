package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

var settleTests = []test{
	{"an outcome survives a crash", settleSurvives},
	{"attempts, first and waited are kept", settleCounts},
	{"a throttled try is not counted", settleUncounted},
	{"the first and the last four tries are kept", settleTries},
	{"a lost row is reported and the others settled", settleLost},
	{"delivered overwrites a drop", settleDropped},
	{"a replayed row does not take an older claim", settleOlder},
	{"nothing is settled twice", settleTwice},
	{"a claim of a vanished process is lost", settleVanished},
	{"a claim of a lost sink is lost", settleForgotten},
}

func settleSurvives(e *env) {
	verdicts := map[string]relay.Verdict{"a": relay.Delivered, "b": relay.Muted, "c": relay.Dead, "d": relay.Retry, "e": relay.Detach, "f": relay.Release}
	want := map[string]string{
		"a": relay.StateDelivered, "b": relay.StateMuted, "c": relay.StateDead,
		"d": relay.StateRetrying, "e": relay.StateRetrying, "f": relay.StatePending,
	}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		e.add(id, id, "slack")
	}
	var done []relay.Settlement
	for _, d := range e.expect("slack", "a", "b", "c", "d", "e", "f") {
		done = append(done, e.settlement(d, verdicts[d.Event.ID]))
	}
	ended := e.h.Now()
	e.settle(done...)
	e.crash()
	for id, state := range want {
		s := e.status(id, "slack")
		if s.State != state {
			e.Errorf("%s is %s after the crash, want %s", id, s.State, state)
		}
		if final := id <= "c"; final != s.Ended.Equal(ended) || final == s.Ended.IsZero() {
			e.Errorf("%s ended at %v; it was settled at %v", id, s.Ended, ended)
		}
		if waits := id == "d" || id == "e"; waits && !s.Due.Equal(ended.Add(time.Minute)) {
			e.Errorf("%s is due at %v", id, s.Due)
		}
	}
	e.expect("slack", "f")
	if err := e.store.Settle(e.ctx); err != nil {
		e.Errorf("settling nothing: %v", err)
	}
}

func settleCounts(e *env) {
	e.add("a", "bot-a", "slack")
	began := e.h.Now().Add(-time.Second).UTC()
	for n := 1; n <= 3; n++ {
		d := e.expect("slack", "a")[0]
		if d.Attempt != n || d.Waited != time.Duration(n-1)*7*time.Second || d.Replay != 0 || d.Route != "route-slack" || d.Sink != "slack" {
			e.Errorf("try %d is handed out as %+v", n, d)
		}
		if n == 1 != d.First.IsZero() || n > 1 && !d.First.Equal(began) {
			e.Errorf("try %d has First %v, want %v", n, d.First, began)
		}
		s := e.settlement(d, relay.Retry)
		s.At, s.Wait = e.h.Now().Add(time.Minute), 7*time.Second
		if n == 1 {
			s.Began = began
		}
		e.settle(s)
		if n == 2 {
			e.crash()
		}
		e.h.Advance(time.Minute)
	}
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	if s := e.status("a", "slack"); s.Attempts != 4 || !s.First.Equal(began) {
		e.Errorf("delivered after 4 tries, shown as %+v", s)
	}
}

func settleUncounted(e *env) {
	e.add("a", "bot-a", "slack")
	e.add("b", "bot-a", "slack")
	for range 3 {
		d := e.expect("slack", "a")[0]
		if d.Attempt != 1 {
			e.Errorf("a throttled delivery comes as attempt %d", d.Attempt)
		}
		s := e.settlement(d, relay.Retry)
		s.Uncounted, s.Wait = true, 0
		e.settle(s)
		if s := e.status("a", "slack"); s.Attempts != 0 || s.State != relay.StatePending {
			e.Errorf("a throttled delivery is shown as %+v", s)
		}
		e.expect("slack")
		e.h.Advance(time.Minute)
	}
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	e.verdict(relay.Delivered, e.expect("slack", "b")...)
}

func settleTries(e *env) {
	e.add("a", "bot-a", "slack")
	var want []relay.Attempt
	for n := range 8 {
		s := e.settlement(e.expect("slack", "a")[0], relay.Retry)
		s.Note, s.Took = fmt.Sprintf("note %d", n), time.Duration(n)*time.Millisecond
		want = append(want, relay.Attempt{Began: s.Began, Took: s.Took, Note: s.Note})
		e.settle(s)
		e.h.Advance(time.Minute)
	}
	got := e.status("a", "slack").Tries
	for i := range got {
		got[i].Began = got[i].Began.UTC()
	}
	if diff := cmp.Diff(slices.Concat(want[:1], want[4:]), got); diff != "" {
		e.Error(diff)
	}
}

func settleLost(e *env) {
	for _, id := range []string{"a", "b", "c"} {
		e.add(id, id, "slack")
	}
	ds := e.expect("slack", "a", "b", "c")
	e.drop(true, ref("b", "slack"))
	err := e.store.Settle(e.ctx, e.settlement(ds[0], relay.Dead), e.settlement(ds[1], relay.Retry), e.settlement(ds[2], relay.Delivered))
	if !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("settling a dropped one: %v, want ErrClaimLost", err)
	}
	e.state("a", "slack", relay.StateDead)
	e.state("b", "slack", relay.StateDropped)
	e.state("c", "slack", relay.StateDelivered)
}

func settleDropped(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	ds := e.expect("slack", "a0")
	e.drop(true, ref("a0", "slack"))
	e.state("a0", "slack", relay.StateDropped)
	e.expect("slack") // it is still in flight
	e.verdict(relay.Delivered, ds...)
	e.state("a0", "slack", relay.StateDelivered)
	e.expect("slack", "a1")
}

func settleOlder(e *env) {
	e.add("a", "bot-a", "slack")
	old := e.expect("slack", "a")
	e.drop(true, ref("a", "slack"))
	e.requeue(true, ref("a", "slack"))
	again := e.expect("slack", "a")
	for _, v := range []relay.Verdict{relay.Delivered} {
		if err := e.store.Settle(e.ctx, e.settlement(old[0], v)); !errors.Is(err, relay.ErrClaimLost) {
			e.Errorf("the older claim: %v, want ErrClaimLost", err)
		}
	}
	e.state("a", "slack", relay.StatePending)
	e.verdict(relay.Dead, again...)
	e.state("a", "slack", relay.StateDead)
}

func settleTwice(e *env) {
	e.add("a", "bot-a", "slack")
	d := e.expect("slack", "a")[0]
	e.verdict(relay.Retry, d)
	if err := e.store.Settle(e.ctx, e.settlement(d, relay.Delivered)); !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("settling twice: %v, want ErrClaimLost", err)
	}
	e.state("a", "slack", relay.StateRetrying)
}

func settleVanished(e *env) {
	e.add("a", "bot-a", "slack")
	old := e.expect("slack", "a")[0]
	e.crash()
	if err := e.store.Settle(e.ctx, e.settlement(old, relay.Delivered)); !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("a claim from before the crash: %v, want ErrClaimLost", err)
	}
	e.expect("slack", "a")
}

func settleForgotten(e *env) {
	if e.h.Lose == nil {
		e.Skip("this store has no leases")
	}
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	old := e.expect("slack", "a0")[0]
	e.h.Lose("slack")
	e.add("b", "bot-b", "slack")
	e.expect("slack")
	if err := e.store.Settle(e.ctx, e.settlement(old, relay.Delivered)); !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("a claim of a lost sink: %v, want ErrClaimLost", err)
	}
	e.h.Regain("slack")
	e.verdict(relay.Delivered, e.expect("slack", "a0", "b")...)
	e.expect("slack", "a1")
}
