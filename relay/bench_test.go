package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
)

// endlessQueue hands out deliveries that were made beforehand, until n were
// handed out, and takes every outcome.
type endlessQueue struct {
	made    []*Delivery
	n       int64
	handed  atomic.Int64
	settled atomic.Int64
	all     chan struct{}
}

func newEndlessQueue(n int) *endlessQueue {
	q := &endlessQueue{n: int64(n), all: make(chan struct{})}
	for i := range 4096 {
		ev := &Event{Seq: Seq(i), Source: "recall", ID: fmt.Sprint(i), Raw: make([]byte, 1000), Fields: Fields{Key: fmt.Sprint(i)}}
		q.made = append(q.made, &Delivery{Event: ev, Sink: "a", Key: ev.OrderKey(), Attempt: 1})
	}
	return q
}

func (q *endlessQueue) Claim(ctx context.Context, _ string, max int) ([]*Delivery, error) {
	from := q.handed.Load()
	n := min(int64(max), q.n-from, int64(len(q.made))-from%int64(len(q.made)))
	if n <= 0 {
		<-ctx.Done()
		return nil, nil
	}
	q.handed.Add(n)
	at := from % int64(len(q.made))
	return q.made[at : at+n : at+n], nil
}

func (q *endlessQueue) Settle(_ context.Context, done ...Settlement) error {
	if q.settled.Add(int64(len(done))) == q.n {
		close(q.all)
	}
	return nil
}

type noSink struct{}

func (noSink) Send(context.Context, *Delivery) (string, error) { return "", nil }

type noBatcher struct{ noSink }

func (noBatcher) SendBatch(_ context.Context, ds []*Delivery) []Result {
	return make([]Result, len(ds))
}

// BenchmarkLoop is what the loop itself costs for each delivery.
func BenchmarkLoop(b *testing.B) {
	for _, to := range []Destination{
		{Name: "a", Sink: noSink{}, Concurrency: 1},
		{Name: "a", Sink: noSink{}, Concurrency: 16},
		{Name: "a", Sink: noSink{}, Concurrency: 256},
		{Name: "a", Sink: noBatcher{}},
	} {
		b.Run(fmt.Sprintf("%T/concurrency=%d", to.Sink, to.Concurrency), func(b *testing.B) {
			b.ReportAllocs()
			q := newEndlessQueue(b.N)
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan error, 1)
			loop := NewLoop(LoopOptions{Queue: q, Memory: newMemMemory(), Logger: slog.New(slog.DiscardHandler)})
			b.ResetTimer()
			go func() { done <- loop.Run(ctx, []Destination{to}) }()
			<-q.all
			b.StopTimer()
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
