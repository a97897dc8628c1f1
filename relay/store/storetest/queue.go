package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"botrelay/relay"
)

var queueTests = []test{
	{"Claim blocks until a row is appended", claimBlocks},
	{"Claim blocks until a row is due", claimDue},
	{"Claim blocks until a key is free", claimKey},
	{"Claim blocks until the sink is resumed", claimResumed},
	{"Claim ends with its ctx", claimEnds},
	{"Claim keeps to its maximum and to 4 MiB", claimLimits},
	{"Claim hands out all that waits", claimAll},
	{"a damaged event is a dead letter", claimDamaged},
}

// waiting is a Claim under way in a goroutine.
type waitingClaim struct {
	got chan []*relay.Delivery
}

// claimInBackground starts a Claim for one delivery that may block.
func (e *env) claimInBackground(ctx context.Context, sink string) waitingClaim {
	w := waitingClaim{make(chan []*relay.Delivery, 1)}
	var wg sync.WaitGroup
	store := e.store
	wg.Go(func() {
		ds, err := store.Claim(ctx, sink, 1)
		if err != nil {
			e.Errorf("claim for %s: %v", sink, err)
		}
		w.got <- ds
	})
	e.Cleanup(wg.Wait)
	return w
}

// wants waits for the Claim and expects these ids.
func (w waitingClaim) wants(e *env, ids ...string) {
	e.Helper()
	if got := fmt.Sprint(idsOf(<-w.got)); got != fmt.Sprint(ids) {
		e.Errorf("a Claim that waited got %s, want %v", got, ids)
	}
}

func claimBlocks(e *env) {
	w := e.claimInBackground(e.ctx, "slack")
	e.add("other", "bot-1", "lake")
	e.add("a", "bot-1", "slack")
	w.wants(e, "a")
	w = e.claimInBackground(e.ctx, "slack")
	e.add("b", "bot-2", "slack")
	w.wants(e, "b")
}

func claimDue(e *env) {
	e.add("a", "bot-1", "slack")
	e.retry(e.expect("slack", "a")[0], 3*time.Minute)
	w := e.claimInBackground(e.ctx, "slack")
	for range 3 {
		e.h.Advance(time.Minute)
	}
	w.wants(e, "a")
	w = e.claimInBackground(e.ctx, "_watch")
	e.append(e.event("t", "bot-1"), relay.Target{Sink: "_watch", After: e.h.Now().Add(5 * time.Second)})
	e.h.Advance(5 * time.Second)
	w.wants(e, "t")
}

func claimKey(e *env) {
	e.add("a", "bot-1", "slack")
	e.add("b", "bot-1", "slack")
	ds := e.expect("slack", "a")
	w := e.claimInBackground(e.ctx, "slack")
	e.verdict(relay.Delivered, ds...)
	w.wants(e, "b")
}

func claimResumed(e *env) {
	if err := e.store.Pause(e.ctx, "slack", true); err != nil {
		e.Fatal(err)
	}
	e.add("a", "bot-1", "slack")
	w := e.claimInBackground(e.ctx, "slack")
	e.expect("slack")
	if err := e.store.Pause(e.ctx, "slack", false); err != nil {
		e.Fatal(err)
	}
	w.wants(e, "a")
}

func claimEnds(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	w := e.claimInBackground(ctx, "slack")
	cancel()
	w.wants(e)
	e.add("a", "bot-1", "slack")
	e.expect("slack", "a")
	if ds, err := e.store.Claim(e.ctx, "slack", 0); err == nil {
		e.Errorf("a Claim for none: got %q, want an error", idsOf(ds))
	}
}

func claimLimits(e *env) {
	const mib = 1 << 20
	for i := range 10 {
		ev := e.event(fmt.Sprint(i), fmt.Sprint(i))
		ev.Raw = bytes.Repeat([]byte("x"), mib-mib*(i/5)/2)
		if i == 9 {
			ev.Raw = bytes.Repeat([]byte("x"), 5*mib)
		}
		e.append(ev, ordered(ev, "slack")...)
	}
	if got := len(e.claim("slack", 2)); got != 2 {
		e.Errorf("asked for 2, got %d", got)
	}
	seen := 2
	for seen < 10 {
		ds := e.claim("slack", 10)
		size := 0
		for i, d := range ds {
			if d.Event.ID != fmt.Sprint(seen+i) {
				e.Errorf("got %q after %d", idsOf(ds), seen)
			}
			size += len(d.Event.Raw)
		}
		if len(ds) == 0 || size > 4*mib && len(ds) > 1 {
			e.Fatalf("one answer holds %d bodies of %d bytes", len(ds), size)
		}
		seen += len(ds)
		if seen < 9 && size <= 3*mib {
			e.Errorf("one answer holds only %d bytes", size)
		}
	}
}

func claimAll(e *env) {
	n := sized(6000, 300) // more than a window
	for i := range n {
		e.add(fmt.Sprint(i), fmt.Sprint(i), "slack")
	}
	seen := make(map[string]bool)
	last := relay.Seq(0)
	for len(seen) < n {
		ds := e.claim("slack", 500)
		if len(ds) == 0 {
			e.Fatalf("none is handed out after %d of %d", len(seen), n)
		}
		for _, d := range ds {
			if seen[d.Event.ID] || d.Event.Seq < last {
				e.Fatalf("%s comes twice or late", d.Event.ID)
			}
			seen[d.Event.ID], last = true, d.Event.Seq
		}
	}
}

func claimDamaged(e *env) {
	if e.h.Damage == nil {
		e.Skip("this harness cannot damage what is stored")
	}
	for _, id := range []string{"a0", "a1", "a2"} {
		e.add(id, "bot-a", "slack", "lake")
	}
	e.add("b0", "bot-b", "slack")
	e.retry(e.expect("lake", "a0")[0], time.Minute)
	e.h.Damage(source, "a0")
	e.verdict(relay.Delivered, e.expect("slack", "b0")...)
	e.verdict(relay.Delivered, e.expect("slack", "a1")...)
	e.h.Damage(source, "a2")
	e.expect("slack")
	e.h.Advance(time.Minute)
	e.verdict(relay.Delivered, e.expect("lake", "a1")...)
	e.expect("lake")
	p, err := e.store.Deliveries(e.ctx, relay.Query{State: relay.StateDead})
	if err != nil {
		e.Fatal(err)
	}
	if len(p.Items) != 4 {
		e.Errorf("%d dead letters, want a0 and a2 for two sinks: %+v", len(p.Items), p.Items)
	}
	for _, s := range p.Items {
		if len(s.Tries) == 0 || s.Tries[len(s.Tries)-1].Note != "stored event is damaged" {
			e.Errorf("the tries of %v do not say why: %+v", s.Ref, s.Tries)
		}
	}
}
