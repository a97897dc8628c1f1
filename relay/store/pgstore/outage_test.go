package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
	"botrelay/relay/store/pgstore/pgtest"
)

// load appends to a store and delivers from it until stop, and keeps the books.
type load struct {
	t     *testing.T
	sinks []string

	mu      sync.Mutex
	acked   map[string]int // event ids that were acknowledged
	sent    map[string]int // sink and id, how often
	refused int
}

func newLoad(t *testing.T, sinks ...string) *load {
	return &load{t: t, sinks: sinks, acked: make(map[string]int), sent: make(map[string]int)}
}

// run uses s until ctx ends. Only ErrUnavailable is an error that Append may
// have, and Claim and Settle have none.
func (l *load) run(ctx context.Context, s *Store, name int) {
	var parts sync.WaitGroup
	for w := range 4 {
		parts.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ev := event(name*10_000_000+w*1_000_000+n, fmt.Sprintf("bot-%d-%d", w, n%5))
				_, err := s.Append(context.Background(), ev, targets(ev, l.sinks...)...)
				l.appended(ev.ID, err)
				for ctx.Err() == nil && (err != nil || l.behind() > 300) { // a backlog would take the test's time
					err = nil
					select {
					case <-time.After(5 * time.Millisecond):
					case <-ctx.Done():
					}
				}
			}
		})
	}
	for _, sink := range l.sinks {
		parts.Go(func() { l.deliver(ctx, s, sink) })
	}
	parts.Wait()
}

func (l *load) appended(id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acked[id]++
	case errors.Is(err, relay.ErrUnavailable):
		l.refused++
	default:
		l.t.Errorf("append: %v", err)
	}
}

func (l *load) deliver(ctx context.Context, s *Store, sink string) {
	for ctx.Err() == nil {
		ds, err := s.Claim(ctx, sink, 20)
		if err != nil {
			l.t.Errorf("claim: %v", err)
			return
		}
		l.mu.Lock()
		for _, d := range ds {
			l.sent[d.Sink+" "+d.Event.ID]++
		}
		l.mu.Unlock()
		err = s.Settle(context.WithoutCancel(ctx), settled(ds, relay.Delivered)...)
		if err != nil && !errors.Is(err, relay.ErrClaimLost) {
			l.t.Errorf("settle: %v", err)
		}
	}
}

// behind is about how many deliveries wait.
func (l *load) behind() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)*len(l.sinks) - len(l.sent)
}

// drained tells whether everything that was acknowledged has been sent.
func (l *load) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.acked {
		for _, sink := range l.sinks {
			if l.sent[sink+" "+id] == 0 {
				return false
			}
		}
	}
	return true
}

// repeated is how many deliveries were sent more than once.
func (l *load) repeated() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, times := range l.sent {
		n += times - 1
	}
	return n
}

func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// under runs a load on a store while f makes trouble, and then until everything
// is sent.
func (l *load) under(s *Store, f func()) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.run(ctx, s, 1) })
	eventually(l.t, 10*time.Second, "events are accepted", func() bool { return l.acknowledged() > 50 })
	f()
	before := l.acknowledged()
	eventually(l.t, 10*time.Second, "events are accepted again", func() bool { return l.acknowledged() > before+50 })
	cancel()
	running.Wait()
	ctx, cancel = context.WithCancel(context.Background())
	for _, sink := range l.sinks {
		running.Go(func() { l.deliver(ctx, s, sink) })
	}
	eventually(l.t, 20*time.Second, "everything acknowledged is sent", l.drained)
	cancel()
	running.Wait()
}

