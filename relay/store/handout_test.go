package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"botrelay/relay"
)

// gated are tables whose commits, or loads, of one sink wait for a token.
type gated struct {
	*lineTables
	mu           sync.Mutex
	sink         string
	commit, load chan struct{}
	entered      chan struct{}
}

func (g *gated) wait(ctx context.Context, sink string, gate chan struct{}) error {
	if sink != g.sink || gate == nil {
		return nil
	}
	g.entered <- struct{}{}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gated) Commit(ctx context.Context, sink string, done []relay.Settlement, hold []Row) ([]int, error) {
	if err := g.wait(ctx, sink, g.commit); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lineTables.Commit(ctx, sink, done, hold)
}

func (g *gated) Load(ctx context.Context, sink string, rows []Row, maxBytes int) ([]Loaded, error) {
	if err := g.wait(ctx, sink, g.load); err != nil {
		return nil, err
	}
	return g.lineTables.Load(ctx, sink, rows, maxBytes)
}

func mustClaim(t *testing.T, h *Handout, sink string, n int) []*relay.Delivery {
	t.Helper()
	ds, err := h.Claim(t.Context(), sink, n)
	if err != nil || len(ds) != n {
		t.Fatalf("claim for %s: %d deliveries, %v; want %d", sink, len(ds), err, n)
	}
	return ds
}

func settled(ds []*relay.Delivery, v relay.Verdict) []relay.Settlement {
	var all []relay.Settlement
	for _, d := range ds {
		all = append(all, relay.Settlement{Delivery: d, Verdict: v})
	}
	return all
}

func TestACommitHoldsNoClaimUp(t *testing.T) {
	g := &gated{lineTables: newLine(40, 0), sink: "slow", commit: make(chan struct{}), entered: make(chan struct{}, 1)}
	h := NewHandout(g, SystemClock{})
	ds := mustClaim(t, h, "slow", 4)
	settling := make(chan error, 1)
	go func() { settling <- h.Settle(t.Context(), settled(ds, relay.Delivered)...) }()
	<-g.entered
	mustClaim(t, h, "slow", 4)
	mustClaim(t, h, "other", 4)
	if err := h.Settle(t.Context(), settled(ds, relay.Delivered)...); !errors.Is(err, relay.ErrClaimLost) {
		t.Errorf("settling what is being settled: %v, want ErrClaimLost", err)
	}
	g.commit <- struct{}{}
	if err := <-settling; err != nil {
		t.Error(err)
	}
}

func TestAClaimHoldsNoOtherSinkUp(t *testing.T) {
	g := &gated{lineTables: newLine(40, 0), sink: "slow", load: make(chan struct{}), entered: make(chan struct{}, 1)}
	h := NewHandout(g, SystemClock{})
	ctx, cancel := context.WithCancel(t.Context())
	claiming := make(chan []*relay.Delivery, 1)
	go func() {
		ds, err := h.Claim(ctx, "slow", 4)
		if err != nil {
			t.Error(err)
		}
		claiming <- ds
	}()
	<-g.entered
	mustClaim(t, h, "other", 4)
	h.Appended("slow", "other") // as the goroutine that writes does: neither waits
	h.Scheduled("slow", SystemClock{}.Now())
	h.Turned()
	cancel()
	if ds := <-claiming; len(ds) != 0 {
		t.Errorf("a Claim whose ctx ended got %d deliveries", len(ds))
	}
	g.load = nil
	if ds := mustClaim(t, h, "slow", 4); ClaimedRow(ds[0]).Pos != 1 {
		t.Errorf("what was not loaded is skipped: the first is now %+v", ClaimedRow(ds[0]))
	}
}

func TestForgetDuringASettle(t *testing.T) {
	g := &gated{lineTables: newLine(1, 1), sink: "slow", commit: make(chan struct{}), entered: make(chan struct{}, 1)}
	h := NewHandout(g, SystemClock{})
	ds := mustClaim(t, h, "slow", 1)
	settling := make(chan error, 1)
	go func() { settling <- h.Settle(t.Context(), settled(ds, relay.Retry)...) }()
	<-g.entered
	h.Forget("slow")
	again := mustClaim(t, h, "slow", 1)
	close(g.commit)
	if err := <-settling; err != nil {
		t.Error(err)
	}
	g.entered = make(chan struct{}, 9)
	if err := h.Settle(t.Context(), settled(again, relay.Delivered)...); err != nil {
		t.Errorf("the claim after the sink was lost: %v; the older one's end is not its own", err)
	}
}

func TestSettleOfSeveralSinks(t *testing.T) {
	h := NewHandout(&gated{lineTables: newLine(4, 0)}, SystemClock{})
	a, b := mustClaim(t, h, "a", 2), mustClaim(t, h, "b", 2)
	mixed := settled([]*relay.Delivery{a[0], b[0], {Sink: "b", Claim: Row{Pos: 3}}, a[1], b[1]}, relay.Dead)
	if err := h.Settle(t.Context(), mixed...); !errors.Is(err, relay.ErrClaimLost) {
		t.Errorf("got %v, want ErrClaimLost for the one that nobody claimed", err)
	}
	if err := h.Settle(t.Context(), settled(append(a, b...), relay.Dead)...); !errors.Is(err, relay.ErrClaimLost) {
		t.Errorf("got %v; the others were to be settled", err)
	}
	if got := ClaimedRow(&relay.Delivery{}); got != (Row{}) {
		t.Errorf("the row of what was never claimed is %+v", got)
	}
}
