package storetest

import (
	"fmt"
	"time"

	"botrelay/relay"
)

var orderTests = []test{
	{"one at a time per key, in commit order", orderPerKey},
	{"sinks and sources share no key", orderApart},
	{"without a key each is on its own", orderNone},
	{"what waits holds back its key only", orderWaiting},
	{"a failing row keeps its place", orderPlace},
	{"a detached row lets its key go on", orderDetach},
	{"dead and muted let the key go on", orderFinal},
	{"a released row leaves no trace", orderRelease},
	{"a released row that waited is due at once", orderReleaseDue},
	{"a released row that was held keeps its place", orderReleaseHeld},
	{"what was claimed by a vanished process comes again in order", orderCrash},
	{"held rows of a vanished process wait for earlier ones", orderCrashHeld},
	{"a hot key fills no window", orderHotKey},
	{"both kinds have their share", orderShares},
	{"the keys of one answer are distinct", orderDistinct},
}

func orderPerKey(e *env) {
	for i := range 6 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
		e.add(fmt.Sprintf("b%d", i), "bot-b", "slack")
	}
	for i := range 6 {
		ds := e.expect("slack", fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i))
		e.expect("slack")
		e.verdict(relay.Delivered, ds[1])
		e.verdict(relay.Delivered, ds[0])
	}
	e.expect("slack")
}

func orderApart(e *env) {
	e.add("a", "bot-1", "slack", "lake")
	e.add("b", "bot-1", "slack", "lake")
	other := e.event("c", "bot-1")
	other.Source = "another"
	e.append(other, ordered(other, "slack")...)
	e.expect("slack", "a", "c")
	e.verdict(relay.Delivered, e.expect("lake", "a")...)
	e.expect("lake", "b")
	e.expect("slack")
}

func orderNone(e *env) {
	for i := range 3 {
		e.append(e.event(fmt.Sprint(i), "bot-1"), relay.Target{Sink: "slack"})
	}
	ds := e.expect("slack", "0", "1", "2")
	e.retry(ds[0], time.Minute)
	e.verdict(relay.Delivered, ds[1])
	e.append(e.event("3", "bot-1"), relay.Target{Sink: "slack"})
	e.expect("slack", "3")
	e.h.Advance(time.Minute)
	e.expect("slack", "0")
}

func orderWaiting(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	e.retry(e.expect("slack", "a0")[0], 10*time.Minute)
	e.add("b0", "bot-b", "slack")
	e.add("a2", "bot-a", "slack")
	e.verdict(relay.Delivered, e.expect("slack", "b0")...)
	e.state("a0", "slack", relay.StateRetrying)
	e.state("a1", "slack", relay.StatePending)
	e.crash()
	e.add("a3", "bot-a", "slack")
	e.expect("slack")
	e.h.Advance(10*time.Minute - time.Second)
	e.expect("slack")
	e.h.Advance(time.Second)
	for _, id := range []string{"a0", "a1", "a2", "a3"} {
		ds := e.expect("slack", id)
		e.expect("slack")
		e.verdict(relay.Delivered, ds...)
	}
	e.expect("slack")
}

func orderPlace(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	for range 3 {
		e.retry(e.expect("slack", "a0")[0], time.Minute)
		e.expect("slack")
		e.h.Advance(time.Minute)
	}
	e.verdict(relay.Delivered, e.expect("slack", "a0")...)
	e.expect("slack", "a1")
}

