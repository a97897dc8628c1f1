package relay

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// leasedQueue hands deliveries out under a lease that ends when the sink passes
// to another relay.
type leasedQueue struct {
	*memQueue
	lease context.Context
}

func (q *leasedQueue) Claim(ctx context.Context, sink string, max int) ([]*Delivery, error) {
	if q.lease.Err() != nil {
		<-ctx.Done() // the other relay has what waits
		return nil, nil
	}
	ds, err := q.memQueue.Claim(ctx, sink, max)
	for _, d := range ds {
		d.Lease = q.lease
	}
	return ds, err
}

// Another relay repeats what was in flight when it took the sink: the sends end,
// what no worker had taken is not sent, and nothing is learnt about the
// destination.
func TestSendsEndWithTheLease(t *testing.T) {
	for _, batches := range []bool{false, true} {
		t.Run(fmt.Sprintf("batches=%v", batches), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				lease, lose := context.WithCancel(context.Background())
				defer lose()
				w.opts.Queue = &leasedQueue{w.queue, lease}
				var began atomic.Int64
				hang := func(ctx context.Context) error {
					began.Add(1)
					<-ctx.Done()
					return ctx.Err()
				}
				var sink Sink = &testSink{answer: func(ctx context.Context, _ *Delivery) (string, error) { return "", hang(ctx) }}
				if batches {
					sink = &testBatcher{batch: func(ctx context.Context, ds []*Delivery) []Result {
						err := hang(ctx)
						rs := make([]Result, len(ds))
						for i := range rs {
							rs[i].Err = err
						}
						return rs
					}}
				}
				for i := range 20 {
					w.queue.add("a", fmt.Sprint(i), fmt.Sprint(i))
				}
				w.run(Destination{Name: "a", Sink: sink, Concurrency: 10, Timeout: time.Hour})
				w.pass(time.Second)
				before := began.Load()
				lose()
				w.pass(time.Second)
				if n := w.queue.claimed(); n != 0 || before == 0 {
					t.Errorf("%d sends had begun, %d deliveries are still claimed", before, n)
				}
				for _, r := range w.queue.all() {
					if r.state != 0 || r.attempts != 0 {
						t.Errorf("%s of a lost sink was settled: state %d after %d attempts", r.event.ID, r.state, r.attempts)
					}
				}
				if n := began.Load(); n != before {
					t.Errorf("%d sends began after the lease had ended", n-before)
				}
				if s := w.state("a"); s.Paused {
					t.Errorf("the loop takes it for the destination's fault: %+v", s)
				}
				w.end()
			})
		})
	}
}
