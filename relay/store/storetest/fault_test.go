package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

var errInjected = errors.New("injected")

// faulty fails some calls: questions before they are answered, commits before
// or after they took effect.
type faulty struct {
	store.Tables
	rand  *rand.Rand
	quiet bool
}

func (f *faulty) fail() error {
	if !f.quiet && f.rand.IntN(12) == 0 {
		return errInjected
	}
	return nil
}

func (f *faulty) Ready(ctx context.Context, sink string, after int64, limit int) ([]store.Row, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Tables.Ready(ctx, sink, after, limit)
}

func (f *faulty) Held(ctx context.Context, sink, key string, after, upto int64, limit int) ([]store.Row, bool, error) {
	if err := f.fail(); err != nil {
		return nil, false, err
	}
	return f.Tables.Held(ctx, sink, key, after, upto, limit)
}

func (f *faulty) Waiting(ctx context.Context, sink, key string) (bool, error) {
	if err := f.fail(); err != nil {
		return false, err
	}
	return f.Tables.Waiting(ctx, sink, key)
}

func (f *faulty) Due(ctx context.Context, sink string, now time.Time, limit int, skip func(store.Row) bool) ([]store.Row, time.Time, error) {
	if err := f.fail(); err != nil {
		return nil, time.Time{}, err
	}
	return f.Tables.Due(ctx, sink, now, limit, skip)
}

func (f *faulty) Blocked(ctx context.Context, sink, after string, limit, perKey int) ([]store.Blocked, bool, error) {
	if err := f.fail(); err != nil {
		return nil, false, err
	}
	return f.Tables.Blocked(ctx, sink, after, limit, perKey)
}

func (f *faulty) First(ctx context.Context, sink string) (int64, bool, error) {
	if err := f.fail(); err != nil {
		return 0, false, err
	}
	return f.Tables.First(ctx, sink)
}

func (f *faulty) Load(ctx context.Context, sink string, rows []store.Row, maxBytes int) ([]store.Loaded, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	loaded, err := f.Tables.Load(ctx, sink, rows, maxBytes)
	return loaded[:min(len(loaded), 1+f.rand.IntN(8))], err // as if the bodies were large
}

func (f *faulty) Commit(ctx context.Context, sink string, done []relay.Settlement, hold []store.Row) ([]int, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	lost, err := f.Tables.Commit(ctx, sink, done, hold)
	return lost, errors.Join(err, f.fail())
}

func (f *faulty) Sink(ctx context.Context, sink string) (bool, int64, error) {
	if err := f.fail(); err != nil {
		return false, 0, err
	}
	return f.Tables.Sink(ctx, sink)
}

// After any failure the order goes on where the table stands: nothing is handed
// out before its turn or twice at once, and everything ends.
func TestFaultsLeaveTheOrderWhole(t *testing.T) {
	for seed := range uint64(sized(300, 15)) {
		clock := NewClock()
		r := NewDisk(clock).Open()
		f := &faulty{Tables: tables{r}, rand: rand.New(rand.NewPCG(seed, 2))}
		r.Handout = store.NewHandout(f, clock)
		done, cancel := context.WithCancel(t.Context())
		cancel()
		e := &env{T: t, h: &Harness{Now: clock.Now, Advance: clock.Advance}, store: r, ctx: t.Context(), done: done}
		hand := &tally{inHand: make(map[string]string), last: make(map[string]relay.Seq)}
		for step := range 200 {
			if step < 100 && f.rand.IntN(2) == 0 {
				e.add(fmt.Sprint(step), fmt.Sprintf("bot-%d", f.rand.IntN(3)), "slack")
			}
			e.faultyStep(f, hand)
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		f.quiet = true
		for range 40 {
			clock.Advance(time.Minute)
			for ds := e.claim("slack", 50); len(ds) > 0; ds = e.claim("slack", 50) {
				hand.take(e, ds)
				var all []relay.Settlement
				for _, d := range ds {
					all = append(all, e.settlement(d, relay.Delivered))
				}
				hand.give(all)
				e.settle(all...)
			}
		}
		if b := e.backlog("slack"); b.Pending+b.Retrying > 0 {
			t.Fatalf("seed %d: %+v did not drain", seed, b)
		}
	}
}

// faultyStep claims, settles with random verdicts, and asks again until an
// outcome is taken.
func (e *env) faultyStep(f *faulty, hand *tally) {
	ds, err := e.store.Claim(e.done, "slack", 1+f.rand.IntN(9))
	if err != nil && !errors.Is(err, errInjected) {
		e.Fatal(err)
	}
	hand.take(e, ds)
	var all []relay.Settlement
	for _, d := range ds {
		s := e.settlement(d, []relay.Verdict{relay.Delivered, relay.Dead, relay.Retry, relay.Release}[f.rand.IntN(4)])
		s.At = e.h.Now().Add(time.Duration(f.rand.IntN(5)) * time.Second)
		all = append(all, s)
	}
	hand.give(all)
	for {
		err := e.store.Settle(e.ctx, all...)
		if err == nil || errors.Is(err, relay.ErrClaimLost) && !errors.Is(err, errInjected) {
			break
		}
		if !errors.Is(err, errInjected) {
			e.Fatal(err)
		}
	}
	e.h.Advance(time.Duration(f.rand.IntN(3)) * time.Second)
}
