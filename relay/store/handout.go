package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"botrelay/relay"
)

// Handout is the order of handing out, the same for every store. A store that
// answers [Tables] embeds one and has [relay.Queue] with it; in return it tells
// the Handout what it has committed.
//
// All methods may be called concurrently. Each sink has a state of its own,
// which one caller at a time works on: a Claim never waits for another sink,
// and a Settle lets go of the state while its commit is under way. There are
// no goroutines and nothing to close. Appended, Scheduled, Turned and Forget
// neither block nor ask the Tables anything, so the goroutine that writes may
// call them.
type Handout struct {
	tables Tables
	clock  Clock

	mu    sync.Mutex
	lanes map[string]*lane
}

var _ relay.Queue = (*Handout)(nil)

// NewHandout returns the Handout of one store. It asks t nothing before the
// first Claim.
func NewHandout(t Tables, clock Clock) *Handout {
	return &Handout{tables: t, clock: clock, lanes: make(map[string]*lane)}
}

// Claim is [relay.Queue]'s. When ctx ends before there is a delivery, it
// returns none and no error. Keys within one answer are distinct, out of order
// ones included. Its errors are those of the Tables.
func (h *Handout) Claim(ctx context.Context, sink string, max int) ([]*relay.Delivery, error) {
	if max < 1 {
		return nil, fmt.Errorf("claim for sink %s: asked for %d deliveries, at least 1 is needed", sink, max)
	}
	l := h.lane(sink)
	if ctx.Err() != nil {
		return l.claimNow(ctx, max)
	}
	for {
		heard := l.signals.heard()
		got, err := l.claimOnce(ctx, max)
		switch {
		case len(got.deliveries) > 0:
			return got.deliveries, nil
		case ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("claim for sink %s: %w", sink, err)
		case !got.again && !l.wait(ctx, heard, got.next):
			return nil, nil
		}
	}
}

// Settle is [relay.Queue]'s. The settlements of one sink are one commit; a call
// that names several sinks makes one for each. After an error other than
// ErrClaimLost the outcome is unknown and the same settlements may be handed in
// again.
func (h *Handout) Settle(ctx context.Context, done ...relay.Settlement) error {
	var errs []error
	for len(done) > 0 {
		sink := done[0].Sink
		of, rest := splitSink(done, sink)
		if err := h.lane(sink).settle(ctx, of); err != nil {
			errs = append(errs, fmt.Errorf("settle for sink %s: %w", sink, err))
		}
		done = rest
	}
	return errors.Join(errs...)
}

// splitSink separates the settlements of one sink from the others. It copies
// nothing in the usual case, where there are no others.
func splitSink(done []relay.Settlement, sink string) (of, rest []relay.Settlement) {
	n := 0
	for n < len(done) && done[n].Sink == sink {
		n++
	}
	if n == len(done) {
		return done, nil
	}
	of = append(of, done[:n]...)
	for _, s := range done[n:] {
		if s.Sink == sink {
			of = append(of, s)
		} else {
			rest = append(rest, s)
		}
	}
	return of, rest
}

// Appended tells that ready rows of these sinks have been committed: by
// Append, Requeue or Move. Without a name it means every sink.
func (h *Handout) Appended(sinks ...string) {
	for l := range h.named(sinks) {
		l.signals.raise(func(n *news) { n.unread = true })
	}
}

// Scheduled tells that a waiting row with this due time has been committed by
// Append. The zero time stands for one that is not known.
func (h *Handout) Scheduled(sink string, due time.Time) {
	l := h.lane(sink)
	l.signals.raise(func(n *news) { n.schedule(due) })
}

// Turned tells that the row of these sinks in the sink table may have changed:
// a pause, or a turn raised by a drop, a due-now or a move away. It costs one
// look at that row; everything is read again only where the turn is another.
// Without a name it means every sink, which also makes waiting Claims see that
// the store is closed.
func (h *Handout) Turned(sinks ...string) {
	for l := range h.named(sinks) {
		l.signals.raise(func(n *news) { n.look = true })
	}
}

// Forget throws away everything known of the sink, what is in flight included:
// its lease was lost. Settle answers ErrClaimLost for what was claimed before.
func (h *Handout) Forget(sink string) {
	l := h.lane(sink)
	l.forgets.Add(1)
	l.signals.raise(func(n *news) { n.look = true })
}

func (h *Handout) lane(sink string) *lane {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lanes[sink]
	if l == nil {
		l = newLane(h, sink)
		h.lanes[sink] = l
	}
	return l
}

// named yields the lanes of these sinks, or all that exist for none.
func (h *Handout) named(sinks []string) func(yield func(*lane) bool) {
	return func(yield func(*lane) bool) {
		if len(sinks) > 0 {
			for _, sink := range sinks {
				if !yield(h.lane(sink)) {
					return
				}
			}
			return
		}
		h.mu.Lock()
		all := make([]*lane, 0, len(h.lanes))
		for _, l := range h.lanes {
			all = append(all, l)
		}
		h.mu.Unlock()
		for _, l := range all {
			if !yield(l) {
				return
			}
		}
	}
}

// ClaimedRow is the Row that a delivery was claimed by: what [Tables.Commit]
// looks for. It is the zero Row for a delivery that no store handed out. A bare
// Row as the Claim counts, too.
func ClaimedRow(d *relay.Delivery) Row {
	switch c := d.Claim.(type) {
	case *flight:
		return c.row
	case Row:
		return c
	}
	return Row{}
}
