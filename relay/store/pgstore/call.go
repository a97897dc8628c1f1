package pgstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"botrelay/relay"
)

// How long a call may take before the database counts as unavailable: a little
// more than the server waits for a lock, and no more than a sender waits for an
// answer.
const (
	openTime  = 60 * time.Second // other relays may be migrating
	callTime  = 10 * time.Second
	countTime = 2 * time.Minute
)

// How soon what waits for the database tries again.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// on runs f with a connection of a pool, for at most limit. Its error is one of
// the item's own content, relay.ErrClosed, that of ctx, or wraps
// relay.ErrUnavailable: then the outcome is unknown.
func (s *Store) on(ctx context.Context, pool *pgxpool.Pool, limit time.Duration, f func(context.Context, *pgx.Conn) error) error {
	if s.closing.Err() != nil {
		return relay.ErrClosed
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	var err error
	for range 3 { // what the server undid by itself
		err = pool.AcquireFunc(inner, func(c *pgxpool.Conn) error { return f(inner, c.Conn()) })
		if natureOf(err) != again {
			break
		}
	}
	switch kind := natureOf(err); {
	case kind == ok:
		s.answering.is(s, nil)
		return nil
	case kind == content:
		return err
	case s.closing.Err() != nil:
		return relay.ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	err = s.asUnavailable(err)
	s.answering.is(s, err)
	return err
}

// ask runs a query and gives its rows to scan.
func (s *Store) ask(ctx context.Context, sql string, args []any, scan func(pgx.Rows) error) error {
	return s.on(ctx, s.rest, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		return each(ctx, c, sql, args, scan)
	})
}

// each runs a query on a connection and gives every row to scan.
func each(ctx context.Context, c *pgx.Conn, sql string, args []any, scan func(pgx.Rows) error) error {
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row runs a query or a CALL that has one row.
func (s *Store) row(ctx context.Context, sql string, args []any, into ...any) error {
	return s.on(ctx, s.rest, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sql, args...).Scan(into...)
	})
}

// vitalRow is row for what keeps the relay in its place.
func (s *Store) vitalRow(ctx context.Context, sql string, args []any, into ...any) error {
	return s.on(ctx, s.vital, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sql, args...).Scan(into...)
	})
}

// patiently runs f until the database answers, or ctx ends. again tells f that
// an earlier run may have happened.
func patiently(ctx context.Context, f func(again bool) error) error {
	wait := firstRetry
	for tries := 0; ; tries++ {
		err := f(tries > 0)
		if !errors.Is(err, relay.ErrUnavailable) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		wait = min(2*wait, lastRetry)
	}
}

// availability is whether the database answers.
type availability struct {
	mu      sync.Mutex
	failure error
	since   time.Time
}

func (a *availability) why() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failure
}

// is takes the outcome of a call, and logs when it becomes another.
func (a *availability) is(s *Store, failure error) {
	a.mu.Lock()
	was, since := a.failure, a.since
	if (was == nil) != (failure == nil) {
		a.since = time.Now()
	}
	a.failure = failure
	a.mu.Unlock()
	switch {
	case was == nil && failure != nil:
		s.log().Error("the database does not answer: new events are refused, everything else waits", "store", s.place, "err", failure)
	case was != nil && failure == nil:
		s.log().Info("the database answers again", "store", s.place, "after", time.Since(since).Round(time.Millisecond))
	}
}
