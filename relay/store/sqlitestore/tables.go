package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// tables answers what the order of handing out asks, as [store.Tables] says.
type tables struct{ *Store }

var _ store.Tables = tables{}

// read runs f on a reader connection. Damage is the store's end: the order of
// handing out cannot do without the delivery table.
func (s *Store) read(ctx context.Context, f func(*db) error) error {
	err := s.readers.read(ctx, f)
	if natureOf(err) == damaged {
		err = s.explainRead(err)
		s.fail(err)
	}
	return err
}

// explainRead names the remedy where there is one.
func (s *Store) explainRead(err error) error {
	if natureOf(err) == damaged {
		return &DamagedError{Dir: s.opts.Dir, Err: err}
	}
	return err
}

func (t tables) Ready(ctx context.Context, sink string, after int64, limit int) (rows []store.Row, err error) {
	err = t.read(ctx, func(d *db) error {
		return d.query(sqlReady, func(st *sqlite3.Stmt) bool {
			rows = append(rows, store.Row{Seq: relay.Seq(st.ColumnInt64(0)), Pos: st.ColumnInt64(1), Key: st.ColumnText(2)})
			return true
		}, sink, after, limit)
	})
	return rows, err
}

func (t tables) Held(ctx context.Context, sink, key string, after, upto int64, limit int) (rows []store.Row, more bool, err error) {
	err = t.read(ctx, func(d *db) error {
		rows, more, err = d.held(sink, key, after, upto, limit)
		return err
	})
	return rows, more, err
}

func (d *db) held(sink, key string, after, upto int64, limit int) (rows []store.Row, more bool, err error) {
	err = d.query(sqlHeld, func(st *sqlite3.Stmt) bool {
		row := store.Row{Seq: relay.Seq(st.ColumnInt64(0)), Pos: st.ColumnInt64(1), Key: key}
		if more = len(rows) == limit || row.Pos > upto; more {
			return false
		}
		rows = append(rows, row)
		return true
	}, sink, key, after, limit+1)
	return rows, more, err
}

func (t tables) Waiting(ctx context.Context, sink, key string) (found bool, err error) {
	err = t.read(ctx, func(d *db) error {
		_, found, err = d.get(sqlWaitingKey, sink, key)
		return err
	})
	return found, err
}

func (t tables) Due(ctx context.Context, sink string, now time.Time, limit int, skip func(store.Row) bool) (rows []store.Row, next time.Time, err error) {
	err = t.read(ctx, func(d *db) error {
		return d.query(sqlDue, func(st *sqlite3.Stmt) bool {
			row := store.Row{Seq: relay.Seq(st.ColumnInt64(0)), Pos: st.ColumnInt64(1), Key: st.ColumnText(2)}
			if skip != nil && skip(row) {
				return true
			}
			if due := st.ColumnInt64(3); due > store.Nanos(now) || len(rows) == limit {
				next = store.FromNanos(due)
				return false
			}
			rows = append(rows, row)
			return true
		}, sink)
	})
	return rows, next, err
}

func (t tables) Blocked(ctx context.Context, sink, after string, limit, perKey int) (keys []store.Blocked, done bool, err error) {
	err = t.read(ctx, func(d *db) error {
		for len(keys) < limit {
			key, found, err := d.nextKey(sink, after)
			if err != nil || !found {
				done = err == nil
				return err
			}
			b := store.Blocked{Key: key}
			if b.Held, _, err = d.held(sink, key, 0, 1<<62, perKey); err != nil {
				return err
			}
			if _, b.Waiting, err = d.get(sqlWaitingKey, sink, key); err != nil {
				return err
			}
			keys = append(keys, b)
			after = key
		}
		return nil
	})
	return keys, done, err
}

func (d *db) nextKey(sink, after string) (key string, found bool, err error) {
	err = d.query(sqlNextKey, func(st *sqlite3.Stmt) bool {
		key, found = st.ColumnText(0), true
		return false
	}, sink, after)
	return key, found, err
}

