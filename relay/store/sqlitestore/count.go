package sqlitestore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// countFrom fixes the moment from which commits are counted as they come, and
// returns what counts everything before it. That is one read transaction, begun
// here and ended there; it runs beside the writer, once.
func (s *Store) countFrom(ctx context.Context) (count func() error, err error) {
	d, err := openDB(s.access(2<<10, true))
	if err != nil {
		return nil, fmt.Errorf("count what is stored: %w", err)
	}
	// A transaction sees what is there at its first read, not at its BEGIN.
	if err = d.exec(sqlBeginRead); err == nil {
		_, _, err = d.get(sqlReadNext)
	}
	if err != nil {
		_ = d.close() // the first error says what is wrong
		return nil, fmt.Errorf("count what is stored: %w", err)
	}
	d.SetInterrupt(ctx)
	return func() error {
		found, err := d.countAll()
		d.SetInterrupt(context.Background())
		if end := d.close(); err == nil {
			err = end
		}
		if err != nil {
			return fmt.Errorf("count what is stored: %w", err)
		}
		s.addCounts(found)
		return nil
	}, nil
}

// countAll reads the partial indexes, which hold what is not final.
func (d *db) countAll() (map[string]*sinkState, error) {
	found := make(map[string]*sinkState)
	var last *sinkState
	at := func(st *sqlite3.Stmt) *sinkState {
		name := st.ColumnRawText(0)
		if last != nil && string(name) == last.name {
			return last
		}
		if last = found[string(name)]; last == nil {
			last = newSinkState(string(name))
			found[last.name] = last
		}
		return last
	}
	for _, q := range [...]statement{sqlAllReady, sqlAllHeld, sqlAllWaiting} {
		err := d.query(q, func(st *sqlite3.Stmt) bool {
			to := pending
			if q == sqlAllWaiting {
				to = classOf(store.StateWaiting, st.ColumnInt(3))
			}
			at(st).count(relay.Seq(st.ColumnInt64(1)), uncounted, to)
			return true
		}, "")
		if err != nil {
			return nil, err
		}
	}
	err := d.query(sqlAllDead, func(st *sqlite3.Stmt) bool {
		at(st).counts[dead] = st.ColumnInt(1)
		return true
	}, "")
	return found, err
}

// addCounts puts what was there at the start to what has changed since.
func (s *Store) addCounts(found map[string]*sinkState) {
	s.sinks.mu.Lock()
	defer s.sinks.mu.Unlock()
	for name, f := range found {
		sink := s.sinks.byName[name]
		if sink == nil {
			continue // every sink with a delivery has its row
		}
		for class, n := range f.counts {
			sink.counts[class] += n
		}
		for place, n := range f.open {
			if sink.open[place] += n; sink.open[place] == 0 {
				delete(sink.open, place)
			}
		}
	}
	close(s.sinks.counted)
}

// Sinks returns what waits for each sink the store has seen, in order of
// name. Once, soon after the start, it waits until everything has been counted.
func (s *Store) Sinks(ctx context.Context) ([]relay.Backlog, error) {
	select {
	case <-s.sinks.counted:
	case <-s.failed:
		return nil, s.Ready()
	case <-ctx.Done():
		return nil, fmt.Errorf("count deliveries: %w", context.Cause(ctx))
	}
	backlogs, oldest := s.sinks.backlogs()
	for i := range backlogs {
		if oldest[i] < 0 {
			continue
		}
		err := s.readers.read(ctx, func(d *db) error {
			from := oldest[i] * span
			received, found, err := d.get(sqlOldestOpen, backlogs[i].Sink, from, from+span-1)
			if found {
				backlogs[i].Oldest = store.FromNanos(received)
			}
			return err
		})
		if err != nil && natureOf(err) != damaged { // when it came is not worth the store
			return nil, fmt.Errorf("look for the oldest delivery: %w", err)
		}
	}
	return backlogs, nil
}

// backlogs copies the counts; oldest is the place of the oldest unfinished
// delivery of each, -1 where there is none.
func (t *sinkTable) backlogs() (list []relay.Backlog, oldest []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		s := t.byName[name]
		list = append(list, relay.Backlog{
			Sink: name, Pending: s.counts[pending], Retrying: s.counts[retrying], Dead: s.counts[dead],
			LastOK: store.FromNanos(s.lastOK), Paused: s.paused,
		})
		place := int64(-1)
		for p := range s.open {
			if place < 0 || p < place {
				place = p
			}
		}
		oldest = append(oldest, place)
	}
	return list, oldest
}
