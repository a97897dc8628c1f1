package storetest

import (
	"time"

	"botrelay/relay"
)

var retentionTests = []test{
	{"finished events go, unfinished never", retainFinished},
	{"dead letters and quarantined ones stay longer", retainDead},
	{"an id is known for seven days", retainIDs},
	{"nothing ages before the clock is proved", retainUnproved},
}

// kept expects an event to be there or not.
func (e *env) kept(id string, want bool) {
	e.Helper()
	ev, _, err := e.store.Event(e.ctx, source, id)
	if err != nil || (ev != nil) != want {
		e.Errorf("event %s: kept = %v, %v, want %v", id, ev != nil, err, want)
	}
}

// margin is when a pass has surely been made.
const margin = 3 * time.Hour

func retainFinished(e *env) {
	for _, id := range []string{"done", "half", "retrying", "muted", "dropped"} {
		e.add(id, id, "slack", "lake")
	}
	e.append(e.event("filtered", "f"))
	e.append(e.event("timer", "t"), relay.Target{Sink: "_watch", After: e.h.Now().Add(2 * e.h.RetentionDead)})
	e.verdict(relay.Delivered, e.expect("lake", "done", "half", "retrying", "muted", "dropped")...)
	ds := e.expect("slack", "done", "half", "retrying", "muted", "dropped")
	for i, v := range []relay.Verdict{relay.Delivered, relay.Release, relay.Retry, relay.Muted, relay.Release} {
		e.verdict(v, ds[i])
	}
	e.drop(true, ref("dropped", "slack"))
	e.h.Advance(e.h.RetentionEvents - margin)
	for _, id := range []string{"done", "half", "retrying", "muted", "dropped", "filtered", "timer"} {
		e.kept(id, true)
	}
	e.h.Advance(2 * margin)
	for _, id := range []string{"done", "muted", "dropped", "filtered"} {
		e.kept(id, false)
	}
	for _, id := range []string{"half", "retrying", "timer"} {
		e.kept(id, true)
	}
	e.h.Advance(e.h.RetentionDead)
	e.kept("half", true)
	e.kept("retrying", true)
	e.kept("timer", true)
	ds = e.claim("slack", 9)
	if len(ds) != 2 {
		e.Errorf("of old and unfinished ones %q are handed out, want half and retrying", idsOf(ds))
	}
	e.verdict(relay.Delivered, ds...)
	e.h.Advance(margin)
	e.kept("half", false)
}

func retainDead(e *env) {
	e.add("dead", "a", "slack", "lake")
	e.add("done", "b", "slack")
	quarantined := &relay.Event{Source: source, ID: "quarantined", Received: e.h.Now(), Raw: []byte("{"), Trouble: "cut"}
	e.append(quarantined)
	ds := e.expect("slack", "dead", "done")
	e.verdict(relay.Dead, ds[0])
	e.verdict(relay.Delivered, ds[1])
	e.verdict(relay.Delivered, e.expect("lake", "dead")...)
	e.h.Advance(e.h.RetentionDead - margin)
	e.kept("dead", true)
	e.kept("quarantined", true)
	e.kept("done", false)
	if b := e.backlog("slack"); b.Dead != 1 {
		e.Errorf("got %+v, want one dead letter", b)
	}
	e.h.Advance(2 * margin)
	e.kept("dead", false)
	e.kept("quarantined", false)
	if b := e.backlog("slack"); b.Dead != 0 {
		e.Errorf("the dead letter is gone and still counted: %+v", b)
	}
}

func retainIDs(e *env) {
	ev := e.event("a", "bot-a")
	e.append(ev, ordered(ev, "slack")...)
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	again := func(raw []byte) relay.Receipt {
		e.Helper()
		c := e.event("a", "bot-a")
		c.Raw = raw
		r, err := e.store.Append(e.ctx, c, ordered(c, "slack")...)
		if err != nil {
			e.Fatal(err)
		}
		return r
	}
	for day := 1; day < 7; day++ {
		e.h.Advance(24 * time.Hour)
		if day > 4 { // whatever holds the ids is on the disk
			e.crash()
			e.h.Prove()
		}
		if r := again(ev.Raw); !r.Duplicate || r.Conflict {
			e.Fatalf("after %d days the id is not known: %+v", day, r)
		}
		if r := again([]byte("another")); !r.Duplicate || !r.Conflict {
			e.Fatalf("after %d days another body is no conflict: %+v", day, r)
		}
	}
	e.kept("a", e.h.RetentionEvents > 6*24*time.Hour-margin)
	e.h.Advance(e.h.RetentionEvents + 9*24*time.Hour)
	e.kept("a", false)
	if r := again(ev.Raw); r.Duplicate {
		e.Errorf("the id is known for ever: %+v", r)
	}
	e.expect("slack", "a")
}

func retainUnproved(e *env) {
	e.add("a", "bot-a", "slack")
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	e.crash()
	e.h.Advance(e.h.RetentionDead + margin)
	e.kept("a", true)
	e.h.Prove()
	e.h.Advance(margin)
	e.kept("a", false)
}