func orderDetach(e *env) {
	for i := range 4 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	e.verdict(relay.Detach, e.expect("slack", "a0")...)
	e.verdict(relay.Detach, e.expect("slack", "a1")...)
	if s := e.status("a0", "slack"); !s.OutOfOrder || s.State != relay.StateRetrying {
		e.Errorf("a detached delivery is shown as %+v", s)
	}
	e.verdict(relay.Delivered, e.expect("slack", "a2")...)
	e.crash()
	a3 := e.expect("slack", "a3")
	e.h.Advance(time.Minute)
	ds := e.claim("slack", 1)
	ds = append(ds, e.claim("slack", 1)...)
	for _, d := range ds {
		if !d.OutOfOrder || d.Attempt != 2 || d.Key != a3[0].Key {
			e.Errorf("a detached delivery is handed out as %+v", d)
		}
	}
	if got := fmt.Sprint(idsOf(ds)); got != "[a0 a1]" {
		e.Errorf("the detached ones come as %s", got)
	}
	e.add("a4", "bot-a", "slack")
	e.verdict(relay.Delivered, a3...)
	e.verdict(relay.Delivered, e.expect("slack", "a4")...) // though both are still out
	e.verdict(relay.Retry, ds...)
	e.add("a5", "bot-a", "slack")
	e.verdict(relay.Delivered, e.expect("slack", "a5")...)
	e.h.Advance(time.Minute)
	e.verdict(relay.Delivered, e.claim("slack", 1)...)
	e.verdict(relay.Delivered, e.claim("slack", 1)...)
	e.state("a0", "slack", relay.StateDelivered)
	e.state("a1", "slack", relay.StateDelivered)
}

func orderFinal(e *env) {
	for i := range 4 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	e.verdict(relay.Dead, e.expect("slack", "a0")...)
	e.retry(e.expect("slack", "a1")[0], time.Minute)
	e.h.Advance(time.Minute)
	e.verdict(relay.Dead, e.expect("slack", "a1")...)
	e.verdict(relay.Muted, e.expect("slack", "a2")...)
	e.expect("slack", "a3")
	e.state("a0", "slack", relay.StateDead)
	e.state("a1", "slack", relay.StateDead)
	e.state("a2", "slack", relay.StateMuted)
}

func orderRelease(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("b0", "bot-b", "slack")
	e.add("a1", "bot-a", "slack")
	for range 2 {
		ds := e.expect("slack", "a0", "b0")
		e.verdict(relay.Release, ds...)
		if s := e.status("a0", "slack"); s.State != relay.StatePending || s.Attempts != 0 || !s.First.IsZero() || len(s.Tries) != 0 {
			e.Errorf("a released delivery is shown as %+v", s)
		}
	}
	ds := e.expect("slack", "a0", "b0")
	if ds[0].Attempt != 1 || !ds[0].First.IsZero() {
		e.Errorf("a released delivery comes as %+v", ds[0])
	}
}

func orderReleaseDue(e *env) {
	e.add("a0", "bot-a", "slack")
	e.add("a1", "bot-a", "slack")
	e.retry(e.expect("slack", "a0")[0], time.Minute)
	e.h.Advance(time.Minute)
	for range 2 {
		ds := e.expect("slack", "a0")
		if ds[0].Attempt != 2 {
			e.Errorf("it comes as attempt %d, want 2", ds[0].Attempt)
		}
		e.expect("slack")
		e.verdict(relay.Release, ds...)
	}
	e.verdict(relay.Delivered, e.expect("slack", "a0")...)
	e.expect("slack", "a1")
}

// Pinned: after a start without ready rows, held ones lie above what was read.
func orderReleaseHeld(e *env) {
	for i := range 4 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	e.retry(e.expect("slack", "a0")[0], time.Minute)
	e.h.Advance(time.Minute)
	e.verdict(relay.Delivered, e.expect("slack", "a0")...)
	e.crash()
	for _, id := range []string{"a1", "a2", "a3"} {
		e.verdict(relay.Release, e.expect("slack", id)...)
		e.verdict(relay.Delivered, e.expect("slack", id)...)
	}
}

func orderCrash(e *env) {
	for i := range 3 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
		e.add(fmt.Sprintf("b%d", i), "bot-b", "slack")
	}
	e.verdict(relay.Delivered, e.expect("slack", "a0", "b0")[1])
	e.expect("slack", "b1")
	e.crash()
	ds := e.expect("slack", "a0", "b1")
	if ds[0].Attempt != 1 || ds[1].Attempt != 1 {
		e.Errorf("claiming left a trace: %+v", ds[0])
	}
	e.state("b0", "slack", relay.StateDelivered)
}

