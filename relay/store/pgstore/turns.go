package pgstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"botrelay/relay"
)

// peerOwner is the name under which relays leave a sign of life for each other
// in the memory; the key is the relay's id.
const peerOwner = "_lease"

// freeFor is how long a free sink is left to a relay that has fewer: 3 s.
func freeFor(leaseTime time.Duration) time.Duration { return leaseTime / 10 }

// peer is another relay.
type peer struct {
	text  string        // its last sign of life
	since time.Duration // running time when it was first seen
	wants map[string]bool
}

// sign is a sign of life.
type sign struct {
	Beat  int64    `json:"beat"`
	Sinks []string `json:"sinks"` // what it wants to send for
}

// meet takes the signs of life of other relays in. The lock is held.
func (l *leases) meet(now time.Duration, self string, signs map[string]string) {
	for id, text := range signs {
		if id == self {
			continue
		}
		if p := l.peers[id]; p != nil && p.text == text {
			continue
		}
		var said sign
		p := &peer{text: text, since: now, wants: make(map[string]bool)}
		if err := json.Unmarshal([]byte(text), &said); err == nil {
			for _, sink := range said.Sinks {
				p.wants[sink] = true
			}
		}
		l.peers[id] = p
	}
	for id := range l.peers {
		if _, there := signs[id]; !there {
			delete(l.peers, id) // it has said goodbye
		}
	}
}

// contested returns the wanted sinks that a living relay wants, too, and how
// many relays share them, this one included. The lock is held.
func (l *leases) contested(now, leaseTime time.Duration) (sinks map[string]bool, relays int) {
	sinks, relays = make(map[string]bool), 1
	for _, p := range l.peers {
		if now-p.since >= leaseTime {
			continue
		}
		counts := 0
		for sink := range p.wants {
			if l.wanted[sink] != nil {
				sinks[sink] = true
				counts = 1
			}
		}
		relays += counts
	}
	return sinks, relays
}

// share is how many of the contested sinks are one relay's.
func share(contested, relays int) int { return (contested + relays - 1) / relays }

// choose returns the wanted sinks to take: those that nobody owns, and those
// whose owner has shown no life for the time of a lease. Of what other relays
// want, too, it takes no more than its share, unless it is left lying. The lock
// is held.
func (l *leases) choose(now time.Duration, self string, leaseTime time.Duration) (free []candidate) {
	contested, relays := l.contested(now, leaseTime)
	room := share(len(contested), relays)
	for sink := range l.held {
		if contested[sink] {
			room--
		}
	}
	for _, sink := range slices.Sorted(maps.Keys(l.wanted)) {
		if l.held[sink] != nil {
			continue
		}
		row := l.row(sink)
		gone := row.owner == "" || row.owner == self
		if !gone && now-row.since < leaseTime {
			continue
		}
		if contested[sink] {
			left := gone && row.since > 0 && now-row.since >= freeFor(leaseTime) || !gone && now-row.since >= leaseTime+freeFor(leaseTime)
			if now < row.abstainUntil || room <= 0 && !left {
				continue
			}
			room--
		}
		free = append(free, candidate{sink, *row})
	}
	return free
}

const (
	sqlRenew = `CALL botrelay.renew($1, $2, $3, $4, NULL)`
	sqlClear = `CALL botrelay.clear($1, $2, $3)`
)

// renew raises the beat of what is owned, before anything else, and gives a sign
// of life. A relay with more than its share then begins to let one go.
func (s *Store) renew(ctx context.Context, beat int64) error {
	var names []string
	var epochs, lows []int64
	s.leases.mu.Lock()
	for sink, held := range s.leases.held {
		names, epochs, lows = append(names, sink), append(epochs, held.epoch), append(lows, held.low)
	}
	s.leases.mu.Unlock()
	began := s.opts.Boot()
	kept := []string{}
	if len(names) > 0 {
		if err := s.vitalRow(ctx, sqlRenew, []any{s.id, names, epochs, lows}, &kept); err != nil {
			return fmt.Errorf("renew the leases: %w", err)
		}
	}
	for i, sink := range names {
		if !slices.Contains(kept, sink) {
			s.lose(sink, epochs[i], "another relay has taken it")
		}
	}
	s.leases.mu.Lock()
	for i, sink := range names {
		if held := s.leases.held[sink]; held != nil && held.epoch == epochs[i] {
			held.until = began + s.opts.LeaseTime
		}
	}
	said := sign{Beat: beat, Sinks: []string{}}
	for sink := range s.leases.wanted {
		said.Sinks = append(said.Sinks, sink)
	}
	s.leases.mu.Unlock()
	slices.Sort(said.Sinks)
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	// What a relay leaves behind that was killed goes some day.
	until := s.opts.Clock.Now().Add(time.Hour).UnixNano()
	if err := s.exec(ctx, sqlPut, []byte(peerOwner), []byte(s.id), text, until); err != nil {
		return fmt.Errorf("give a sign of life: %w", err)
	}
	if err := s.raiseLows(ctx); err != nil {
		return err
	}
	return s.rebalance(ctx)
}

