package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"botrelay/relay"
)

// lineTables is one sink with n rows, whose keys go round; none waits for a time.
type lineTables struct {
	keys  []string
	n     int64
	held  []bool
	final []bool
	from  map[string]int64 // the lowest row of a key that may be held
}

func newLine(n, keys int) *lineTables {
	t := &lineTables{n: int64(n), held: make([]bool, n+1), final: make([]bool, n+1), from: make(map[string]int64)}
	for i := range keys {
		t.keys = append(t.keys, fmt.Sprintf("recall/3f0b7c1e-8d2a-4c57-9f3e-%012d", i))
	}
	return t
}

func (t *lineTables) row(pos int64) Row {
	r := Row{Seq: relay.Seq(pos), Pos: pos}
	if len(t.keys) > 0 {
		r.Key = t.keys[pos%int64(len(t.keys))]
	}
	return r
}

func (t *lineTables) Ready(_ context.Context, _ string, after int64, limit int) ([]Row, error) {
	rows := make([]Row, 0, limit)
	for pos := after + 1; pos <= t.n && len(rows) < limit; pos++ {
		if !t.held[pos] && !t.final[pos] {
			rows = append(rows, t.row(pos))
		}
	}
	return rows, nil
}

func (t *lineTables) Held(_ context.Context, _, key string, after, upto int64, limit int) (rows []Row, more bool, err error) {
	for pos := max(after+1, t.from[key], 1); pos <= min(upto, t.n); pos++ {
		if r := t.row(pos); r.Key == key && t.held[pos] && !t.final[pos] {
			if len(rows) == limit {
				return rows, true, nil
			}
			if len(rows) == 0 {
				t.from[key] = pos
			}
			rows = append(rows, r)
		}
	}
	return rows, false, nil
}

func (t *lineTables) Waiting(context.Context, string, string) (bool, error) { return false, nil }

func (t *lineTables) Due(context.Context, string, time.Time, int, func(Row) bool) ([]Row, time.Time, error) {
	return nil, time.Time{}, nil
}

func (t *lineTables) Blocked(context.Context, string, string, int, int) ([]Blocked, bool, error) {
	return nil, true, nil
}

func (t *lineTables) First(context.Context, string) (int64, bool, error) { return 1, true, nil }

func (t *lineTables) Load(_ context.Context, sink string, rows []Row, _ int) ([]Loaded, error) {
	loaded, deliveries := make([]Loaded, len(rows)), make([]relay.Delivery, len(rows))
	for i, r := range rows {
		deliveries[i] = relay.Delivery{Sink: sink, Key: r.Key, Attempt: 1}
		loaded[i] = Loaded{Row: r, Delivery: &deliveries[i]}
	}
	return loaded, nil
}

func (t *lineTables) Commit(_ context.Context, _ string, done []relay.Settlement, hold []Row) ([]int, error) {
	for _, s := range done {
		t.final[ClaimedRow(s.Delivery).Pos] = true
	}
	for _, r := range hold {
		t.held[r.Pos] = true
	}
	return nil, nil
}

func (t *lineTables) Sink(context.Context, string) (bool, int64, error) { return false, 0, nil }

// BenchmarkClaimAndSettle is what one delivery costs in the order of handing
// out, claimed and settled 256 at a time where its keys allow.
func BenchmarkClaimAndSettle(b *testing.B) {
	for _, bench := range []struct {
		name string
		keys func(n int) int
	}{
		{"no keys", func(int) int { return 0 }},
		{"a key each", func(n int) int { return n }},
		{"1000 keys", func(int) int { return 1000 }},
		{"a hot key", func(int) int { return 1 }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			t := newLine(b.N, bench.keys(b.N))
			h := NewHandout(t, SystemClock{})
			done := make([]relay.Settlement, 0, 256)
			b.ResetTimer()
			for left := b.N; left > 0; {
				ds, err := h.Claim(b.Context(), "lake", 256)
				if err != nil {
					b.Fatal(err)
				}
				done = done[:0]
				for _, d := range ds {
					done = append(done, relay.Settlement{Delivery: d, Verdict: relay.Delivered})
				}
				if err := h.Settle(b.Context(), done...); err != nil {
					b.Fatal(err)
				}
				left -= len(ds)
			}
		})
	}
}