func (t tables) First(ctx context.Context, sink string) (pos int64, ok bool, err error) {
	err = t.read(ctx, func(d *db) error {
		for _, q := range [...]statement{sqlFirstReady, sqlFirstHeld, sqlFirstWaiting} {
			p, found, err := d.get(q, sink)
			if err != nil {
				return err
			}
			if found && (!ok || p < pos) {
				pos, ok = p, true
			}
		}
		return nil
	})
	return pos, ok, err
}

func (t tables) Sink(_ context.Context, sink string) (paused bool, turn int64, err error) {
	t.sinks.mu.Lock()
	defer t.sinks.mu.Unlock()
	if st := t.sinks.byName[sink]; st != nil {
		return st.paused, st.turn, nil
	}
	return false, 0, nil
}

func (t tables) Load(ctx context.Context, sink string, rows []store.Row, maxBytes int) ([]store.Loaded, error) {
	l := loading{loaded: make([]store.Loaded, 0, len(rows)), maxBytes: maxBytes}
	for _, row := range rows {
		d := t.recent.load(sink, row)
		if d == nil || !l.add(store.Loaded{Row: row, Delivery: d}) {
			break
		}
	}
	rest := rows[len(l.loaded):]
	if len(rest) == 0 || l.full {
		return l.loaded, nil
	}
	err := t.read(ctx, func(d *db) error {
		for _, row := range rest {
			one := store.Loaded{Row: row, Delivery: t.recent.load(sink, row)}
			if one.Delivery == nil {
				var err error
				if one, err = t.load(d, sink, row); err != nil {
					return err
				}
			}
			if !l.add(one) {
				return nil
			}
		}
		return nil
	})
	return l.loaded, err
}

// loading is an answer in the making.
type loading struct {
	loaded          []store.Loaded
	bytes, maxBytes int
	full            bool
}

// add takes one more; false says that its body would be too much.
func (l *loading) add(one store.Loaded) bool {
	if one.Delivery != nil {
		l.bytes += len(one.Delivery.Event.Raw)
		if l.full = l.bytes > l.maxBytes && len(l.loaded) > 0; l.full {
			return false
		}
	}
	l.loaded = append(l.loaded, one)
	return true
}

// load reads one delivery, and its event unless it was read lately. Where the
// event cannot be read, the delivery row alone tells whether there is something
// to give up.
func (t tables) load(d *db, sink string, row store.Row) (l store.Loaded, err error) {
	if ev := t.readBack.get(row.Seq); ev != nil {
		l.Row = row
		err = d.query(sqlDelivery, func(st *sqlite3.Stmt) bool {
			d := scanDelivery(st, 0)
			l.Delivery = d.Delivery(ev, row)
			return false
		}, int64(row.Seq), sink, row.Pos)
		return l, err
	}
	l, err = d.load(sink, row)
	if err == nil && l.Delivery != nil {
		t.readBack.put(l.Delivery.Event)
	}
	return l, err
}

func (d *db) load(sink string, row store.Row) (l store.Loaded, err error) {
	l.Row = row
	err = d.query(sqlLoad, func(st *sqlite3.Stmt) bool {
		if st.ColumnType(0) == sqlite3.NULL {
			l.Damaged = fmt.Errorf("event %d is missing", row.Seq)
			return false
		}
		event, problem := scanEvent(st, true)
		if problem != nil {
			l.Damaged = problem
			return false
		}
		d := scanDelivery(st, eventColumnCount)
		l.Delivery = d.Delivery(event, row)
		return false
	}, int64(row.Seq), sink, row.Pos)
	if natureOf(err) != damaged {
		return l, err
	}
	cause, found := err, false
	err = d.query(sqlDelivery, func(*sqlite3.Stmt) bool { found = true; return false }, int64(row.Seq), sink, row.Pos)
	l.Delivery = nil
	if found {
		l.Damaged = fmt.Errorf("event %d cannot be read: %w", row.Seq, cause)
	}
	return l, err
}