func TestCutConnectionsAreSurvived(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	proxy := pgtest.NewProxy(t, url)
	s, _ := open(t, Options{URL: proxy.URL})
	l := newLoad(t, "lake", "bots")
	l.under(s, func() {
		for range 10 {
			proxy.Cut()
			before := l.acknowledged()
			eventually(t, 10*time.Second, "it goes on", func() bool { return l.acknowledged() > before+5 })
		}
	})
	if n := l.repeated(); n > 0 {
		t.Errorf("%d deliveries were repeated, though the lease was kept", n)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE attempts <> 1 OR cardinality(tries) <> 1`); n > 0 {
		t.Errorf("%d deliveries have another number of outcomes than one", n)
	}
}

// The server is killed and started again under load, for longer than a lease
// lasts: everything goes on without hands.
func TestARestartOfTheServerIsSurvived(t *testing.T) {
	t.Parallel()
	own := pgtest.Own(t)
	var said journal
	s, _ := open(t, Options{URL: own.Database(t), LeaseTime: shortLease, Logger: said.logger()})
	l := newLoad(t, "lake", "bots")
	l.under(s, func() {
		for range 2 {
			own.Kill()
			eventually(t, 10*time.Second, "the store is not ready", func() bool { return errors.Is(s.Ready(), relay.ErrUnavailable) })
			if _, err := s.Append(t.Context(), event(1, "a")); !errors.Is(err, relay.ErrUnavailable) {
				t.Errorf("append without a server: %v, want ErrUnavailable", err)
			}
			remembers, stop := context.WithCancel(t.Context())
			waited := make(chan error, 1)
			go func() { waited <- s.Put(remembers, "a", "b", []byte("c"), 0) }()
			select {
			case err := <-waited:
				t.Errorf("memory did not wait: %v", err)
			case <-time.After(2 * shortLease):
			}
			if err := own.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-waited; err != nil {
				t.Errorf("memory: %v", err)
			}
			stop()
			eventually(t, 10*time.Second, "the store is ready", func() bool { return s.Ready() == nil })
		}
	})
	checkSecrets(t, said.String())
}

// The answer to a settlement is lost: the store asks again, and the outcome is
// recorded once.
func TestALostAnswerToSettleIsRecordedOnce(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, proxy := frozen(t, url, Options{})
	for n := range 3 {
		if err := storeOne(s, event(n, fmt.Sprint(n)), "lake"); err != nil {
			t.Fatal(err)
		}
	}
	ds := claimNow(t, s, "lake", 5)
	if len(ds) != 3 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	if err := s.Settle(t.Context(), settled(ds[:1], relay.Delivered)...); err != nil { // the statement is described
		t.Fatal(err)
	}
	done := settled(ds[1:], relay.Retry)
	done[0].Verdict = relay.Delivered
	done[1].At, done[1].Wait = time.Now().Add(time.Hour), time.Hour
	proxy.Deafen()
	if err := s.Settle(t.Context(), done...); err != nil {
		t.Fatalf("settle: %v", err)
	}
	if proxy.Deaf() {
		t.Fatal("no answer was lost")
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE attempts = 1 AND cardinality(tries) = 1`); n != 3 {
		t.Errorf("%d of 3 deliveries have one attempt", n)
	}
	if waited := ask[int64](t, url, `SELECT max(waited) FROM botrelay.delivery`); waited != int64(time.Hour) {
		t.Errorf("it has waited for %v", time.Duration(waited))
	}
}

// Every answer to Append is lost: whoever asks again learns that the event is
// there.
func TestALostAnswerToAppendIsUnavailable(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, proxy := frozen(t, url, Options{})
	if err := storeOne(s, event(0, "a"), "lake"); err != nil {
		t.Fatal(err)
	}
	proxy.Deafen()
	ev := event(1, "a")
	if err := storeOne(s, ev, "lake"); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	j := &appendJob{event: ev, targets: targets(ev, "lake"), columns: store.ColumnsOf(ev), done: make(chan error, 1)}
	s.store(t.Context(), []*appendJob{j})
	if err := <-j.done; err != nil || !j.receipt.Duplicate || j.receipt.Conflict {
		t.Errorf("again: %+v, %v, want a duplicate", j.receipt, err)
	}
}

// A call that hangs is given up in time, so that a sender gets its answer.
func TestAHangingDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, proxy := frozen(t, url, Options{callTime: time.Second})
	proxy.Stall(0)
	began := time.Now()
	err := storeOne(s, event(1, "a"), "lake")
	proxy.Resume()
	if took := time.Since(began); !errors.Is(err, relay.ErrUnavailable) || took > 2*time.Second {
		t.Errorf("after %v: %v, want ErrUnavailable after a second", took, err)
	}
	if err := storeOne(s, event(2, "a"), "lake"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// While the database is away nothing is handed out on the strength of a lease
// that has run out.
func TestNothingIsClaimedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	proxy := pgtest.NewProxy(t, url)
	s, _ := open(t, Options{URL: proxy.URL, LeaseTime: shortLease})
	mustAppend(t, s, event(1, "a"), "lake")
	ds := claimNow(t, s, "lake", 1)
	if len(ds) != 1 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	proxy.Down()
	eventually(t, 5*time.Second, "the sends are told", func() bool { return ds[0].Lease.Err() != nil })
	if len(owned(s)) != 0 {
		t.Errorf("it still owns %v", owned(s))
	}
	var got atomic.Int64
	claimed := make(chan error, 1)
	go func() {
		ds, err := s.Claim(context.Background(), "lake", 1)
		got.Store(int64(len(ds)))
		claimed <- err
	}()
	select {
	case err := <-claimed:
		t.Fatalf("a claim came back with %d deliveries, %v", got.Load(), err)
	case <-time.After(shortLease / 2):
	}
	proxy.Up()
	if err := <-claimed; err != nil || got.Load() != 1 {
		t.Errorf("afterwards: %d deliveries, %v", got.Load(), err)
	}
}
