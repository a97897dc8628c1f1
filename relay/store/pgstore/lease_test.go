package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// shortLease makes what takes 30 s take a second.
const shortLease = time.Second

// wanting is a store that wants some sinks: a Claim waits for each until stop.
func wanting(t *testing.T, url string, opts Options, sinks ...string) (s *Store, stop func() error) {
	t.Helper()
	opts.URL = url
	if opts.LeaseTime == 0 {
		opts.LeaseTime = shortLease
	}
	s, stopStore := open(t, opts)
	ctx, cancel := context.WithCancel(context.Background())
	var claims sync.WaitGroup
	for _, sink := range sinks {
		claims.Go(func() {
			for ctx.Err() == nil {
				ds, err := s.Claim(ctx, sink, 10)
				if err != nil && !errors.Is(err, relay.ErrClosed) {
					t.Errorf("claim: %v", err)
				}
				if len(ds) > 0 {
					_ = s.Settle(context.Background(), settled(ds, relay.Delivered)...) // a lost one comes again
				}
			}
		})
	}
	stop = sync.OnceValue(func() error {
		cancel()
		claims.Wait()
		return stopStore()
	})
	t.Cleanup(func() { _ = stop() }) // the test has looked at it where it matters
	return s, stop
}

func owned(s *Store) []string {
	names := s.leases.names()
	slices.Sort(names)
	return names
}