// Pinned: reading begins anew at the lowest row, while rows that an earlier
// process has held lie above it.
func orderCrashHeld(e *env) {
	for i := range 80 {
		e.add(fmt.Sprintf("a%02d", i), "bot-a", "slack")
	}
	for i := range 3 {
		e.verdict(relay.Delivered, e.expect("slack", fmt.Sprintf("a%02d", i))...)
	}
	a3 := e.expect("slack", "a03")
	e.verdict(relay.Release, a3...)
	e.crash()
	for i := 3; i < 80; i++ {
		if i == 50 {
			e.crash()
		}
		ds := e.expect("slack", fmt.Sprintf("a%02d", i))
		e.expect("slack")
		e.verdict(relay.Delivered, ds...)
	}
}

func orderHotKey(e *env) {
	n := sized(10_000, 500)
	for i := range n {
		e.add(fmt.Sprintf("hot%d", i), "hot", "slack")
	}
	e.add("cold", "bot-b", "slack")
	var ds []*relay.Delivery
	for looks := 0; len(ds) < 2; looks++ { // one look may stop where it has something
		if ds = append(ds, e.claim("slack", 10)...); looks > n/100 {
			e.Fatalf("the cold one is behind the hot ones: got %q", idsOf(ds))
		}
	}
	if got := fmt.Sprint(idsOf(ds)); got != "[hot0 cold]" {
		e.Fatalf("got %s, want hot0 and cold", got)
	}
	e.retry(ds[0], time.Minute)
	e.verdict(relay.Delivered, ds[1])
	e.add("cold2", "bot-b", "slack")
	e.verdict(relay.Delivered, e.expect("slack", "cold2")...)
	e.h.Advance(time.Minute)
	for i := range n {
		ds := e.claim("slack", 5)
		if len(ds) != 1 || ds[0].Event.ID != fmt.Sprintf("hot%d", i) {
			e.Fatalf("got %q, want hot%d alone", idsOf(ds), i)
		}
		if i == n/2 {
			e.crash()
			ds = e.expect("slack", fmt.Sprintf("hot%d", i))
		}
		e.settle(e.settlement(ds[0], relay.Delivered))
	}
	e.expect("slack")
}

func orderShares(e *env) {
	const each = 120
	for i := range each {
		e.add(fmt.Sprintf("old%d", i), fmt.Sprintf("old%d", i), "slack")
	}
	for failed := 0; failed < each; {
		ds := e.claim("slack", 50)
		e.verdict(relay.Retry, ds...)
		failed += len(ds)
	}
	for i := range each {
		e.add(fmt.Sprintf("new%d", i), fmt.Sprintf("new%d", i), "slack")
	}
	e.h.Advance(time.Minute)
	var kinds []bool
	left := map[bool]int{true: each, false: each}
	for n := 1; left[true] > 0 && left[false] > 0; n = n%7 + 1 {
		ds := e.claim("slack", n)
		if len(ds) == 0 {
			e.Fatalf("none is handed out while %v wait", left)
		}
		for _, d := range ds {
			tried := d.Attempt > 1
			left[tried]--
			if left[tried] >= 0 && left[!tried] > 0 {
				kinds = append(kinds, tried)
			}
		}
		e.verdict(relay.Delivered, ds...)
	}
	for at := 16; at <= len(kinds); at++ {
		tried := 0
		for _, k := range kinds[at-16 : at] {
			if k {
				tried++
			}
		}
		if tried < 4 || tried > 8 {
			e.Errorf("of 16 handed out before number %d, %d were tried before; want 4 to 8", at, tried)
		}
	}
	if len(kinds) < each {
		e.Errorf("only %d were handed out while both kinds waited", len(kinds))
	}
}

func orderDistinct(e *env) {
	for i := range 4 {
		e.add(fmt.Sprintf("a%d", i), "bot-a", "slack")
	}
	for i := range 3 {
		e.verdict(relay.Detach, e.expect("slack", fmt.Sprintf("a%d", i))...)
	}
	e.h.Advance(time.Minute)
	var all []string
	for range 4 {
		ds := e.claim("slack", 10)
		if len(ds) != 1 {
			e.Fatalf("one answer holds %q, all of one key", idsOf(ds))
		}
		all = append(all, idsOf(ds)...)
	}
	if len(all) != 4 {
		e.Errorf("got %q", all)
	}
}
