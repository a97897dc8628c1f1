package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"botrelay/relay"
	"botrelay/relay/store"
)

// tables answers what the order of handing out asks, as [store.Tables] says. It
// waits for the database.
type tables struct{ *Store }

var _ store.Tables = tables{}

// The conditions of the partial indexes, word for word: a statement that says
// the same in other words reads the whole table.
const (
	whereReady   = ` state = 0 `
	whereBlocked = ` state IN (1, 2) AND key <> '' AND NOT out_of_order `
	whereWaiting = ` state = 2 `
	whereDead    = ` state = 4 `
	whereTrouble = ` trouble <> '' `

	eventColumns    = ` e.seq, e.source, e.id, e.received, e.key, e.fields, e.raw, e.sum, e.trouble `
	deliveryColumns = ` d.sink, d.pos, d.key, d.route, d.state, d.due, d.attempts, d.waited, d.first, d.ended, d.out_of_order, d.replay, d.tries `
)

const (
	sqlReady = `SELECT seq, pos, key FROM botrelay.delivery WHERE sink = $1 AND pos > $2 AND` + whereReady + `ORDER BY pos LIMIT $3`
	sqlHeld  = `SELECT seq, pos FROM botrelay.delivery
		WHERE sink = $1 AND key = $2 AND state = 1 AND pos > $3 AND` + whereBlocked + `ORDER BY pos LIMIT $4`
	// Of the held and the waiting those that wait; "state = 2" would also let the
	// index of due times be walked, whatever the key.
	sqlWaitingKey = `SELECT EXISTS (SELECT FROM botrelay.delivery WHERE sink = $1 AND key = $2 AND state > 1 AND` + whereBlocked + `)`
	sqlDue        = `SELECT seq, pos, key, due FROM botrelay.delivery
		WHERE sink = $1 AND (due, pos) > ($2, $3) AND` + whereWaiting + `ORDER BY due, pos LIMIT $4`
	// From key to key in the index, whatever the number of their rows.
	sqlBlocked = `WITH RECURSIVE k AS (
			(SELECT key FROM botrelay.delivery WHERE sink = $1 AND key > $2 AND` + whereBlocked + `ORDER BY key LIMIT 1)
			UNION ALL
			SELECT (SELECT d.key FROM botrelay.delivery d WHERE d.sink = $1 AND d.key > k.key
				AND d.state IN (1, 2) AND d.key <> '' AND NOT d.out_of_order ORDER BY d.key LIMIT 1)
			FROM k WHERE k.key IS NOT NULL
		)
		SELECT k.key,
			EXISTS (SELECT FROM botrelay.delivery d WHERE d.sink = $1 AND d.key = k.key AND d.state > 1 AND d.state IN (1, 2) AND d.key <> '' AND NOT d.out_of_order),
			ARRAY(SELECT d.seq FROM botrelay.delivery d WHERE d.sink = $1 AND d.key = k.key AND d.state = 1 AND d.state IN (1, 2) AND d.key <> '' AND NOT d.out_of_order ORDER BY d.pos LIMIT $4),
			ARRAY(SELECT d.pos FROM botrelay.delivery d WHERE d.sink = $1 AND d.key = k.key AND d.state = 1 AND d.state IN (1, 2) AND d.key <> '' AND NOT d.out_of_order ORDER BY d.pos LIMIT $4)
		FROM k WHERE k.key IS NOT NULL LIMIT $3`
	sqlFirst = `SELECT min(pos) FROM (
			(SELECT pos FROM botrelay.delivery WHERE sink = $1 AND pos >= $2 AND` + whereReady + `ORDER BY pos LIMIT 1)
			UNION ALL (SELECT min(pos) FROM botrelay.delivery WHERE sink = $1 AND state = 1 AND` + whereBlocked + `)
			UNION ALL (SELECT min(pos) FROM botrelay.delivery WHERE sink = $1 AND` + whereWaiting + `)) f`
	// No row at all says that the lease is another's. LATERAL and LIMIT make it
	// look rows up one by one: without statistics, as after a burst into an empty
	// table, a plain join reads all of them for each.
	sqlLoad = `SELECT * FROM (
			SELECT r.ord,` + deliveryColumns + `,` + eventColumns + `,
				sum(coalesce(octet_length(e.raw), 0)) OVER (ORDER BY r.ord) AS bytes
			FROM unnest($4::bigint[], $5::bigint[]) WITH ORDINALITY r(seq, pos, ord)
			LEFT JOIN LATERAL (SELECT * FROM botrelay.delivery d
				WHERE d.seq = r.seq AND d.sink = $1 AND d.pos = r.pos AND d.state IN (0, 1, 2) LIMIT 1) d ON true
			LEFT JOIN LATERAL (SELECT * FROM botrelay.event e WHERE e.seq = d.seq LIMIT 1) e ON true
			WHERE EXISTS (SELECT FROM botrelay.sink s WHERE s.name = $1 AND s.owner = $2 AND s.epoch = $3)
		) l WHERE bytes <= $6 OR ord = 1 ORDER BY ord`
)

func (t tables) Ready(ctx context.Context, sink string, after int64, limit int) (rows []store.Row, err error) {
	held, leased := t.valid(sink)
	err = patiently(ctx, func(bool) error {
		rows = make([]store.Row, 0, 64)
		return t.ask(ctx, sqlReady, []any{sink, after, limit}, func(r pgx.Rows) error {
			var row store.Row
			err := r.Scan(&row.Seq, &row.Pos, &row.Key)
			rows = append(rows, row)
			return err
		})
	})
	if n := len(rows); err == nil && n > 0 && leased {
		t.readUpTo(sink, held.epoch, rows[n-1].Pos)
	}
	return rows, err
}

