package pgstore

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
	"botrelay/relay/store/pgstore/pgtest"
)

// frozen opens a store by way of a proxy. It does not Run, so nothing but what
// the test does passes through.
func frozen(t *testing.T, url string, opts Options) (*Store, *pgtest.Proxy) {
	t.Helper()
	proxy := pgtest.NewProxy(t, url)
	opts.URL, opts.Logger = proxy.URL, quiet()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, proxy
}

// storeOne stores an event past the queue.
func storeOne(s *Store, ev *relay.Event, sinks ...string) error {
	j := &appendJob{event: ev, targets: targets(ev, sinks...), columns: store.ColumnsOf(ev), done: make(chan error, 1)}
	s.store(context.Background(), []*appendJob{j})
	return <-j.done
}

// A relay freezes, or its network does, in the middle of an append: wherever
// that is, it holds nothing that another relay waits for. The call is one
// message; all of it but the end is the worst, since the server has begun.
func TestAFrozenAppendHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	a, proxy := frozen(t, url, Options{})
	b, _ := open(t, Options{URL: url})
	n := 0
	next := func() *relay.Event { n++; return event(n, "bot") }
	for range 2 { // the statement is described, the sink known
		if err := storeOne(a, next(), "lake"); err != nil {
			t.Fatal(err)
		}
	}
	before := proxy.Passed()
	if err := storeOne(a, next(), "lake"); err != nil {
		t.Fatal(err)
	}
	length := proxy.Passed() - before
	for _, passes := range []int{1, length / 2, length - 6, length - 5, length - 4, length - 1, length} {
		t.Run(fmt.Sprintf("%d of %d bytes pass", passes, length), func(t *testing.T) {
			mustAppend(t, b, next(), "lake")
			ev := next()
			was := proxy.Passed()
			proxy.Stall(passes)
			defer proxy.Resume()
			stored := make(chan error, 1)
			go func() { stored <- storeOne(a, ev, "lake") }()
			eventually(t, 5*time.Second, "the append has come so far", func() bool { return proxy.Passed()-was == passes })
			for range 3 {
				began := time.Now()
				mustAppend(t, b, next(), "lake")
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the other relay has waited for %v", took)
				}
			}
			proxy.Resume()
			if err := <-stored; err != nil {
				t.Errorf("after the thaw: %v", err)
			}
		})
	}
}

// The same for the outcome of a delivery: the sink can be taken over, and
// nothing is lost.
func TestAFrozenSettleHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	filler, _ := open(t, Options{URL: url})
	n := 0
	var length int
	for round := range 5 {
		a, proxy := frozen(t, url, Options{LeaseTime: shortLease})
		for range 3 {
			n++
			mustAppend(t, filler, event(n, fmt.Sprint(n)), "lake")
		}
		settleOne := func() (int, error) {
			before := proxy.Passed()
			err := a.Settle(context.Background(), settled(claimNow(t, a, "lake", 1), relay.Delivered)...)
			return proxy.Passed() - before, err
		}
		takeLease(t, a, "lake")
		if _, err := settleOne(); err != nil {
			t.Fatal(err)
		}
		ds := claimNow(t, a, "lake", 5)
		if len(ds) != 2 {
			t.Fatalf("round %d: got %d deliveries", round, len(ds))
		}
		if length == 0 {
			before := proxy.Passed()
			if err := a.Settle(context.Background(), settled(ds[:1], relay.Delivered)...); err != nil {
				t.Fatal(err)
			}
			length = proxy.Passed() - before
			ds = ds[1:]
		}
		passes := []int{length / 2, length - 6, length - 5, length - 1, length}[round]
		was := proxy.Passed()
		proxy.Stall(passes)
		var frozen sync.WaitGroup
		frozen.Go(func() { _ = a.Settle(context.Background(), settled(ds[:1], relay.Delivered)...) }) // may be lost
		eventually(t, 5*time.Second, "the settlement has come so far", func() bool { return proxy.Passed()-was == passes })
		b, stopB := wanting(t, url, Options{}, "lake")
		eventually(t, 5*time.Second, "the sink is taken over and drained", func() bool {
			return len(owned(b)) == 1 && ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE state <> 3`) == 0
		})
		proxy.Resume()
		frozen.Wait()
		if err := stopB(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if again := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE attempts <> 1 OR cardinality(tries) <> 1`); again != 0 {
		t.Errorf("%d deliveries have more than one outcome", again)
	}
}

// takeLease waits until a store that does not Run has the lease of a sink.
func takeLease(t *testing.T, s *Store, sink string) {
	t.Helper()
	s.want(t.Context(), sink)
	eventually(t, 5*time.Second, "the sink is this relay's", func() bool {
		if err := s.look(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		_, leased := s.valid(sink)
		return leased
	})
}
