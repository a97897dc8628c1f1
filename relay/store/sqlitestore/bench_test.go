package sqlitestore

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"botrelay/relay"
)

// cpuTime is what this process has spent, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // RUSAGE_SELF cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds events a second and CPU an event to the benchmark's line.
func report(b *testing.B, n int, since time.Time, cpu time.Duration) {
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(n), "cpu-µs/event")
	b.ReportMetric(float64(n)/time.Since(since).Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

// produce appends n events of 1 KB from 128 goroutines, of 5,000 bots in turn.
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
				ev := event(from+i, fmt.Sprintf("bot-%06d", (from+i)%5000))
				if _, err := s.Append(b.Context(), ev, targets(ev, sinks...)...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// consume claims and settles n deliveries of a sink.
func consume(b *testing.B, s *Store, sink string, n int) {
	for n > 0 {
		ds, err := s.Claim(b.Context(), sink, 256)
		if err != nil {
			b.Error(err)
			return
		}
		if err := s.Settle(context.Background(), settled(ds, relay.Delivered)...); err != nil {
			b.Error(err)
			return
		}
		n -= len(ds)
	}
}

func BenchmarkAppend(b *testing.B) {
	s, _ := open(b, Options{Dir: b.TempDir()})
	began, cpu := time.Now(), cpuTime()
	produce(b, s, 0, b.N, "a", "b", "c")
	report(b, b.N, began, cpu)
}

func BenchmarkClaimSettle(b *testing.B) {
	s, _ := open(b, Options{Dir: b.TempDir()})
	began, cpu := time.Now(), cpuTime()
	var wg sync.WaitGroup
	for _, sink := range []string{"a", "b", "c"} {
		wg.Go(func() { consume(b, s, sink, b.N) })
	}
	produce(b, s, 0, b.N, "a", "b", "c")
	wg.Wait()
	report(b, b.N, began, cpu)
}

// BenchmarkDrain stores b.N events for three sinks, opens the store anew and
// delivers everything. With -benchtime 1000000x it is the restart with a long
// backlog: first-ms is from Open to the first delivery, peak-MiB the most memory
// since then.
func BenchmarkDrain(b *testing.B) {
	dir := b.TempDir()
	s, stop := open(b, Options{Dir: dir})
	produce(b, s, 0, b.N, "a", "b", "c")
	if err := stop(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	debug.FreeOSMemory()
	forgetPeak()

	began, cpu := time.Now(), cpuTime()
	s, _ = open(b, Options{Dir: dir})
	ds, err := s.Claim(b.Context(), "a", 1)
	if err == nil {
		first := time.Since(began)
		err = s.Settle(context.Background(), settled(ds, relay.Release)...)
		b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
	}
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, sink := range []string{"a", "b", "c"} {
		wg.Go(func() { consume(b, s, sink, b.N) })
	}
	wg.Wait()
	report(b, 3*b.N, began, cpu)
	b.ReportMetric(peakMiB(), "peak-MiB")
}

// forgetPeak begins a new measure of the most memory that the process had.
func forgetPeak() {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it the peak is that of everything before, too
}

// peakMiB is the most memory that the process had, in MiB; 0 where the system
// does not say.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib) // 0 where it is missing
	return kib / 1024
}
