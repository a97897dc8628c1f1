package pgstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
)

// report adds items a second to the benchmark's line.
func report(b *testing.B, n int, since time.Time, unit string) {
	b.ReportMetric(float64(n)/time.Since(since).Seconds(), unit)
	b.ReportMetric(0, "ns/op")
}

// produce appends n events of 1 KB from 128 goroutines.
func produce(b *testing.B, s *Store, from, n int, sinks ...string) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 128 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				ev := event(from+i, fmt.Sprintf("bot-%06d", (from+i)/12))
				if _, err := s.Append(b.Context(), ev, targets(ev, sinks...)...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// consume claims and settles n deliveries of a sink, claiming the next while
// the last are settled, as the delivery loop does.
func consume(b *testing.B, s *Store, sink string, n int) {
	claimed := make(chan []*relay.Delivery, 2)
	var settler sync.WaitGroup
	settler.Go(func() {
		for ds := range claimed {
			if err := s.Settle(context.Background(), settled(ds, relay.Delivered)...); err != nil {
				b.Error(err)
			}
		}
	})
	for n > 0 {
		ds, err := s.Claim(b.Context(), sink, 256)
		if err != nil {
			b.Error(err)
			break
		}
		claimed <- ds
		n -= len(ds)
	}
	close(claimed)
	settler.Wait()
}

func BenchmarkAppend(b *testing.B) {
	s, _ := open(b, Options{URL: server.Get(b).Database(b)})
	began := time.Now()
	produce(b, s, 0, b.N, "a", "b", "c")
	report(b, b.N, began, "events/s")
}

func BenchmarkAppendAndSettle(b *testing.B) {
	s, _ := open(b, Options{URL: server.Get(b).Database(b)})
	began := time.Now()
	var wg sync.WaitGroup
	for _, sink := range []string{"a", "b", "c"} {
		wg.Go(func() { consume(b, s, sink, b.N) })
	}
	produce(b, s, 0, b.N, "a", "b", "c")
	wg.Wait()
	report(b, b.N, began, "events/s")
}

func BenchmarkDrain(b *testing.B) {
	for _, sinks := range [][]string{{"a"}, {"a", "b", "c"}} {
		b.Run(fmt.Sprintf("sinks=%d", len(sinks)), func(b *testing.B) {
			s, _ := open(b, Options{URL: server.Get(b).Database(b)})
			produce(b, s, 0, b.N, sinks...)
			began := time.Now()
			var wg sync.WaitGroup
			for _, sink := range sinks {
				wg.Go(func() { consume(b, s, sink, b.N) })
			}
			wg.Wait()
			report(b, len(sinks)*b.N, began, "deliveries/s")
		})
	}
}
