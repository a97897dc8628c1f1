package pgstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store/pgstore/pgtest"
	"botrelay/relay/store/storetest"
)

// A pooler in transaction mode gives every call another connection of the
// server: whatever the store kept on one would be missing on the next.
func TestTwoRelaysThroughAPooler(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	pooled := pgtest.Bouncer(t, url)
	var said journal
	a, _ := open(t, Options{URL: pooled, Logger: said.logger()})
	b, _ := open(t, Options{URL: pooled})
	const each = 200
	var wg sync.WaitGroup
	for i, s := range []*Store{a, b} {
		wg.Go(func() {
			for n := range each {
				mustAppend(t, s, event(i*each+n, fmt.Sprintf("bot-%d", n%20)), "lake", "bots")
			}
		})
	}
	got := make(map[string]int)
	var mu sync.Mutex
	ctx, done := context.WithTimeout(t.Context(), 30*time.Second)
	defer done()
	take := func(s *Store, sink string) {
		for ctx.Err() == nil {
			ds, err := s.Claim(ctx, sink, 50)
			if err == nil && len(ds) > 0 {
				err = s.Settle(context.Background(), settled(ds, relay.Delivered)...)
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			for _, d := range ds {
				got[d.Sink+d.Event.ID]++
			}
			if len(got) == 4*each {
				done()
			}
			mu.Unlock()
		}
	}
	for _, s := range []*Store{a, b} {
		wg.Go(func() { take(s, "lake") })
		wg.Go(func() { take(s, "bots") })
	}
	wg.Wait()
	if len(got) != 4*each {
		t.Errorf("%d of %d deliveries were handed out", len(got), 4*each)
	}
	for at, n := range got {
		if n != 1 {
			t.Errorf("%s was handed out %d times", at, n)
		}
	}
	if !strings.Contains(said.String(), "by way of a pooler") {
		t.Errorf("the pooler was not noticed:\n%s", said.String())
	}
	if n := ask[int](t, url, `SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'listen%' AND datname = current_database()`); n != 0 {
		t.Errorf("%d connections of the pooler listen", n)
	}
}

func TestModelThroughAPooler(t *testing.T) {
	t.Parallel()
	storetest.Model(t, storetest.Setup{Seeds: 2, Steps: 100, New: func(t *testing.T) *storetest.Harness {
		url := server.Get(t).Database(t)
		return newHarnessAt(t, url, pgtest.Bouncer(t, url))
	}}, 100)
}
