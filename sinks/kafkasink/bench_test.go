package kafkasink

import (
	"strconv"
	"sync/atomic"
	"testing"
)

// BenchmarkSend writes 1 KB events at the concurrency that the delivery loop
// gives this sink, and one after another.
func BenchmarkSend(b *testing.B) {
	kafka := broker.Get(b)
	for _, concurrency := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(concurrency), func(b *testing.B) {
			topic := kafka.NewTopic(b, 6)
			s := open(b, optionsFor(kafka, topic))
			body := []byte(`{"event":"bot.done","data":"` + string(make([]byte, 1000)) + `"}`)
			var n atomic.Int64
			b.ResetTimer()
			work := func() {
				i := int(n.Add(1))
				d := event("bot-"+strconv.Itoa(i), i)
				d.Event.Raw = body
				if _, err := s.Send(b.Context(), d); err != nil {
					b.Error(err)
				}
			}
			runAt(b, concurrency, work)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// runAt calls work b.N times from n goroutines.
func runAt(b *testing.B, n int, work func()) {
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	for range n {
		go func() {
			for left.Add(-1) >= 0 {
				work()
			}
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}
