package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"botrelay/relay/store/pgstore/pgtest"
)

// database is the one PostgreSQL server of these tests.
var database pgtest.Shared

// TestTwoRelaysShareADatabase puts two relays of one database under load, stops
// one as an operator does and then kills the other's successor: what either has
// acknowledged arrives, in order, and the other accepts on meanwhile.
func TestTwoRelaysShareADatabase(t *testing.T) {
	t.Parallel()
	url := database.Get(t).Database(t)
	one, two := newCountingSink(t, ""), newCountingSink(t, "")
	configuration := fmt.Sprintf(crashConfiguration, one.url(), two.url())
	start := func() *relayProcess {
		r := newRelayProcess(t, strings.Replace(configuration, "store: {store}", fmt.Sprintf("store: %q", url), 1))
		r.start()
		return r
	}
	first, second := start(), start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	// Each relay gets bots of its own: a bot's events come one after another.
	toFirst := &traffic{url: first.url(), bots: 8, name: "a", pause: 5 * time.Millisecond}
	toSecond := &traffic{url: second.url(), bots: 8, name: "b", pause: 5 * time.Millisecond}
	var wg sync.WaitGroup
	firstEnds, endFirst := context.WithCancel(ctx)
	wg.Go(func() { toFirst.run(firstEnds) })
	wg.Go(func() { toSecond.run(ctx) })
	arrived := func(what string, tr *traffic, atLeast int) {
		until(t, what, func() error {
			acked := tr.acknowledged()
			if m := one.missing(acked) + two.missing(acked); len(acked) < atLeast || m > 0 {
				return fmt.Errorf("%d acknowledged, %d deliveries missing", len(acked), m)
			}
			return nil
		})
	}
	until(t, "both accept", func() error {
		if len(toFirst.acknowledged()) < 50 || len(toSecond.acknowledged()) < 50 {
			return fmt.Errorf("%d, %d", len(toFirst.acknowledged()), len(toSecond.acknowledged()))
		}
		return nil
	})
	endFirst()
	first.stop()
	arrived("everything of the stopped relay", toFirst, 50)

	third := start()
	toThird := &traffic{url: third.url(), bots: 8, name: "c", pause: 5 * time.Millisecond}
	wg.Go(func() { toThird.run(ctx) })
	until(t, "the third accepts", func() error {
		if len(toThird.acknowledged()) < 50 {
			return fmt.Errorf("%d", len(toThird.acknowledged()))
		}
		return nil
	})
	before := len(toThird.acknowledged())
	second.kill()
	until(t, "the third accepts on", func() error {
		if len(toThird.acknowledged()) < before+50 {
			return fmt.Errorf("%d after %d", len(toThird.acknowledged()), before)
		}
		return nil
	})
	stop()
	wg.Wait()
	arrived("everything of the killed relay", toSecond, 50)
	arrived("everything of the third relay", toThird, 50)
	for name, s := range map[string]*countingSink{"one": one, "two": two} {
		if bot := s.disorder(); bot != "" {
			t.Errorf("%s: out of order: %s", name, bot)
		}
		// One kill: what the killed one had in flight, a lease at most.
		if got := s.repeated(); got > 16+1024 {
			t.Errorf("%s: %d repetitions", name, got)
		}
	}
	t.Logf("%d + %d + %d acknowledged, %d + %d repetitions", len(toFirst.acknowledged()), len(toSecond.acknowledged()),
		len(toThird.acknowledged()), one.repeated(), two.repeated())
	third.stop()
}
