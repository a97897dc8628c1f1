package storetest

import (
	"fmt"
	"time"

	"botrelay/relay"
)

var requeueTests = []test{
	{"a finished delivery goes to the end", requeueFinished},
	{"a sink that the event never had", requeueNew},
	{"Requeue may name a route", requeueRoute},
	{"replayed ones hold nobody up and are in order", requeueOrder},
	{"a retrying one is due now, in its place", requeueRetrying},
	{"a pending one is left alone", requeuePending},
	{"what was out of order is in order again", requeueDetached},
	{"a replayed delivery counts anew", requeueCounts},
}

func requeueFinished(e *env) {
	for i, v := range []relay.Verdict{relay.Delivered, relay.Dead, relay.Muted} {
		id := fmt.Sprint(i)
		e.add(id, "bot-"+id, "slack")
		e.verdict(v, e.expect("slack", id)...)
	}
	e.add("3", "bot-3", "slack")
	e.drop(true, ref("3", "slack"))
	e.add("next", "bot-4", "slack")
	e.requeue(true, ref("2", "slack"), ref("0", "slack"), ref("3", "slack"), ref("1", "slack"))
	e.crash()
	for i, d := range e.expect("slack", "next", "2", "0", "3", "1") {
		if want := min(i, 1); d.Replay != want || d.Attempt != 1 {
			e.Errorf("%s comes as %+v, want replay %d", d.Event.ID, d, want)
		}
	}
	e.requeue(false, relay.Ref{Source: source, ID: "unknown", Sink: "slack"}, relay.Ref{Source: "unknown", ID: "0", Sink: "slack"})
}

func requeueNew(e *env) {
	e.add("a", "bot-a", "slack")
	e.add("b", "bot-a", "slack")
	e.requeue(true, ref("b", "lake"), ref("a", "lake"))
	d := e.expect("lake", "b")[0]
	if d.Replay != 1 || d.Attempt != 1 || d.Route != "" {
		e.Errorf("a new delivery comes as %+v, want replay 1 and no route", d)
	}
	e.expect("lake") // a is behind b: they are in the order asked for
	e.verdict(relay.Delivered, d)
	e.expect("lake", "a")
}

func requeueRoute(e *env) {
	e.add("a", "bot-a", "slack")
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	again, fresh := ref("a", "slack"), ref("a", "lake")
	again.Route, fresh.Route = "another", "a new one"
	e.requeue(true, again, fresh)
	e.crash()
	if d := e.expect("slack", "a")[0]; d.Route != "another" {
		e.Errorf("sent again by another route, it comes by %q", d.Route)
	} else {
		e.verdict(relay.Delivered, d)
	}
	if d := e.expect("lake", "a")[0]; d.Route != "a new one" {
		e.Errorf("sent anew by a route, it comes by %q", d.Route)
	}
	e.requeue(true, ref("a", "slack"))
	if d := e.expect("slack", "a")[0]; d.Route != "another" {
		e.Errorf("sent again without a route, it comes by %q", d.Route)
	}
	if s := e.status("a", "slack"); s.Route != "another" || s.Ref.Route != "" {
		e.Errorf("shown as %+v", s)
	}
}

func requeueOrder(e *env) {
	for i := range 3 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
		e.verdict(relay.Delivered, e.expect("slack", fmt.Sprintf("a%d", i))...)
	}
	e.requeue(true, ref("a2", "slack"), ref("a0", "slack"))
	e.add("a3", "bot-a", "slack")
	ds := e.expect("slack", "a2", "a3")
	e.retry(ds[0], time.Minute)
	e.retry(ds[1], time.Minute)
	e.add("a4", "bot-a", "slack")
	e.requeue(true, ref("a1", "slack"))
	e.expect("slack") // a0 and a1 wait for a2, a4 for a3
	e.h.Advance(time.Minute)
	ds = e.expect("slack", "a2", "a3")
	e.verdict(relay.Delivered, ds[1])
	e.verdict(relay.Delivered, e.expect("slack", "a4")...)
	e.verdict(relay.Dead, ds[0])
	e.verdict(relay.Delivered, e.expect("slack", "a0")...)
	e.verdict(relay.Delivered, e.expect("slack", "a1")...)
}

func requeueRetrying(e *env) {
	for i := range 3 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	e.retry(e.expect("slack", "a0")[0], time.Hour)
	e.expect("slack")
	e.requeue(true, ref("a0", "slack"))
	d := e.expect("slack", "a0")[0]
	if d.Attempt != 2 || d.Replay != 0 || d.Waited != time.Hour {
		e.Errorf("a delivery that is due now comes as %+v, want attempt 2 of the same", d)
	}
	e.expect("slack")
	e.retry(d, time.Hour)
	e.crash()
	e.requeue(true, ref("a0", "slack"))
	e.verdict(relay.Delivered, e.expect("slack", "a0")...)
	e.verdict(relay.Delivered, e.expect("slack", "a1")...)
}

func requeuePending(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	e.append(e.event("t", "bot-a"), relay.Target{Sink: "_watch", After: e.h.Now().Add(time.Hour)})
	e.requeue(false, ref("a0", "slack"), ref("a1", "slack"), ref("t", "_watch"))
	ds := e.expect("slack", "a0")
	e.requeue(false, ref("a0", "slack"), ref("a1", "slack"))
	e.verdict(relay.Delivered, ds...)
	e.requeue(true, ref("a0", "slack"))
	e.requeue(false, ref("a0", "slack"))
	e.expect("slack", "a1", "a0")
	e.expect("_watch")
}

// Pinned: with the mark left on, the replayed row would be in no set and could
// be overtaken or lost.
func requeueDetached(e *env) {
	for i := range 3 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
		e.verdict(relay.Detach, e.expect("slack", fmt.Sprintf("a%d", i))...)
	}
	e.h.Advance(time.Minute)
	for range 3 {
		e.verdict(relay.Dead, e.claim("slack", 1)...)
	}
	e.requeue(true, ref("a0", "slack"), ref("a1", "slack"), ref("a2", "slack"))
	d := e.expect("slack", "a0")[0]
	if d.OutOfOrder {
		e.Errorf("a replayed delivery is still marked: %+v", d)
	}
	e.retry(d, time.Minute)
	e.expect("slack")
	e.h.Advance(time.Minute)
	for i := range 3 {
		e.verdict(relay.Delivered, e.expect("slack", fmt.Sprintf("a%d", i))...)
	}
}

func requeueCounts(e *env) {
	e.add("a", "bot-a", "slack")
	for range 2 {
		e.verdict(relay.Retry, e.expect("slack", "a")...)
		e.h.Advance(time.Minute)
	}
	e.verdict(relay.Dead, e.expect("slack", "a")...)
	for n := 1; n <= 2; n++ {
		e.requeue(true, ref("a", "slack"))
		s := e.status("a", "slack")
		if s.State != relay.StatePending || s.Attempts != 0 || s.Replay != n || !s.First.IsZero() || !s.Due.IsZero() || !s.Ended.IsZero() || len(s.Tries) < 3 {
			e.Errorf("after requeue %d it is shown as %+v, want it new but for its tries", n, s)
		}
		d := e.expect("slack", "a")[0]
		if d.Attempt != 1 || d.Replay != n || d.Waited != 0 || !d.First.IsZero() || d.Route != "route-slack" {
			e.Errorf("after requeue %d it comes as %+v", n, d)
		}
		e.verdict(relay.Delivered, d)
	}
}
