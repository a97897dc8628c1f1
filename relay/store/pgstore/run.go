package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Run keeps the store going until ctx ends: it stores what Append is given,
// keeps the leases, and removes what has had its time. Then it stores what has
// come by then, gives the leases back, so that another relay goes on at once,
// and returns nil. It is called once. Any other return says that a newer
// version has changed the database: this one cannot go on.
func (s *Store) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.running.Store(true)
	rumours := make(chan bool, 1)
	var parts sync.WaitGroup
	parts.Go(func() { s.appendAll(ctx) })
	parts.Go(func() {
		if err := s.keepLeases(ctx, rumours); err != nil {
			stop(err)
		}
	})
	parts.Go(func() { s.watchLeases(ctx) })
	parts.Go(func() { s.listen(ctx, rumours) })
	parts.Go(func() { s.keepHouse(ctx) })
	<-ctx.Done()
	s.running.Store(false)
	parts.Wait()
	failure := context.Cause(ctx)
	if !isRefusal(failure) {
		failure = nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := s.leave(last); err != nil {
		s.log().Warn("leases were not given back; another relay takes them over when they have run out", "err", err)
	}
	return failure
}

// keepLeases looks every second, or when it hears that something has changed,
// and renews in time. Its error is a refusal.
func (s *Store) keepLeases(ctx context.Context, rumours <-chan bool) error {
	ticker := time.NewTicker(min(lookEvery, s.opts.LeaseTime/15))
	defer ticker.Stop()
	beat, renewed := int64(0), time.Duration(-1)
	for {
		if now := s.opts.Boot(); renewed < 0 || now-renewed >= s.opts.LeaseTime/3 {
			beat++
			if err := s.renew(ctx, beat); err == nil {
				renewed = now
			}
		}
		s.clamp(ctx)
		if err := s.look(ctx, true); isRefusal(err) {
			return err
		}
		select {
		case <-ticker.C:
		case <-rumours:
		case <-ctx.Done():
			return nil
		}
	}
}

// watchLeases ends leases that have run out, whatever the database does
// meanwhile.
func (s *Store) watchLeases(ctx context.Context) {
	ticker := time.NewTicker(s.opts.LeaseTime / 60)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for _, sink := range s.leases.names() {
			s.valid(sink)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

const sqlListen = `LISTEN botrelay`

// listen hears from other relays that something has changed. It is a hint: what
// it misses is seen within a second.
func (s *Store) listen(ctx context.Context, rumours chan<- bool) {
	for ctx.Err() == nil {
		pooled, err := s.listenOnce(ctx, rumours)
		if pooled {
			s.log().Info("the database is reached by way of a pooler: what other relays store is seen within a second", "store", s.place)
			return
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(lastRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// listenOnce listens on a connection of its own. Behind a pooler it does not:
// LISTEN would stay with a connection that is lent to others. A pooler makes up
// the process number that it tells its clients.
func (s *Store) listenOnce(ctx context.Context, rumours chan<- bool) (pooled bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, s.config)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(connecting) }() // nothing is under way
	var process uint32
	if err := conn.QueryRow(connecting, `SELECT pg_backend_pid()::bigint`).Scan(&process); err != nil {
		return false, err
	}
	if process != conn.PgConn().PID() {
		return true, nil
	}
	if _, err := conn.Exec(connecting, sqlListen); err != nil {
		return false, err
	}
	for {
		heard, err := conn.WaitForNotification(ctx)
		if err != nil {
			return false, err
		}
		s.hear(heard.Payload, rumours)
	}
}

// hear takes in that another relay has stored something for a sink ("a" and its
// name) or changed its row ("s" and its name).
func (s *Store) hear(said string, rumours chan<- bool) {
	if said == "" {
		return
	}
	sink := said[1:]
	if said[0] == 'a' {
		s.Appended(sink)
		s.Scheduled(sink, time.Time{})
		return
	}
	select {
	case rumours <- true:
	default:
	}
}
