package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"botrelay/relay"
	"botrelay/relay/store"
)

const (
	sqlCounts = `SELECT sink, retrying, dead, count, (SELECT received FROM botrelay.event e WHERE e.seq = oldest) FROM (
			SELECT sink, false AS retrying, false AS dead, count(*), min(seq) AS oldest FROM botrelay.delivery WHERE` + whereReady + `GROUP BY sink
			UNION ALL SELECT sink, false, false, count(*), min(seq) FROM botrelay.delivery WHERE state = 1 AND` + whereBlocked + `GROUP BY sink
			UNION ALL SELECT sink, attempts > 0, false, count(*), min(seq) FROM botrelay.delivery WHERE` + whereWaiting + `GROUP BY sink, attempts > 0
			UNION ALL SELECT sink, false, true, count(*), NULL FROM botrelay.delivery WHERE` + whereDead + `GROUP BY sink
		) c`
	// Counting may take so small a part of the database's time.
	countPart = 20
	// Less than this is not worth remembering.
	countQuick = 50 * time.Millisecond
)

// counts is what waits for each sink, as of the last count. Other relays change
// it, too, so it is counted in the database, and the longer that takes, the
// longer the answer is used.
type counts struct {
	mu     sync.Mutex
	lastOK map[string]time.Time // of what this relay has delivered

	counting chan struct{} // holds a token while one counts, who owns what is below
	answer   []relay.Backlog
	until    time.Time
}

// delivered notes when this relay has last delivered.
func (c *counts) delivered(sink string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastOK == nil {
		c.lastOK = make(map[string]time.Time)
	}
	c.lastOK[sink] = at
}

// Sinks is [relay.Reader]'s. Where there is much to count, the answer may be
// some seconds old.
func (s *Store) Sinks(ctx context.Context) ([]relay.Backlog, error) {
	c := &s.counts
	select {
	case c.counting <- struct{}{}:
		defer func() { <-c.counting }()
	case <-ctx.Done():
		return nil, fmt.Errorf("count deliveries: %w", context.Cause(ctx))
	}
	if began := time.Now(); began.After(c.until) {
		answer, err := s.count(ctx)
		if err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		c.answer, c.until = answer, time.Time{}
		if took := time.Since(began); took > countQuick {
			c.until = time.Now().Add(took * countPart)
		}
	}
	return slices.Clone(c.answer), nil
}

func (s *Store) count(ctx context.Context) ([]relay.Backlog, error) {
	bySink := make(map[string]*relay.Backlog)
	err := s.on(ctx, s.rest, countTime, func(ctx context.Context, conn *pgx.Conn) error {
		clear(bySink)
		err := each(ctx, conn, sqlSinks, nil, func(r pgx.Rows) error {
			var name string
			var row sinkRow
			err := r.Scan(&name, &row.paused, &row.turn, &row.owner, &row.epoch, &row.beat, &row.low, &row.lastOK)
			bySink[name] = &relay.Backlog{Sink: name, Paused: row.paused, LastOK: store.FromNanos(row.lastOK)}
			return err
		})
		if err != nil {
			return err
		}
		return each(ctx, conn, sqlCounts, nil, func(r pgx.Rows) error { return addCount(r, bySink) })
	})
	if err != nil {
		return nil, err
	}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	answer := make([]relay.Backlog, 0, len(bySink))
	for _, name := range slices.Sorted(maps.Keys(bySink)) {
		b := bySink[name]
		if own := s.counts.lastOK[name]; own.After(b.LastOK) {
			b.LastOK = own
		}
		answer = append(answer, *b)
	}
	return answer, nil
}

// addCount takes one row of sqlCounts in.
func addCount(r pgx.Rows, bySink map[string]*relay.Backlog) error {
	var sink string
	var retrying, dead bool
	var n int
	var oldest pgtype.Int8
	if err := r.Scan(&sink, &retrying, &dead, &n, &oldest); err != nil {
		return err
	}
	b := bySink[sink]
	if b == nil { // its row came a moment later
		b = &relay.Backlog{Sink: sink}
		bySink[sink] = b
	}
	switch {
	case dead:
		b.Dead += n
	case retrying:
		b.Retrying += n
	default:
		b.Pending += n
	}
	if received := store.FromNanos(oldest.Int64); oldest.Valid && (b.Oldest.IsZero() || received.Before(b.Oldest)) {
		b.Oldest = received
	}
	return nil
}
