package pgstore

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"botrelay/relay"
	"botrelay/relay/store/storetest"
)

// Whatever draws a number, or adds, revives or removes rows, waits for the lock
// of numbers; nothing else does, so that accepting holds no delivery up.
func TestWhoWaitsForTheLockOfNumbers(t *testing.T) {
	t.Parallel()
	s, url, clock := aged(t, 4)
	mustAppend(t, s, event(100, "a"), "lake")
	mustAppend(t, s, event(101, "b"), "lake")
	inFlight := claimNow(t, s, "lake", 1)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, c := range lockCalls(s, clock, inFlight) {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), `SELECT botrelay.lock_numbers()`); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.call(ctx) }()
		patience := 5 * time.Second
		if c.waits {
			patience = 200 * time.Millisecond
		}
		select {
		case err := <-ended:
			if c.waits || err != nil {
				t.Errorf("%s did not wait for the lock, or failed: %v", c.name, err)
			}
			ended <- nil
		case <-time.After(patience):
			if !c.waits {
				t.Errorf("%s waits for the lock", c.name)
			}
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("%s, after the lock was free: %v", c.name, err)
		}
		cancel()
	}
}

// lockCall is something that waits for the lock or not.
type lockCall struct {
	name  string
	waits bool
	call  func(ctx context.Context) error
}

func lockCalls(s *Store, clock *storetest.Clock, inFlight []*relay.Delivery) []lockCall {
	ref := relay.Ref{Source: "recall", ID: "msg_00000001", Sink: "lake"}
	return []lockCall{
		{"append", true, func(ctx context.Context) error {
			_, err := s.Append(ctx, event(200, "c"), targets(event(200, "c"), "lake")...)
			return err
		}},
		{"requeue", true, func(ctx context.Context) error { _, err := s.Requeue(ctx, ref); return err }},
		{"move", true, func(ctx context.Context) error {
			return s.row(ctx, sqlMove, []any{"lake", "new", []int64{6}, []int64{6}, int64(1), []byte{1}}, new(int))
		}},
		{"retention", true, func(ctx context.Context) error {
			next, ended, removed := int64(0), false, 0
			args := []any{stepEvents, clock.Now().Add(-48 * time.Hour).UnixNano(), clock.Now().UnixNano(), int64(0), int64(0)}
			return s.row(ctx, sqlRetain, args, &next, &ended, &removed)
		}},
		{"settle", false, func(ctx context.Context) error { return s.Settle(ctx, settled(inFlight, relay.Delivered)...) }},
		{"claim", false, func(ctx context.Context) error { _, err := s.Claim(ctx, "lake", 1); return err }},
		{"drop", false, func(ctx context.Context) error {
			_, err := s.Drop(ctx, relay.Ref{Source: "recall", ID: "msg_00000101", Sink: "lake"})
			return err
		}},
		{"pause", false, func(ctx context.Context) error { return s.Pause(ctx, "bots", true) }},
		{"memory", false, func(ctx context.Context) error { return s.Put(ctx, "a", "b", []byte("c"), 0) }},
		{"look", false, func(ctx context.Context) error { return s.look(ctx, true) }},
	}
}