func TestALeaseIsOwnerEpochAndBeat(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, stop := wanting(t, url, Options{}, "lake")
	mustAppend(t, s, event(1, "a"), "lake")
	row := func(column string) string {
		return ask[string](t, url, `SELECT `+column+`::text FROM botrelay.sink WHERE name = 'lake'`)
	}
	eventually(t, 5*time.Second, "the sink is taken", func() bool { return row("owner") == s.id })
	epoch, beat := row("epoch"), row("beat")
	eventually(t, 5*time.Second, "the beat rises", func() bool { return row("beat") > beat })
	select { // longer than a lease lasts by itself
	case <-time.After(2 * shortLease):
	case <-t.Context().Done():
	}
	if row("epoch") != epoch {
		t.Error("the lease was not kept")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if owner := row("owner"); owner != "" {
		t.Errorf("after a clean end the owner is %s", owner)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.memory WHERE owner = $1`, []byte(peerOwner)); n != 0 {
		t.Errorf("%d signs of life are left behind", n)
	}
	second, _ := wanting(t, url, Options{}, "lake")
	eventually(t, 5*time.Second, "the sink is taken again", func() bool { return row("owner") == second.id })
	if row("epoch") == epoch {
		t.Error("two takings have the same epoch")
	}
}

// What is cleared is taken at once.
func TestACleanStopHandsOverWithinASecond(t *testing.T) {
	url := server.Get(t).Database(t)
	a, stopA := open(t, Options{URL: url})
	mustAppend(t, a, event(1, "a"), "lake")
	if ds := claimNow(t, a, "lake", 1); len(ds) != 1 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	b, _ := open(t, Options{URL: url})
	got := make(chan int, 1)
	go func() {
		ds, err := b.Claim(context.Background(), "lake", 1)
		if err != nil {
			t.Errorf("claim: %v", err)
		}
		got <- len(ds)
	}()
	select {
	case <-got:
		t.Fatal("two relays have the same sink")
	case <-time.After(300 * time.Millisecond):
	}
	began := time.Now()
	if err := stopA(); err != nil {
		t.Fatal(err)
	}
	<-got
	if took := time.Since(began); took > time.Second {
		t.Errorf("the takeover took %v", took)
	}
}

// A relay that vanishes gives nothing back: its sinks are taken when their beat
// has not changed for the time of a lease, and not before.
func TestAKilledRelayIsReplaced(t *testing.T) {
	url := server.Get(t).Database(t)
	a, _ := wanting(t, url, Options{}, "lake")
	eventually(t, 5*time.Second, "the first has it", func() bool { return len(owned(a)) == 1 })
	b, _ := wanting(t, url, Options{}, "lake")
	eventually(t, 5*time.Second, "the second knows it", func() bool {
		b.leases.mu.Lock()
		defer b.leases.mu.Unlock()
		return b.leases.rows["lake"] != nil && b.leases.rows["lake"].owner == a.id
	})
	vanish(a)
	began := time.Now()
	eventually(t, 10*time.Second, "the second takes it", func() bool { return len(owned(b)) == 1 })
	// The last beat was seen at most a third of the time before.
	if took := time.Since(began); took < shortLease*6/10 || took > shortLease*35/30+300*time.Millisecond {
		t.Errorf("taken after %v with leases of %v", took, shortLease)
	}
	mustAppend(t, b, event(1, "a"), "lake")
	eventually(t, 5*time.Second, "it is delivered", func() bool {
		_, states, err := b.Event(t.Context(), "recall", "msg_00000001")
		return err == nil && states[0].State == relay.StateDelivered
	})
}

// boot is a running time that jumps when told to, as that of a process that was
// frozen.
type boot struct{ ahead atomic.Int64 }

func (b *boot) now() time.Duration { return runningTime() + time.Duration(b.ahead.Load()) }

// A relay that could not renew for the time of a lease stops by its own clock,
// though nobody has taken the sink.
func TestALeaseEndsByItself(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	var clock boot
	s, err := Open(t.Context(), Options{URL: url, Boot: clock.now, Logger: quiet()}) // it does not Run: nothing renews
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	filler, _ := open(t, Options{URL: url})
	for n := range 3 {
		mustAppend(t, filler, event(n, fmt.Sprint(n)), "lake")
	}
	ds := claimNow(t, s, "lake", 1)
	if len(ds) != 1 || ds[0].Lease == nil || ds[0].Lease.Err() != nil {
		t.Fatalf("got %+v", ds)
	}
	clock.ahead.Store(int64(30 * time.Second))
	if _, ok := s.valid("lake"); ok {
		t.Error("the lease is valid after its time")
	}
	if ds[0].Lease.Err() == nil {
		t.Error("sends in flight are not told")
	}
	if err := s.Settle(t.Context(), settled(ds, relay.Delivered)...); !errors.Is(err, relay.ErrClaimLost) {
		t.Errorf("settling past the lease: %v, want ErrClaimLost", err)
	}
	if again := claimNow(t, s, "lake", 5); len(again) != 3 {
		t.Errorf("after taking it anew: %d deliveries, want 3", len(again))
	}
}

// The guards hold by themselves: nothing has looked since another relay took
// the sink.
func TestGuardsOfLoadAndSettle(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, err := Open(t.Context(), Options{URL: url, Logger: quiet()}) // it does not Run: it does not look
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	filler, _ := open(t, Options{URL: url})
	var rows []store.Row
	for n := range 2 {
		seq := mustAppend(t, filler, event(n, fmt.Sprint(n)), "lake").Seq
		rows = append(rows, store.Row{Seq: seq, Pos: int64(seq)})
	}
	ds := claimNow(t, s, "lake", 1)
	if len(ds) != 1 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	for name, change := range map[string]string{
		"owner": `UPDATE botrelay.sink SET owner = 'another'`,
		"epoch": `UPDATE botrelay.sink SET owner = '` + s.id + `', epoch = epoch + 1`,
	} {
		t.Run(name, func(t *testing.T) {
			held, leased := s.valid("lake")
			if !leased {
				t.Fatal("there is no lease to lose")
			}
			sql(t, url, change)
			loaded, err := tables{s}.Load(t.Context(), "lake", rows, 1<<20)
			if err != nil || len(loaded) != 2 || loaded[0].Delivery != nil || loaded[1].Delivery != nil {
				t.Errorf("load: %+v, %v, want rows without deliveries", loaded, err)
			}
			if _, leased := s.valid("lake"); leased {
				t.Error("the lease is still believed")
			}
			_, leased, err = tables{s}.settle(t.Context(), "lake", held.epoch, settled(ds, relay.Delivered), nil)
			if err != nil || leased {
				t.Errorf("settle: leased = %v, %v", leased, err)
			}
			if n := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE state = 3`); n != 0 {
				t.Errorf("%d were recorded as delivered by who does not own the sink", n)
			}
			sql(t, url, `UPDATE botrelay.sink SET owner = ''`)
			if err := s.look(t.Context(), false); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRelaysShareTheSinks(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	sinks := []string{"a", "b", "c", "d", "e"}
	first, _ := wanting(t, url, Options{}, append(sinks, "own")...)
	eventually(t, 5*time.Second, "the first has all", func() bool { return len(owned(first)) == 6 })
	second, stopSecond := wanting(t, url, Options{}, sinks...)
	eventually(t, 10*time.Second, "they share", func() bool {
		return len(owned(first)) == 4 && len(owned(second)) == 2
	})
	if !slices.Contains(owned(first), "own") {
		t.Error("a sink that no other wants was let go")
	}
	third, _ := wanting(t, url, Options{}, sinks...)
	eventually(t, 10*time.Second, "three share", func() bool { return len(owned(third)) >= 1 && len(owned(first)) == 3 })
	if err := stopSecond(); err != nil {
		t.Error(err)
	}
	eventually(t, 10*time.Second, "what was free is taken", func() bool { return len(owned(first))+len(owned(third)) == 6 })
}

// What is in flight is settled before a sink changes hands.
func TestASinkIsLetGoWhenNothingIsInFlight(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	a, _ := open(t, Options{URL: url, LeaseTime: shortLease})
	for n, sink := range []string{"x", "y"} {
		mustAppend(t, a, event(n, sink), sink)
	}
	flying := map[string][]*relay.Delivery{"x": claimNow(t, a, "x", 1), "y": claimNow(t, a, "y", 1)}
	b, _ := wanting(t, url, Options{}, "x", "y")
	leaving := ""
	eventually(t, 10*time.Second, "one is being left", func() bool {
		a.leases.mu.Lock()
		defer a.leases.mu.Unlock()
		for sink, held := range a.leases.held {
			if held.leaving {
				leaving = sink
			}
		}
		return leaving != ""
	})
	select {
	case <-time.After(shortLease):
	case <-t.Context().Done():
	}
	if len(owned(b)) != 0 {
		t.Fatalf("%s has changed hands with a delivery in flight", leaving)
	}
	if err := a.Settle(t.Context(), settled(flying[leaving], relay.Delivered)...); err != nil {
		t.Errorf("settling what was in flight: %v", err)
	}
	eventually(t, 5*time.Second, "the other takes it", func() bool { return slices.Contains(owned(b), leaving) })
}

// A sink that its owner cannot reach goes to another relay for a try.
func TestAPausedSinkGoesRound(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	opts := Options{PausedLeaseTime: 2 * shortLease}
	a, stopA := wanting(t, url, opts, "bots", "lake")
	pause, err := json.Marshal(relay.Pause{Since: time.Now(), Why: "connection refused", Cause: relay.CauseUnreachable})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Put(t.Context(), "_loop", "lake", pause, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the first has both", func() bool { return len(owned(a)) == 2 })
	select { // alone, it keeps what it cannot reach
	case <-time.After(3 * shortLease):
	case <-t.Context().Done():
	}
	if len(owned(a)) != 2 {
		t.Fatalf("alone it has %v", owned(a))
	}
	b, _ := wanting(t, url, opts, "bots", "lake")
	holder := func() *Store {
		for _, s := range []*Store{a, b} {
			if slices.Contains(owned(s), "lake") {
				return s
			}
		}
		return nil
	}
	var had []*Store
	eventually(t, 20*shortLease, "each has had it twice", func() bool {
		if s := holder(); s != nil && (len(had) == 0 || had[len(had)-1] != s) {
			had = append(had, s)
		}
		return len(had) >= 4
	})
	if err := stopA(); err != nil {
		t.Error(err)
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct{ sinks, relays, want int }{{0, 1, 0}, {5, 1, 5}, {5, 2, 3}, {6, 3, 2}, {1, 3, 1}} {
		if got := share(c.sinks, c.relays); got != c.want {
			t.Errorf("of %d sinks among %d relays one has %d, want %d", c.sinks, c.relays, got, c.want)
		}
	}
}

func TestChoose(t *testing.T) {
	const s = time.Second
	row := func(owner string, since time.Duration) *sinkRow { return &sinkRow{owner: owner, since: since} }
	for name, c := range map[string]struct {
		rows  map[string]*sinkRow
		held  []string
		peers map[string]*peer
		want  string
	}{
		"free, alone":            {map[string]*sinkRow{"a": row("", 100*s), "b": row("", 1)}, nil, nil, "[a b]"},
		"never seen":             {nil, nil, nil, "[a b c]"},
		"owned":                  {map[string]*sinkRow{"a": row("x", 71*s), "b": row("x", 1), "c": row("x", 70*s)}, nil, nil, "[b c]"},
		"its own, lost":          {map[string]*sinkRow{"a": row("me", 100*s), "b": row("x", 99*s), "c": row("x", 99*s)}, nil, nil, "[a]"},
		"more than its share":    {nil, []string{"a"}, map[string]*peer{"x": {since: 99 * s, wants: map[string]bool{"a": true, "b": true}}}, "[c]"},
		"left lying":             {map[string]*sinkRow{"b": row("", 98*s), "c": row("", 97*s)}, []string{"a"}, map[string]*peer{"x": {since: 99 * s, wants: map[string]bool{"a": true, "b": true, "c": true}}}, "[b c]"},
		"of a peer that is gone": {nil, []string{"a"}, map[string]*peer{"x": {since: 70 * s, wants: map[string]bool{"a": true, "b": true, "c": true}}}, "[b c]"},
		"left to others":         {map[string]*sinkRow{"a": {since: 1, abstainUntil: 101 * s}, "b": row("x", 99*s), "c": row("x", 99*s)}, nil, map[string]*peer{"x": {since: 99 * s, wants: map[string]bool{"a": true}}}, "[]"},
	} {
		var l leases
		l.init()
		for _, sink := range []string{"a", "b", "c"} {
			if c.rows == nil || c.rows[sink] != nil || slices.Contains(c.held, sink) {
				l.wanted[sink] = &interest{}
			}
			if r := c.rows[sink]; r != nil {
				l.rows[sink] = r
			}
		}
		for _, sink := range c.held {
			l.held[sink] = &lease{}
		}
		for id, p := range c.peers {
			l.peers[id] = p
		}
		got := []string{}
		for _, f := range l.choose(100*s, "me", 30*s) {
			got = append(got, f.sink)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: takes %v, want %s", name, got, c.want)
		}
	}
}
