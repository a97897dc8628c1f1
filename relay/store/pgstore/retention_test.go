package pgstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"botrelay/relay"
	"botrelay/relay/store/storetest"
)

// aged is a store with finished events that have had their time.
func aged(t *testing.T, events int) (s *Store, url string, clock *storetest.Clock) {
	t.Helper()
	url, clock = server.Get(t).Database(t), storetest.NewClock()
	began := clock.Now()
	s, _ = open(t, Options{
		URL: url, Clock: clock, RetentionEvents: 48 * time.Hour, running: func() time.Duration { return clock.Now().Sub(began) },
	})
	var wg sync.WaitGroup
	for first := range 8 {
		wg.Go(func() {
			for n := first; n < events; n += 8 {
				ev := event(n, fmt.Sprint(n))
				ev.Received = clock.Now()
				mustAppend(t, s, ev, "lake")
			}
		})
	}
	wg.Wait()
	for left := events; left > 0; {
		ds := claimNow(t, s, "lake", 256)
		if err := s.Settle(t.Context(), settled(ds, relay.Delivered)...); err != nil {
			t.Fatal(err)
		}
		left -= len(ds)
	}
	clock.Advance(49 * time.Hour)
	return s, url, clock
}

// retainStep makes one step of retention.
func retainStep(t *testing.T, s *Store, now time.Time, after int64) (next int64, ended bool, removed int) {
	t.Helper()
	args := []any{stepEvents, now.Add(-48 * time.Hour).UnixNano(), now.UnixNano(), now.Add(-idsKept).UnixNano(), after}
	if err := s.row(t.Context(), sqlRetain, args, &next, &ended, &removed); err != nil {
		t.Fatal(err)
	}
	return next, ended, removed
}

func TestRetentionGoesInSteps(t *testing.T) {
	t.Parallel()
	s, url, clock := aged(t, 450)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock(1651666041, 3)`); err != nil {
		t.Fatal(err)
	}
	if _, ended, removed := retainStep(t, s, clock.Now(), 0); removed != 0 || !ended {
		t.Errorf("while another relay is at it, %d were removed, ended = %v", removed, ended)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_unlock(1651666041, 3)`); err != nil {
		t.Fatal(err)
	}
	after := int64(0)
	for i, want := range []int{200, 200, 50} {
		next, ended, removed := retainStep(t, s, clock.Now(), after)
		if removed != want || ended != (i == 2) || next <= after {
			t.Errorf("step %d removed %d of %d, ended = %v, at %d after %d", i, removed, want, ended, next, after)
		}
		after = next
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.seen`); n != 450 {
		t.Errorf("%d of 450 ids are kept", n)
	}
}

// Retention removes events while their ids come again and people ask for them
// again: an id is known at every moment, and what was revived stays.
func TestRetentionMeetsNobody(t *testing.T) {
	t.Parallel()
	events := sized(1200, 300)
	s, url, clock := aged(t, events)
	var fresh atomic.Int64
	var over atomic.Bool
	var wg sync.WaitGroup
	for first := range 4 {
		wg.Go(func() {
			for n := first; !over.Load(); n = (n + 4) % events {
				ev := event(n, fmt.Sprint(n))
				r, err := s.Append(context.Background(), ev)
				if err != nil {
					t.Error(err)
					return
				}
				if !r.Duplicate {
					fresh.Add(1)
				}
			}
		})
	}
	asked := make(map[string]bool)
	wg.Go(func() { requeueAll(t, s, events, asked) })
	for after, ended := int64(0), false; !ended; {
		after, ended, _ = retainStep(t, s, clock.Now(), after)
		select {
		case <-time.After(20 * time.Millisecond): // let the others come between
		case <-t.Context().Done():
		}
	}
	over.Store(true)
	wg.Wait()
	if fresh.Load() > 0 {
		t.Errorf("%d ids were unknown for a moment", fresh.Load())
	}
	there := ask[[]string](t, url, `SELECT coalesce(array_agg(e.id), '{}') FROM botrelay.event e JOIN botrelay.delivery d USING (seq) WHERE d.state = 0`)
	for id, changed := range asked {
		if slices.Contains(there, id) != changed {
			t.Errorf("%s was revived: %v, is there: %v", id, changed, !changed)
		}
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.event e JOIN botrelay.seen s USING (source, id)`); n > 0 {
		t.Errorf("%d ids are in both tables", n)
	}
	t.Logf("%d of %d were revived in time", len(there), events)
}

