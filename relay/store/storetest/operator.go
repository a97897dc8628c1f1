package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"botrelay/relay"
)

var operatorTests = []test{
	{"Drop ends what is not delivered", dropStates},
	{"Drop lets the key go on", dropKey},
	{"Move takes what is unfinished", moveUnfinished},
	{"Move leaves what the other sink has", moveKnown},
	{"Move keeps the order of a key", moveOrder},
	{"Move voids what is claimed", moveClaimed},
	{"Discard ends what is unfinished", discardUnfinished},
	{"Pause stops one sink, durably", pauseSink},
	{"Pause lets what is claimed be settled", pauseClaimed},
}

func dropStates(e *env) {
	for _, id := range []string{"done", "dead", "muted", "retrying", "pending"} {
		e.add(id, id, "slack")
	}
	e.add("held", "retrying", "slack")
	e.append(e.event("timer", "t"), relay.Target{Sink: "slack", After: e.h.Now().Add(time.Hour)})
	ds := e.expect("slack", "done", "dead", "muted", "retrying", "pending")
	for i, v := range []relay.Verdict{relay.Delivered, relay.Dead, relay.Muted, relay.Retry, relay.Release} {
		e.verdict(v, ds[i])
	}
	e.drop(true, ref("dead", "slack"), ref("retrying", "slack"), ref("held", "slack"), ref("pending", "slack"), ref("timer", "slack"))
	e.drop(false, ref("done", "slack"), ref("dead", "slack"), ref("unknown", "slack"), ref("done", "lake"))
	e.crash()
	for _, id := range []string{"dead", "retrying", "held", "pending", "timer"} {
		s := e.status(id, "slack")
		if s.State != relay.StateDropped || s.Ended.IsZero() {
			e.Errorf("%s is shown as %+v", id, s)
		}
	}
	e.state("done", "slack", relay.StateDelivered)
	e.state("muted", "slack", relay.StateMuted)
	e.h.Advance(2 * time.Hour)
	e.expect("slack")
}

func dropKey(e *env) {
	for i := range 5 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	e.retry(e.expect("slack", "a0")[0], time.Hour)
	e.drop(true, ref("a0", "slack"), ref("a2", "slack"))
	e.verdict(relay.Delivered, e.expect("slack", "a1")...)
	a3 := e.expect("slack", "a3")
	e.drop(true, ref("a3", "slack"))
	e.expect("slack") // a3 is in flight still
	if err := e.store.Settle(e.ctx, e.settlement(a3[0], relay.Retry)); !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("settle a dropped one: %v", err)
	}
	e.expect("slack", "a4")
}

func moveUnfinished(e *env) {
	for _, id := range []string{"done", "dead", "retrying", "pending"} {
		e.add(id, id, "old")
	}
	e.append(e.event("timer", "t"), relay.Target{Sink: "old", After: e.h.Now().Add(time.Hour)})
	ds := e.expect("old", "done", "dead", "retrying", "pending")
	for i, v := range []relay.Verdict{relay.Delivered, relay.Dead, relay.Retry, relay.Release} {
		e.verdict(v, ds[i])
	}
	n, err := e.store.Move(e.ctx, "old", "new")
	if err != nil || n != 3 {
		e.Errorf("move: %d, %v, want 3", n, err)
	}
	e.crash()
	for _, d := range e.expect("new", "retrying", "pending", "timer") {
		if d.Replay != 1 || d.Attempt != 1 || d.Sink != "new" || !strings.HasPrefix(d.Key, "+") {
			e.Errorf("a moved delivery comes as %+v", d)
		}
	}
	e.h.Advance(2 * time.Hour)
	e.expect("old")
	s := e.status("retrying", "old")
	if s.State != relay.StateDropped || !slices.ContainsFunc(s.Tries, func(a relay.Attempt) bool { return a.Note == "moved to new" }) {
		e.Errorf("what was moved is shown as %+v, want dropped with the note", s)
	}
	if n, err := e.store.Move(e.ctx, "old", "new"); n != 0 || err != nil {
		e.Errorf("a second move: %d, %v", n, err)
	}
}

func moveKnown(e *env) {
	e.add("a", "bot-a", "old", "new")
	e.verdict(relay.Delivered, e.expect("new", "a")...)
	e.add("b", "bot-b", "old", "new")
	if _, err := e.store.Move(e.ctx, "old", "new"); err != nil {
		e.Fatal(err)
	}
	e.expect("old")
	e.state("a", "old", relay.StateDropped)
	e.state("a", "new", relay.StateDelivered)
	if d := e.expect("new", "b")[0]; d.Replay != 0 {
		e.Errorf("the other sink's own delivery was changed: %+v", d)
	}
}