func (t tables) Held(ctx context.Context, sink, key string, after, upto int64, limit int) (rows []store.Row, more bool, err error) {
	err = patiently(ctx, func(bool) error {
		rows, more = nil, false
		return t.ask(ctx, sqlHeld, []any{sink, key, after, limit + 1}, func(r pgx.Rows) error {
			row := store.Row{Key: key}
			if err := r.Scan(&row.Seq, &row.Pos); err != nil {
				return err
			}
			if more = more || len(rows) == limit || row.Pos > upto; !more {
				rows = append(rows, row)
			}
			return nil
		})
	})
	return rows, more, err
}

func (t tables) Waiting(ctx context.Context, sink, key string) (found bool, err error) {
	err = patiently(ctx, func(bool) error { return t.row(ctx, sqlWaitingKey, []any{sink, key}, &found) })
	return found, err
}

// dueStep is how many waiting rows are read beside those asked for: some are in
// flight.
const dueStep = 64

func (t tables) Due(ctx context.Context, sink string, now time.Time, limit int, skip func(store.Row) bool) (rows []store.Row, next time.Time, err error) {
	lastDue, lastPos := int64(-1), int64(-1)
	for {
		read, over := 0, false
		wanted := limit - len(rows) + dueStep
		var part []store.Row
		var dues []int64
		err := patiently(ctx, func(bool) error {
			part, dues = part[:0], dues[:0]
			return t.ask(ctx, sqlDue, []any{sink, lastDue, lastPos, wanted}, func(r pgx.Rows) error {
				var row store.Row
				var due int64
				err := r.Scan(&row.Seq, &row.Pos, &row.Key, &due)
				part, dues = append(part, row), append(dues, due)
				return err
			})
		})
		if err != nil {
			return nil, time.Time{}, err
		}
		for i, row := range part {
			read++
			lastDue, lastPos = dues[i], row.Pos
			if skip != nil && skip(row) {
				continue
			}
			if over = dues[i] > store.Nanos(now) || len(rows) == limit; over {
				next = store.FromNanos(dues[i])
				break
			}
			rows = append(rows, row)
		}
		if over || read < wanted {
			return rows, next, nil
		}
	}
}

func (t tables) Blocked(ctx context.Context, sink, after string, limit, perKey int) (keys []store.Blocked, done bool, err error) {
	err = patiently(ctx, func(bool) error {
		keys = nil
		return t.ask(ctx, sqlBlocked, []any{sink, after, limit, perKey}, func(r pgx.Rows) error {
			var b store.Blocked
			var seqs, poss []int64
			if err := r.Scan(&b.Key, &b.Waiting, &seqs, &poss); err != nil {
				return err
			}
			for i, seq := range seqs {
				b.Held = append(b.Held, store.Row{Seq: relay.Seq(seq), Pos: poss[i], Key: b.Key})
			}
			keys = append(keys, b)
			return nil
		})
	})
	return keys, len(keys) < limit, err
}

func (t tables) First(ctx context.Context, sink string) (pos int64, ok bool, err error) {
	var first pgtype.Int8
	err = patiently(ctx, func(bool) error { return t.row(ctx, sqlFirst, []any{sink, t.lowOf(sink)}, &first) })
	return first.Int64, first.Valid, err
}

func (t tables) Sink(_ context.Context, sink string) (paused bool, turn int64, err error) {
	if t.closing.Err() != nil {
		return false, 0, relay.ErrClosed
	}
	t.valid(sink) // one that has run out is not ours
	paused, turn = t.leases.state(sink)
	return paused, turn, nil
}

func (t tables) Load(ctx context.Context, sink string, rows []store.Row, maxBytes int) (loaded []store.Loaded, err error) {
	held, leased := t.valid(sink)
	if leased {
		seqs, poss := places(rows)
		err = patiently(ctx, func(bool) error {
			loaded = make([]store.Loaded, 0, len(rows))
			args := []any{sink, t.id, held.epoch, seqs, poss, int64(maxBytes)}
			return t.ask(ctx, sqlLoad, args, func(r pgx.Rows) error {
				l, err := scanLoaded(r, rows, held.held)
				loaded = append(loaded, l)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	if len(loaded) > 0 || len(rows) == 0 {
		return loaded, nil
	}
	if leased {
		t.lose(sink, held.epoch, "another relay has taken it")
	}
	for _, row := range rows {
		loaded = append(loaded, store.Loaded{Row: row})
	}
	return loaded, nil
}

func places(rows []store.Row) (seqs, poss []int64) {
	seqs, poss = make([]int64, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		seqs[i], poss[i] = int64(row.Seq), row.Pos
	}
	return seqs, poss
}

// scanLoaded reads one row of sqlLoad.
func scanLoaded(r pgx.Rows, rows []store.Row, held context.Context) (l store.Loaded, err error) {
	var ord, bytes int64
	var d scannedDelivery
	var e scannedEvent
	targets := append([]any{&ord}, d.targets()...)
	targets = append(append(targets, e.targets()...), &bytes)
	if err := r.Scan(targets...); err != nil {
		return l, err
	}
	if ord < 1 || ord > int64(len(rows)) {
		return l, fmt.Errorf("row %d of %d", ord, len(rows))
	}
	l.Row = rows[ord-1]
	switch {
	case !d.sink.Valid: // gone, final, or elsewhere
		return l, nil
	case !e.seq.Valid:
		l.Damaged = errors.New("its event is missing")
		return l, nil
	}
	stored := e.stored()
	ev, problem := stored.Event(true)
	if problem != nil {
		l.Damaged = problem
		return l, nil
	}
	columns := d.columns()
	l.Delivery = columns.Delivery(ev, l.Row)
	l.Delivery.Lease = held
	return l, nil
}
