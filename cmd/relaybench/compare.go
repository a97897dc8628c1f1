package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type comparison struct {
	binary      string // botrelay; empty: built from the tree
	rounds      int
	warmUp      time.Duration
	measure     time.Duration
	connections int
	bodyBytes   int
	folder      string // where the stores lie; empty: a temporary one
}

// figures are those of one contestant in one round.
type figures struct {
	rate     float64 // events a second, all work done
	accepted float64 // 2xx a second while the load lasted
	cpu      float64 // µs of the contestant's processor time an event
	p50, p99 time.Duration
	memory   int64
}

const benchSecret = "whsec_cmVsYXliZW5jaC1vbmx5LWtleS0yNC1ieXRlcw=="

func (c comparison) run(ctx context.Context, out io.Writer) error {
	folder, err := os.MkdirTemp(c.folder, "relaybench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary := c.binary
	if binary == "" {
		binary = filepath.Join(folder, "botrelay")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/botrelay")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build botrelay: %w", err)
		}
	}
	contestants := []contestant{
		bareContestant("bare handler", benchSecret, false),
		bareContestant("bare handler, one group-committed fsync", benchSecret, true),
		relayContestant("botrelay, routed to nothing", binary, benchSecret, 0, 0),
		relayContestant("botrelay, 3 no-op sinks", binary, benchSecret, 3, 0),
		relayContestant("botrelay, 1 HTTP sink", binary, benchSecret, 0, 1),
		relayContestant("botrelay, 3 HTTP sinks", binary, benchSecret, 0, 3),
	}
	results := make([][]figures, len(contestants))
	for round := range c.rounds {
		for i, one := range contestants {
			f, err := c.one(ctx, one, folder)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d  %-42s %7.0f events/s  %5.1f µs CPU\n", round+1, one.name, f.rate, f.cpu)
			results[i] = append(results[i], f)
		}
	}
	return c.report(out, contestants, results)
}

// one puts one contestant under load: a warm-up that is not counted, then the
// load that is.
func (c comparison) one(ctx context.Context, one contestant, folder string) (figures, error) {
	p, err := one.start(ctx, folder)
	if err != nil {
		return figures{}, err
	}
	f, err := c.measured(ctx, p)
	if stopErr := p.stop(); err == nil {
		err = stopErr
	}
	return f, err
}

func (c comparison) measured(ctx context.Context, p *process) (figures, error) {
	l := load{url: p.url, secret: benchSecret, connections: c.connections, bodyBytes: c.bodyBytes, ids: newIDs()}
	warm, err := l.run(ctx, c.warmUp)
	if err != nil {
		return figures{}, err
	}
	if _, err := p.settle(ctx, int64(warm.accepted)); err != nil {
		return figures{}, err
	}
	cpuBefore, err := p.cpu()
	if err != nil {
		return figures{}, err
	}
	began := time.Now()
	result, err := l.run(ctx, c.measure)
	if err != nil {
		return figures{}, err
	}
	if result.refused > 0 {
		return figures{}, fmt.Errorf("%d of %d requests were refused", result.refused, result.refused+result.accepted)
	}
	done, err := p.settle(ctx, int64(warm.accepted+result.accepted))
	if err != nil {
		return figures{}, err
	}
	cpuAfter, err := p.cpu()
	if err != nil {
		return figures{}, err
	}
	memory, err := p.memory()
	if err != nil {
		return figures{}, err
	}
	return figures{
		rate:     float64(result.accepted) / done.Sub(began).Seconds(),
		accepted: float64(result.accepted) / result.elapsed.Seconds(),
		cpu:      float64((cpuAfter - cpuBefore).Microseconds()) / float64(result.accepted),
		p50:      result.quantile(0.5), p99: result.quantile(0.99),
		memory: memory,
	}, nil
}

// report prints medians, and ratios that are medians of the rounds' ratios.
func (c comparison) report(out io.Writer, contestants []contestant, results [][]figures) error {
	const bare, bareFsync = 0, 1
	fmt.Fprintf(out, "%d rounds of %v after %v of warm-up, %d connections, closed loop, %d-byte bodies; %s, %d CPUs, %s\n\n",
		c.rounds, c.measure, c.warmUp, c.connections, c.bodyBytes, processor(), runtime.NumCPU(), runtime.Version())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "contestant\tevents/s\tto bare\tto bare + fsync\tCPU µs/event\tto bare\tp50\tp99\tRSS MiB\t")
	for i, one := range contestants {
		of := results[i]
		rate := func(f figures) float64 { return f.rate }
		cpu := func(f figures) float64 { return f.cpu }
		fmt.Fprintf(table, "%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.2f\t%v\t%v\t%d\t\n", one.name,
			median(of, rate), medianRatio(of, results[bare], rate), medianRatio(of, results[bareFsync], rate),
			median(of, cpu), medianRatio(of, results[bare], cpu),
			time.Duration(median(of, func(f figures) float64 { return float64(f.p50) })).Round(10*time.Microsecond),
			time.Duration(median(of, func(f figures) float64 { return float64(f.p99) })).Round(10*time.Microsecond),
			int64(median(of, func(f figures) float64 { return float64(f.memory) }))>>20)
	}
	return table.Flush()
}

func median(of []figures, value func(figures) float64) float64 {
	return medianOf(len(of), func(i int) float64 { return value(of[i]) })
}

func medianRatio(of, to []figures, value func(figures) float64) float64 {
	return medianOf(len(of), func(i int) float64 { return value(of[i]) / value(to[i]) })
}

func medianOf(n int, at func(int) float64) float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = at(i)
	}
	slices.SortFunc(values, cmp.Compare)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// processor is the machine's processor as Linux names it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