func moveOrder(e *env) {
	for i := range 4 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "old")
	}
	e.retry(e.expect("old", "a0")[0], time.Hour)
	e.add("n0", "bot-a", "new")
	if _, err := e.store.Move(e.ctx, "old", "new"); err != nil {
		e.Fatal(err)
	}
	e.add("n1", "bot-a", "new")
	ds := e.expect("new", "n0", "a0")
	e.verdict(relay.Delivered, ds...)
	ds = e.expect("new", "a1", "n1")
	e.retry(ds[0], time.Minute)
	e.verdict(relay.Delivered, ds[1])
	e.expect("new")
	e.h.Advance(time.Minute)
	for i := 1; i < 4; i++ {
		e.verdict(relay.Delivered, e.expect("new", fmt.Sprintf("a%d", i))...)
	}
}

func moveClaimed(e *env) {
	e.add("a", "bot-a", "old")
	e.add("b", "bot-b", "old")
	ds := e.expect("old", "a", "b")
	if _, err := e.store.Move(e.ctx, "old", "new"); err != nil {
		e.Fatal(err)
	}
	e.verdict(relay.Delivered, ds[0]) // it got through all the same
	if err := e.store.Settle(e.ctx, e.settlement(ds[1], relay.Retry)); !errors.Is(err, relay.ErrClaimLost) {
		e.Errorf("a moved one: %v, want ErrClaimLost", err)
	}
	e.state("a", "old", relay.StateDelivered)
	e.state("b", "old", relay.StateDropped)
	e.expect("new", "a", "b")
}

func pauseSink(e *env) {
	pause := func(paused bool) {
		e.Helper()
		if err := e.store.Pause(e.ctx, "slack", paused); err != nil {
			e.Fatal(err)
		}
		if b := e.backlog("slack"); b.Paused != paused {
			e.Errorf("the sink is shown as %+v, want paused = %v", b, paused)
		}
	}
	e.add("a", "bot-a", "slack", "lake")
	pause(true)
	e.expect("slack")
	e.expect("lake", "a")
	e.add("b", "bot-b", "slack")
	e.crash()
	e.expect("slack")
	pause(true)
	pause(false)
	e.expect("slack", "a", "b")
}

func pauseClaimed(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	e.add("b", "bot-b", "slack")
	ds := e.expect("slack", "a0", "b")
	if err := e.store.Pause(e.ctx, "slack", true); err != nil {
		e.Fatal(err)
	}
	e.verdict(relay.Delivered, ds[0])
	e.retry(ds[1], time.Minute)
	e.h.Advance(time.Minute)
	e.expect("slack")
	if err := e.store.Pause(e.ctx, "slack", false); err != nil {
		e.Fatal(err)
	}
	if got := e.claim("slack", 5); len(got) != 2 {
		e.Errorf("after the pause: %q, want a1 and b", idsOf(got))
	}
}

func discardUnfinished(e *env) {
	for _, id := range []string{"done", "dead", "retrying", "pending", "claimed"} {
		e.add(id, id, "old", "lake")
	}
	e.add("held", "retrying", "old")
	e.append(e.event("timer", "t"), relay.Target{Sink: "old", After: e.h.Now().Add(time.Hour)})
	ds := e.expect("old", "done", "dead", "retrying", "pending", "claimed")
	for i, v := range []relay.Verdict{relay.Delivered, relay.Dead, relay.Retry, relay.Release} {
		e.verdict(v, ds[i])
	}
	if n, err := e.store.Discard(e.ctx, "old"); n != 5 || err != nil {
		e.Fatalf("discarded %d, %v, want 5", n, err)
	}
	if n, err := e.store.Discard(e.ctx, "old"); n != 0 || err != nil {
		e.Errorf("discarded again: %d, %v", n, err)
	}
	e.verdict(relay.Delivered, ds[4]) // it still got through
	e.crash()
	for id, want := range map[string]string{
		"done": relay.StateDelivered, "claimed": relay.StateDelivered, "dead": relay.StateDead,
		"retrying": relay.StateDropped, "pending": relay.StateDropped, "held": relay.StateDropped, "timer": relay.StateDropped,
	} {
		e.state(id, "old", want)
	}
	e.h.Advance(2 * time.Hour)
	e.expect("old")
	e.expect("lake", "done", "dead", "retrying", "pending", "claimed")
}
