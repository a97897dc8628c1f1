package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestDeadSink puts one dead sink beside two live ones under load: the live
// ones have everything while the dead one has nothing, memory does not grow
// with its backlog, and when it is back it gets all of it, in order.
func TestDeadSink(t *testing.T) {
	t.Parallel()
	dead := freeAddress(t)
	one, two := newCountingSink(t, ""), newCountingSink(t, "")
	relay := newRelayProcess(t, fmt.Sprintf(`
listen: {listen}
store: {store}
log: {level: error}
sources: {recall: {secrets: "{secret}"}}
sinks:
  dead: {type: http, url: "http://%s/"}
  one: {type: http, url: "%s"}
  two: {type: http, url: "%s"}
routes: [{name: everything, to: [dead, one, two]}]
`, dead, one.url(), two.url()))
	relay.start()
	tr := &traffic{url: relay.url(), bots: 40, pause: 20 * time.Millisecond}
	load := func(d time.Duration) {
		ctx, stop := context.WithTimeout(t.Context(), d)
		defer stop()
		var wg sync.WaitGroup
		wg.Go(func() { tr.run(ctx) })
		wg.Wait()
	}
	long := 3 * time.Second
	if testing.Short() {
		long = time.Second
	}
	load(long)
	early := relay.memory()
	load(2 * long)
	acked := tr.acknowledged()
	until(t, "the live sinks have everything", func() error {
		if m := one.missing(acked) + two.missing(acked); m > 0 {
			return fmt.Errorf("%d are missing", m)
		}
		return nil
	})
	// The backlog has tripled; what is kept of it in memory is bounded.
	if late := relay.memory(); late > early+24<<20 {
		t.Errorf("memory grew from %d to %d MiB with the backlog", early>>20, late>>20)
	}
	back := newCountingSink(t, dead)
	until(t, "the dead sink has everything", func() error {
		if m := back.missing(acked); m > 0 {
			return fmt.Errorf("%d of %d are missing", m, len(acked))
		}
		return nil
	})
	for name, s := range map[string]*countingSink{"back": back, "one": one, "two": two} {
		if bot := s.disorder(); bot != "" {
			t.Errorf("%s: out of order: %s", name, bot)
		}
		if got := s.repeated(); got > 0 {
			t.Errorf("%s: %d repetitions without a crash", name, got)
		}
	}
	t.Logf("%d acknowledged, delivered to all", len(acked))
	relay.stop()
}
