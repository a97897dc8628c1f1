package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookEvery is how often the rows of the sinks are looked at.
const lookEvery = time.Second

const (
	sqlSinks = `SELECT name, paused, turn, owner, epoch, beat, low, last_ok FROM botrelay.sink`
	sqlTake  = `CALL botrelay.take($1, $2, $3, $4, $5, $6, NULL)`
)

// look reads the rows of the sinks, takes the leases that are this relay's to
// take, and tells the order of handing out what has changed. rumour says that
// others may have stored something.
func (s *Store) look(ctx context.Context, rumour bool) error {
	select { // what was read earlier is never taken in later
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	began := s.opts.Boot()
	rows, peers, err := s.readSinks(ctx)
	if err != nil {
		return err
	}
	changed, lost, free := s.compare(began, rows, peers)
	for _, sink := range lost {
		s.lost(sink, "another relay has taken it")
	}
	if err := s.take(ctx, free); err != nil {
		return err
	}
	if len(changed) > 0 {
		s.Turned(changed...)
	}
	if rumour {
		for _, sink := range s.leases.names() {
			s.Appended(sink)
			s.Scheduled(sink, time.Time{})
		}
	}
	return s.letGo(ctx)
}

// readSinks reads the rows of the sinks and the signs of life of other relays,
// and refuses to go on with a store of a newer version.
func (s *Store) readSinks(ctx context.Context) (rows map[string]sinkRow, peers map[string]string, err error) {
	rows, peers = make(map[string]sinkRow), make(map[string]string)
	format := 0
	err = s.on(ctx, s.vital, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		if err := c.QueryRow(ctx, sqlFormat).Scan(&format); err != nil {
			return err
		}
		err := each(ctx, c, sqlSinks, nil, func(r pgx.Rows) error {
			var name string
			var row sinkRow
			err := r.Scan(&name, &row.paused, &row.turn, &row.owner, &row.epoch, &row.beat, &row.low, &row.lastOK)
			rows[name] = row
			return err
		})
		if err != nil {
			return err
		}
		return each(ctx, c, sqlMemoryList, []any{[]byte(peerOwner), []byte{}, 1000}, func(r pgx.Rows) error {
			var key, value []byte
			var until int64
			err := r.Scan(&key, &value, &until)
			peers[string(key)] = string(value)
			return err
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look at the sinks: %w", err)
	}
	return rows, peers, s.checkFormat(format)
}

// candidate is a sink whose lease may be taken, as it was seen.
type candidate struct {
	sink string
	row  sinkRow
}

// compare takes what was read into what is known. changed are sinks whose row is
// another, lost those whose lease has ended since another relay has it, free
// those whose lease is to be taken.
func (s *Store) compare(now time.Duration, rows map[string]sinkRow, peers map[string]string) (changed, lost []string, free []candidate) {
	l := &s.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meet(now, s.id, peers)
	for name, read := range rows {
		row := l.row(name)
		if row.paused != read.paused || row.turn != read.turn {
			changed = append(changed, name)
		}
		read.since, read.abstainUntil = row.since, row.abstainUntil
		if row.owner != read.owner || row.epoch != read.epoch || row.beat != read.beat || read.since == 0 {
			read.since = max(now, 1)
		}
		*row = read
		// A lease taken or renewed after the row was read is younger than it.
		held := l.held[name]
		if held != nil && held.taken < now && (read.owner != s.id || read.epoch != held.epoch) {
			delete(l.held, name)
			held.end()
			lost = append(lost, name)
		}
	}
	for name, w := range l.wanted {
		if w.claims == 0 && now-w.last > forgetInterest {
			delete(l.wanted, name)
		}
	}
	return changed, lost, l.choose(now, s.id, s.opts.LeaseTime)
}

// take takes leases, as far as nobody was quicker.
func (s *Store) take(ctx context.Context, free []candidate) error {
	if len(free) == 0 {
		return nil
	}
	var names, owners []string
	var epochs, beats, drawn []int64
	byName := make(map[string]int64)
	for _, c := range free {
		epoch := newEpoch()
		names, owners = append(names, c.sink), append(owners, c.row.owner)
		epochs, beats, drawn = append(epochs, c.row.epoch), append(beats, c.row.beat), append(drawn, epoch)
		byName[c.sink] = epoch
	}
	began := s.opts.Boot()
	var taken []string
	if err := s.vitalRow(ctx, sqlTake, []any{s.id, names, owners, epochs, beats, drawn}, &taken); err != nil {
		return fmt.Errorf("take the leases of sinks: %w", err)
	}
	s.leases.mu.Lock()
	for _, sink := range taken {
		held := &lease{epoch: byName[sink], taken: s.opts.Boot(), until: began + s.opts.LeaseTime, unclamped: true}
		held.held, held.end = context.WithCancel(context.Background())
		row := s.leases.row(sink)
		row.owner, row.epoch, row.beat, row.since = s.id, held.epoch, 0, began
		held.low = row.low
		if old := s.leases.held[sink]; old != nil {
			old.end()
		}
		s.leases.held[sink] = held
	}
	s.leases.mu.Unlock()
	if len(taken) > 0 {
		s.log().Info("this relay sends for these sinks from now on", "sinks", taken)
		s.clamp(ctx)
		s.Turned(taken...)
	}
	return nil
}

const sqlClamp = `CALL botrelay.clamp($1, $2, $3)`

// clamp looks at the due times of sinks that were taken: a clock that was ahead
// may have written them. What does not succeed is tried at the next look.
func (s *Store) clamp(ctx context.Context) {
	s.leases.mu.Lock()
	var names []string
	for sink, held := range s.leases.held {
		if held.unclamped {
			names = append(names, sink)
		}
	}
	s.leases.mu.Unlock()
	if len(names) == 0 {
		return
	}
	now := s.opts.Clock.Now()
	err := s.exec(ctx, sqlClamp, names, now.UnixNano(), now.Add(longestRetry).UnixNano())
	if err != nil {
		return
	}
	s.leases.mu.Lock()
	for _, sink := range names {
		if held := s.leases.held[sink]; held != nil {
			held.unclamped = false
		}
	}
	s.leases.mu.Unlock()
	for _, sink := range names {
		s.Scheduled(sink, time.Time{})
	}
}

// longestRetry is the longest that a delivery waits after a try.
const longestRetry = time.Hour

// names are the sinks that are this relay's.
func (l *leases) names() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for sink := range l.held {
		names = append(names, sink)
	}
	return names
}

// exec runs a CALL without an answer.
func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	return s.on(ctx, s.rest, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql, args...)
		return err
	})
}
