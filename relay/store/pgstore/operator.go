package pgstore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"botrelay/relay"
	"botrelay/relay/store"
)

const (
	sqlRequeue    = `CALL botrelay.requeue($1, $2, $3, $4, $5, NULL)`
	sqlDrop       = `CALL botrelay.drop($1, $2, $3, $4, NULL)`
	sqlPause      = `CALL botrelay.pause($1, $2)`
	sqlMove       = `CALL botrelay.move($1, $2, $3, $4, $5, $6, NULL)`
	sqlNumber     = `SELECT last_value FROM botrelay.number`
	sqlUnfinished = `SELECT seq, pos FROM (
			SELECT seq, pos FROM botrelay.delivery WHERE sink = $1 AND pos <= $2 AND` + whereReady + `
			UNION ALL SELECT seq, pos FROM botrelay.delivery WHERE sink = $1 AND pos <= $2 AND state = 1 AND` + whereBlocked + `
			UNION ALL SELECT seq, pos FROM botrelay.delivery WHERE sink = $1 AND pos <= $2 AND` + whereWaiting + `
		) d ORDER BY pos LIMIT $3`
)

// chunk is how many deliveries one commit of an operator changes; moveWindow
// how many references one look collects, so that a long backlog takes no more
// memory than a short one.
const (
	chunk      = 256
	moveWindow = 1 << 16
)

// Requeue is [relay.Operator]'s.
func (s *Store) Requeue(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	done, err := s.eachRef(ctx, refs, func(c *refColumns, now int64, answers *[]int32) error {
		return s.row(ctx, sqlRequeue, []any{c.sources, c.ids, c.sinks, c.routes, now}, answers)
	})
	if err != nil {
		return done, fmt.Errorf("requeue: %w", err)
	}
	return done, nil
}

// Drop is [relay.Operator]'s.
func (s *Store) Drop(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	done, err := s.eachRef(ctx, refs, func(c *refColumns, now int64, answers *[]int32) error {
		return s.row(ctx, sqlDrop, []any{c.sources, c.ids, c.sinks, now}, answers)
	})
	if err != nil {
		return done, fmt.Errorf("drop: %w", err)
	}
	return done, nil
}

// refColumns is some refs as the arrays that the procedures take.
type refColumns struct{ sources, ids, sinks, routes []string }

// eachRef changes refs, some of them in one commit, and collects what became of
// each.
func (s *Store) eachRef(ctx context.Context, refs []relay.Ref, change func(c *refColumns, now int64, answers *[]int32) error) (done []relay.Done, err error) {
	done = make([]relay.Done, 0, len(refs))
	for part := range slices.Chunk(refs, chunk) {
		var c refColumns
		for _, ref := range part {
			c.sources, c.ids = append(c.sources, ref.Source), append(c.ids, ref.ID)
			c.sinks, c.routes = append(c.sinks, ref.Sink), append(c.routes, ref.Route)
		}
		var answers []int32
		if err := change(&c, s.opts.Clock.Now().UnixNano(), &answers); err != nil {
			return done, err
		}
		if len(answers) != len(part) {
			return done, fmt.Errorf("%d answers for %d deliveries", len(answers), len(part))
		}
		for i, ref := range part {
			done = append(done, doneOf(ref, answers[i]))
		}
		s.changed(ctx, c.sinks)
	}
	return done, nil
}

// doneOf reads an answer of the procedures that people call.
func doneOf(ref relay.Ref, answer int32) relay.Done {
	d := relay.Done{Ref: ref}
	switch answer {
	case 0, 1:
		d.Changed = true
	case 2:
		d.Why = "there is no such event"
	case 3:
		d.Why = "it was not for this sink"
	default:
		d.Why = "it is " + store.State(answer-10).Public(0)
	}
	return d
}

// changed lets this relay see at once what it has changed by hand; others hear
// of it.
func (s *Store) changed(ctx context.Context, sinks []string) {
	_ = s.look(ctx, false) // the next one sees it
	for _, sink := range sinks {
		s.Appended(sink)
		s.Scheduled(sink, time.Time{})
	}
}

// Pause is [relay.Operator]'s.
func (s *Store) Pause(ctx context.Context, sink string, paused bool) error {
	if err := s.exec(ctx, sqlPause, sink, paused); err != nil {
		return fmt.Errorf("pause sink %s: %w", sink, err)
	}
	s.changed(ctx, []string{sink})
	return nil
}

// Move is [relay.Operator]'s. What comes in for from while it works is left.
func (s *Store) Move(ctx context.Context, from, to string) (moved int, err error) {
	if from == to {
		return 0, fmt.Errorf("move: %s is the same sink", to)
	}
	moved, err = s.endUnfinished(ctx, from, to, "moved to "+to)
	if err != nil {
		return moved, fmt.Errorf("move from %s to %s: %w", from, to, err)
	}
	return moved, nil
}

// Discard is [relay.Operator]'s.
func (s *Store) Discard(ctx context.Context, sink string) (discarded int, err error) {
	discarded, err = s.endUnfinished(ctx, sink, "", "discarded")
	if err != nil {
		return discarded, fmt.Errorf("discard what waits for %s: %w", sink, err)
	}
	return discarded, nil
}

// endUnfinished ends the unfinished deliveries of a sink that were stored before
// it began, the oldest first, and gives them to another unless to is empty.
func (s *Store) endUnfinished(ctx context.Context, from, to, note string) (ended int, err error) {
	upto := int64(math.MaxInt64)
	if err := s.row(ctx, sqlNumber, nil, &upto); err != nil {
		return 0, err
	}
	for {
		rows, err := s.unfinished(ctx, from, upto)
		if err != nil || len(rows) == 0 {
			return ended, err
		}
		for part := range slices.Chunk(rows, chunk) {
			now := s.opts.Clock.Now()
			seqs, poss := places(part)
			try := store.AppendTry(nil, relay.Attempt{Began: now, Note: note})
			var n int
			if err := s.row(ctx, sqlMove, []any{from, to, seqs, poss, now.UnixNano(), try}, &n); err != nil {
				return ended, err
			}
			ended += n
		}
		s.changed(ctx, slices.DeleteFunc([]string{from, to}, func(sink string) bool { return sink == "" }))
	}
}

// unfinished returns the unfinished rows of a sink with places up to upto, the
// oldest of them, in order.
func (s *Store) unfinished(ctx context.Context, sink string, upto int64) (rows []store.Row, err error) {
	err = s.ask(ctx, sqlUnfinished, []any{sink, upto, moveWindow}, func(r pgx.Rows) error {
		var row store.Row
		err := r.Scan(&row.Seq, &row.Pos)
		rows = append(rows, row)
		return err
	})
	return rows, err
}
