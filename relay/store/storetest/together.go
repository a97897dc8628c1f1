package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"botrelay/relay"
)

// together has many goroutines use a store at once: some append, some deliver
// with random outcomes, one drops and replays. No two deliveries of a key may
// be in hand together, none may come before an earlier one has ended, and
// everything has to end.
func together(e *env) {
	const appenders, bots = 4, 8
	each := sized(400, 40)
	t := &tally{inHand: make(map[string]string), last: make(map[string]relay.Seq)}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	var workers, writers sync.WaitGroup
	for n := range 3 {
		workers.Go(func() { e.work(ctx, t, rand.New(rand.NewPCG(uint64(n), 1))) })
	}
	for n := range appenders {
		writers.Go(func() {
			for i := range each {
				ev := e.event(fmt.Sprintf("%d-%d", n, i), fmt.Sprintf("bot-%d", (n+i)%bots))
				if _, err := e.store.Append(ctx, ev, ordered(ev, "slack", "lake")...); err != nil {
					e.Errorf("append: %v", err)
				}
			}
		})
	}
	writers.Go(func() {
		random := rand.New(rand.NewPCG(9, 9))
		for i := range each {
			at := ref(fmt.Sprintf("%d-%d", random.IntN(appenders), random.IntN(each)), "lake")
			var err error
			switch i % 4 {
			case 0:
				_, err = e.store.Drop(ctx, at)
			case 1:
				err = e.store.Pause(ctx, "lake", i%8 == 1)
			default:
				_, err = e.store.Requeue(ctx, at)
			}
			if err != nil {
				e.Errorf("operator: %v", err)
			}
		}
		if err := e.store.Pause(ctx, "lake", false); err != nil {
			e.Errorf("resume: %v", err)
		}
	})
	writers.Wait()
	for left := -1; left != 0; {
		e.h.Advance(time.Second)
		all, err := e.store.Sinks(e.ctx)
		if err != nil {
			e.Fatal(err)
		}
		left = 0
		for _, b := range all {
			left += b.Pending + b.Retrying
		}
	}
	stop()
	workers.Wait()
	if want := appenders * each; t.slack != want {
		e.Errorf("%d deliveries to slack ended, want %d", t.slack, want)
	}
}

// work delivers for both sinks until ctx ends.
func (e *env) work(ctx context.Context, t *tally, random *rand.Rand) {
	for ctx.Err() == nil {
		sink := []string{"slack", "lake"}[random.IntN(2)]
		looking, done := context.WithCancel(ctx)
		if random.IntN(2) == 0 {
			done() // take what is there
		}
		quit := context.AfterFunc(ctx, done)
		ds, err := e.claimSoon(looking, done, sink, 1+random.IntN(20))
		quit()
		done()
		if err != nil {
			e.Errorf("claim: %v", err)
			return
		}
		t.take(e, ds)
		var settled []relay.Settlement
		for _, d := range ds {
			s := e.settlement(d, []relay.Verdict{relay.Delivered, relay.Delivered, relay.Delivered, relay.Dead, relay.Retry, relay.Release}[random.IntN(6)])
			s.At = e.h.Now().Add(time.Duration(random.IntN(900)) * time.Millisecond)
			settled = append(settled, s)
		}
		t.give(settled)
		if err := e.store.Settle(e.ctx, settled...); err != nil && !errors.Is(err, relay.ErrClaimLost) {
			e.Errorf("settle: %v", err)
		}
	}
}

// claimSoon claims, and gives up after a moment of the store's time, so that a
// worker does not wait at one sink while the other has work.
func (e *env) claimSoon(ctx context.Context, done func(), sink string, n int) ([]*relay.Delivery, error) {
	timer := time.AfterFunc(20*time.Millisecond, done)
	defer timer.Stop()
	return e.store.Claim(ctx, sink, n)
}

// tally is what the workers have in hand.
type tally struct {
	mu     sync.Mutex
	inHand map[string]string    // sink and key of a delivery to its event
	last   map[string]relay.Seq // of the first deliveries that ended, by sink and key
	slack  int
}

func (t *tally) take(e *env, ds []*relay.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range ds {
		at := d.Sink + " " + d.Key
		if other, taken := t.inHand[at]; taken {
			e.Errorf("%s and %s of %s are in hand together", other, d.Event.ID, at)
		}
		t.inHand[at] = d.Event.ID
		if d.Replay == 0 && d.Event.Seq <= t.last[at] {
			e.Errorf("%s of %s is handed out after a later one", d.Event.ID, at)
		}
	}
}

// give notes what is about to be settled: from then on the next may come.
func (t *tally) give(done []relay.Settlement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range done {
		at := s.Sink + " " + s.Key
		delete(t.inHand, at)
		if s.Verdict == relay.Retry || s.Verdict == relay.Release {
			continue
		}
		if s.Replay == 0 {
			t.last[at] = s.Event.Seq
		}
		if s.Sink == "slack" {
			t.slack++
		}
	}
}
