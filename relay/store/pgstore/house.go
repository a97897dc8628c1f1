package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"botrelay/relay"
)

const (
	// stepEvents is how many events one commit of retention looks at.
	stepEvents = 200
	// passEvery is how long after the end of a pass the next one begins.
	passEvery = time.Hour
	// idsKept is how long the id of an event is known, whatever else is kept.
	idsKept = 7 * 24 * time.Hour
	// idleLook is how often the clocks are looked at when there is nothing to do.
	idleLook = 10 * time.Second
	// measureEvery is how often the store is measured.
	measureEvery = time.Minute

	dayLength = 24 * time.Hour
)

const (
	sqlRetain = `CALL botrelay.retain($1, $2, $3, $4, $5, NULL, NULL)`
	sqlExpire = `CALL botrelay.expire($1, $2, NULL)`
)

// house is what is done beside accepting and delivering. Its fields belong to
// whoever holds the lock, which is Run's goroutine or a test.
type house struct {
	mu       sync.Mutex
	next     time.Time // when age is looked at again
	measured time.Time
	woken    chan struct{} // holds a token when it shall be looked after now
}

// wake lets the house be looked after now.
func (h *house) wake() {
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// keepHouse removes what has had its time, until ctx ends. What does not
// succeed is tried again at the next look.
func (s *Store) keepHouse(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.tidy(ctx); err != nil && !errors.Is(err, relay.ErrUnavailable) && ctx.Err() == nil {
			s.log().Error("what has had its time could not be removed", "store", s.place, "err", err)
		}
		timer, stop := s.opts.Clock.NewTimer(idleLook)
		select {
		case <-timer:
		case <-s.house.woken:
		case <-ctx.Done():
		}
		stop()
	}
}

// tidy looks at the clocks, and makes one pass when it is time for it.
func (s *Store) tidy(ctx context.Context) error {
	s.house.mu.Lock()
	defer s.house.mu.Unlock()
	now := s.opts.Clock.Now()
	first, parted := s.age.Look(now, s.opts.running())
	if parted {
		s.log().Warn("the clock has jumped: nothing is removed for its age until a request proves it", "now", now)
	}
	if first || parted {
		s.unclamp()
	}
	if now.Sub(s.house.measured).Abs() >= measureEvery {
		if err := s.measure(ctx); err != nil {
			return err
		}
		s.house.measured = now
	}
	if !s.age.Believed() || now.Before(s.house.next) {
		return nil
	}
	if err := s.expire(ctx, now); err != nil {
		return err
	}
	if err := s.retain(ctx, now); err != nil {
		return err
	}
	s.house.next = now.Add(passEvery)
	return nil
}

// unclamp has the due times looked at again.
func (s *Store) unclamp() {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	for _, held := range s.leases.held {
		held.unclamped = true
	}
}

// expire forgets what Memory need not keep, and ids of more than seven days.
func (s *Store) expire(ctx context.Context, now time.Time) error {
	before := now.Add(-idsKept).UnixNano() / int64(dayLength)
	for removed := 1; removed > 0; {
		if err := s.row(ctx, sqlExpire, []any{now.UnixNano(), int32(before)}, &removed); err != nil {
			return fmt.Errorf("forget: %w", err)
		}
	}
	return nil
}

// retain makes one pass through the events, oldest first, in steps; between
// them it rests as long as each has taken, since accepting waits for it.
func (s *Store) retain(ctx context.Context, now time.Time) error {
	events, dead, ids := now.Add(-s.opts.RetentionEvents), now.Add(-s.opts.RetentionDead), now.Add(-idsKept)
	after, ended, removed := int64(0), false, 0
	for !ended && ctx.Err() == nil && s.age.Believed() {
		began := time.Now()
		args := []any{stepEvents, events.UnixNano(), dead.UnixNano(), ids.UnixNano(), after}
		if err := s.row(ctx, sqlRetain, args, &after, &ended, &removed); err != nil {
			return fmt.Errorf("remove what has had its time: %w", err)
		}
		if removed == 0 {
			continue
		}
		rest := time.NewTimer(time.Since(began))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
		}
	}
	return ctx.Err()
}