const sqlFirstReady = `SELECT coalesce(min(pos), 0) FROM (
	SELECT pos FROM botrelay.delivery WHERE sink = $1 AND pos >= $2 AND state = 0 ORDER BY pos LIMIT 1) d`

// raiseLows looks for the places below which no ready row lies any more. The
// next renewal stores them: who takes a sink over does not walk over what was
// there.
func (s *Store) raiseLows(ctx context.Context) error {
	type reading struct{ read, low int64 }
	passed := make(map[string]reading)
	s.leases.mu.Lock()
	for sink, held := range s.leases.held {
		if held.read > held.low {
			passed[sink] = reading{held.read, held.low}
		}
	}
	s.leases.mu.Unlock()
	for sink, r := range passed {
		var first int64
		if err := s.row(ctx, sqlFirstReady, []any{sink, r.low}, &first); err != nil {
			return fmt.Errorf("look for the first that is ready: %w", err)
		}
		low := r.read
		if first > 0 {
			low = first
		}
		s.leases.mu.Lock()
		if held := s.leases.held[sink]; held != nil {
			held.low = max(held.low, low)
		}
		s.leases.mu.Unlock()
	}
	return nil
}

// rebalance chooses what to let go: one of too many, and what this relay cannot
// reach for a while, if another wants it.
func (s *Store) rebalance(ctx context.Context) error {
	s.leases.mu.Lock()
	now := s.opts.Boot()
	contested, relays := s.leases.contested(now, s.opts.LeaseTime)
	var mine []string
	for sink, held := range s.leases.held {
		if contested[sink] && !held.leaving {
			mine = append(mine, sink)
		}
	}
	s.leases.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	paused, err := relay.Pauses(ctx, s)
	if err != nil {
		return err
	}
	var kept, leaving []string
	s.leases.mu.Lock()
	for _, sink := range mine {
		held := s.leases.held[sink]
		if held == nil {
			continue
		}
		kept = append(kept, sink)
		if _, out := paused[sink]; out && now-held.taken >= s.opts.PausedLeaseTime {
			leaving = append(leaving, sink)
		}
	}
	if len(leaving) == 0 && len(kept) > share(len(contested), relays) {
		leaving = append(leaving, s.leases.youngest(kept))
	}
	for _, sink := range leaving {
		s.leases.held[sink].leaving = true
		s.leases.row(sink).abstainUntil = now + s.opts.LeaseTime/3
	}
	s.leases.mu.Unlock()
	if len(leaving) > 0 {
		s.log().Info("these sinks are left to another relay", "sinks", leaving)
		s.Turned(leaving...)
	}
	return nil
}

// youngest is the lease that was taken last: what has run for long runs on. The
// lock is held.
func (l *leases) youngest(sinks []string) string {
	return slices.MaxFunc(sinks, func(a, b string) int { return cmp.Compare(l.held[a].taken, l.held[b].taken) })
}

// letGo clears the leases that are being left and have nothing in flight.
func (s *Store) letGo(ctx context.Context) error {
	var names []string
	var epochs []int64
	s.leases.mu.Lock()
	for sink, held := range s.leases.held {
		if held.leaving && s.flying.count(sink) == 0 {
			names, epochs = append(names, sink), append(epochs, held.epoch)
		}
	}
	s.leases.mu.Unlock()
	return s.clearLeases(ctx, names, epochs)
}

// clearLeases gives leases back, so that another relay takes them at once.
func (s *Store) clearLeases(ctx context.Context, names []string, epochs []int64) error {
	if len(names) == 0 {
		return nil
	}
	for i, sink := range names {
		s.lose(sink, epochs[i], "")
	}
	err := s.on(ctx, s.vital, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sqlClear, s.id, names, epochs)
		return err
	})
	if err != nil {
		return fmt.Errorf("give leases back: %w", err)
	}
	return nil
}

// leave gives everything back and says goodbye.
func (s *Store) leave(ctx context.Context) error {
	var names []string
	var epochs []int64
	s.leases.mu.Lock()
	for sink, held := range s.leases.held {
		names, epochs = append(names, sink), append(epochs, held.epoch)
	}
	s.leases.mu.Unlock()
	if err := s.clearLeases(ctx, names, epochs); err != nil {
		return err
	}
	return s.exec(ctx, sqlPut, []byte(peerOwner), []byte(s.id), []byte(nil), int64(0))
}