// requeueAll asks for every event again, from the last, and notes the answers.
func requeueAll(t *testing.T, s *Store, events int, asked map[string]bool) {
	for n := events - 1; n >= 0; n-- {
		ref := relay.Ref{Source: "recall", ID: fmt.Sprintf("msg_%08d", n), Sink: []string{"lake", "new"}[n%2]}
		done, err := s.Requeue(context.Background(), ref)
		if err != nil || len(done) != 1 {
			t.Errorf("requeue: %v, %v", done, err)
			return
		}
		asked[ref.ID] = done[0].Changed
	}
}

// The owner's lower bound spares the next one the way over what was there.
func TestTheLowerBoundFollows(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, stop := wanting(t, url, Options{}, "lake")
	for n := range 300 {
		mustAppend(t, s, event(n, fmt.Sprint(n)), "lake")
	}
	low := func() int64 { return ask[int64](t, url, `SELECT low FROM botrelay.sink WHERE name = 'lake'`) }
	eventually(t, 10*time.Second, "the bound is at the last that was read", func() bool {
		return low() >= ask[int64](t, url, `SELECT max(pos) FROM botrelay.delivery`)
	})
	// What is in flight holds it back.
	mustAppend(t, s, event(500, "y"), "bots")
	if ds := claimNow(t, s, "bots", 1); len(ds) != 1 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	bots := func() (low int64) { return ask[int64](t, url, `SELECT low FROM botrelay.sink WHERE name = 'bots'`) }
	eventually(t, 10*time.Second, "the bound is at what is in flight", func() bool { return bots() > 0 })
	if seq := ask[int64](t, url, `SELECT max(pos) FROM botrelay.delivery`); bots() > seq {
		t.Errorf("the bound %d has passed %d, which is in flight", bots(), seq)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery WHERE state = 0 AND pos < $1`, low()); n > 0 {
		t.Errorf("%d ready rows lie below the bound", n)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	next, _ := open(t, Options{URL: url})
	claimNow(t, next, "lake", 1)
	if got := next.lowOf("lake"); got != low() {
		t.Errorf("the next owner begins at %d, want %d", got, low())
	}
	seq := mustAppend(t, next, event(1000, "x"), "lake").Seq
	if ds := claimNow(t, next, "lake", 1); len(ds) != 1 || ds[0].Event.Seq != seq {
		t.Errorf("it is handed %+v", ds)
	}
}

// A relay whose clock was far ahead wrote due times that no wait explains: the
// next owner takes them for now.
func TestDueTimesOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, stop := open(t, Options{URL: url})
	ev := event(1, "retried")
	mustAppend(t, s, ev, "lake")
	done := settled(claimNow(t, s, "lake", 1), relay.Retry)
	done[0].At = time.Now().Add(30 * 24 * time.Hour)
	if err := s.Settle(t.Context(), done...); err != nil {
		t.Fatal(err)
	}
	future, timer := event(2, "future"), event(3, "timer")
	future.Received = time.Now().Add(24 * time.Hour)
	for _, ev := range []*relay.Event{future, timer} {
		if _, err := s.Append(t.Context(), ev, relay.Target{Sink: "lake", After: time.Now().Add(48 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if ds := claimNow(t, s, "lake", 5); len(ds) != 0 {
		t.Fatalf("handed out too early: %d", len(ds))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	next, _ := open(t, Options{URL: url})
	ds := claimNow(t, next, "lake", 5)
	if len(ds) != 2 || ds[0].Event.ID == timer.ID || ds[1].Event.ID == timer.ID {
		t.Errorf("%d are due, want the retried one and the one from the future", len(ds))
	}
}
