package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay/store"
)

// Salvaged is what a salvage found.
type Salvaged struct {
	Copy
	// Damaged counts the events that were there and could not be read or did not
	// fit their hash; Unrouted those that are in the copy without their
	// deliveries, which could not be read.
	Damaged, Unrouted int
	// From and To are the times of receipt around the first and the last gap;
	// zero when nothing is missing.
	From, To time.Time
	// Notes says what else is missing, for a person.
	Notes []string
}

// Salvage reads the store in the folder from, which no relay may hold, event by
// event, and writes what can be read into a new store in the folder to, which
// must not exist. The damaged store stays as it is. Only Clock, Version, Logger
// and VFS of the options count.
func Salvage(ctx context.Context, from, to string, opts Options) (found Salvaged, err error) {
	opts.Dir = from
	opts = opts.withDefaults()
	if from, err = filepath.Abs(from); err != nil {
		return found, fmt.Errorf("salvage: %w", err)
	}
	if to, err = filepath.Abs(to); err != nil {
		return found, fmt.Errorf("salvage: %w", err)
	}
	lock, err := lockFolder(from)
	if err != nil {
		return found, fmt.Errorf("salvage: %w", err)
	}
	defer func() { _ = lock.Close() }() // nothing was written
	m := mountVFS(opts.VFS)
	defer m.unmount()
	source, err := openDB(access{path: filepath.Join(from, databaseFile), vfs: m.name, synchronous: "FULL", cacheKiB: 8 << 10, readOnly: true})
	if err != nil {
		return found, fmt.Errorf("salvage: %w", err)
	}
	// The log stays where it is: copying it back would write to damaged pages.
	_, err = source.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	if err == nil {
		r := &rescue{source: source, found: &found}
		err = intoNewFolder(to, func(partial string) error { return r.run(ctx, m.name, opts.Version, partial) })
	}
	if end := source.close(); err == nil {
		err = end
	}
	if err != nil {
		return Salvaged{}, fmt.Errorf("salvage %s into %s: %w", from, to, err)
	}
	found.AsOf = opts.Clock.Now()
	return found, nil
}

// rescue is one salvage under way.
type rescue struct {
	source *db
	copy   *db
	found  *Salvaged
	next   int64 // the next free number of the copy
	last   time.Time
	gap    bool // since the last event that could be read
}

func (r *rescue) run(ctx context.Context, vfsName, version, partial string) (err error) {
	path := filepath.Join(partial, databaseFile)
	if r.copy, err = openDB(access{path: path, vfs: vfsName, synchronous: "FULL", cacheKiB: 8 << 10}); err != nil {
		return err
	}
	if _, err = r.copy.migrate(version); err == nil {
		err = r.everything(ctx)
	}
	if end := r.copy.close(); err == nil {
		err = end
	}
	if err == nil {
		r.found.Bytes, err = syncFile(path)
	}
	return err
}

// salvageBatch is how many events one commit of a salvage takes.
const salvageBatch = 500

func (r *rescue) everything(ctx context.Context) error {
	if err := r.copy.exec(sqlBegin); err != nil {
		return err
	}
	if err := r.events(ctx); err != nil {
		return err
	}
	r.rest()
	if err := r.copy.exec(sqlWriteNext, r.next+1); err != nil {
		return err
	}
	return r.copy.exec(sqlCommit)
}

// events copies every event that can be read, lowest number first. Where a page
// cannot be read, it tries number by number.
func (r *rescue) events(ctx context.Context) error {
	last, err := r.lastSeq()
	if err != nil {
		return err
	}
	for seq := int64(1); seq <= last; {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, inner := seq-1, error(nil)
		err := r.source.query(sqlEventsFrom, func(st *sqlite3.Stmt) bool {
			at = st.ColumnInt64(0)
			inner = r.event(st)
			return inner == nil
		}, seq)
		switch {
		case inner != nil:
			return inner
		case err == nil:
			return nil
		case natureOf(err) != damaged:
			return err
		}
		if seq, err = r.over(ctx, at+1, last); err != nil {
			return err
		}
	}
	return nil
}

// over tries one number after the other until one can be read, and returns it.
// Looking for "the next above" would meet the damaged page again.
func (r *rescue) over(ctx context.Context, seq, last int64) (int64, error) {
	for ; seq <= last; seq++ {
		there := false
		err := r.source.query(sqlEventBySeq, func(*sqlite3.Stmt) bool { there = true; return false }, seq)
		switch {
		case err == nil && there:
			return seq, nil
		case err != nil && natureOf(err) != damaged:
			return 0, err
		case err != nil:
			r.missing()
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return last + 1, nil
}

func (r *rescue) missing() {
	r.found.Damaged++
	r.gap = true
	if r.found.From.IsZero() {
		r.found.From = r.last
	}
}

// event copies one event with its deliveries.
func (r *rescue) event(st *sqlite3.Stmt) error {
	seq := st.ColumnInt64(0)
	ev, err := scanEvent(st, true)
	if err != nil {
		r.missing()
		return nil
	}
	r.last = ev.Received
	if r.gap {
		r.found.To, r.gap = ev.Received, false
	}
	row := store.ColumnsOf(ev)
	row.Key = st.ColumnText(4)
	copy(row.Sum[:], st.ColumnRawBlob(8))
	if err := r.copy.insertEvent(seq, ev, &row, ev.Raw, st.ColumnBlob(7, nil)); err != nil {
		return err
	}
	r.next = max(r.next, seq)
	r.found.Events++
	if err := r.deliveries(seq); err != nil {
		return err
	}
	if r.found.Events%salvageBatch != 0 {
		return nil
	}
	if err := r.copy.exec(sqlCommit); err != nil {
		return err
	}
	return r.copy.exec(sqlBegin)
}

func (r *rescue) deliveries(seq int64) error {
	var rows []deliveryRow
	err := r.source.query(sqlEventStates, func(st *sqlite3.Stmt) bool {
		rows = append(rows, scanDelivery(st, 0))
		return true
	}, seq)
	if natureOf(err) == damaged {
		r.found.Unrouted++
		return nil
	}
	for _, d := range rows {
		if err == nil {
			err = r.copy.exec(sqlCopyDelivery, seq, d.Sink, d.Pos, d.Key, d.Route, d.State, d.Due, d.Attempts, d.Waited, d.First, d.Ended, d.OutOfOrder, d.Replay, d.tries)
		}
		if err == nil {
			err = r.copy.exec(sqlAddSink, d.Sink)
		}
		r.next = max(r.next, d.Pos)
	}
	return err
}

// lastSeq is the highest number that an event may have.
func (r *rescue) lastSeq() (int64, error) {
	next, found, err := r.source.get(sqlReadNext)
	if err == nil && found {
		r.next = next - 1
		return next, nil
	}
	highest, _, err2 := r.source.get(sqlHighestSeq)
	if err2 != nil {
		return 0, fmt.Errorf("neither the numbers nor the last event can be read: %w", errors.Join(err, err2))
	}
	return highest + 1, nil
}

// rest copies what is not about one event, as far as it can be read.
func (r *rescue) rest() {
	r.table("what the relay remembers (mutes, open messages)", sqlMemoryAll, func(st *sqlite3.Stmt) error {
		return r.copy.exec(sqlMemoryPut, st.ColumnText(0), st.ColumnText(1), st.ColumnBlob(2, []byte{}), st.ColumnInt64(3))
	})
	r.table("the ids of removed events", sqlSeenAll, func(st *sqlite3.Stmt) error {
		return r.copy.exec(sqlInsertSeen, st.ColumnText(0), st.ColumnText(1), st.ColumnBlob(2, nil), st.ColumnInt64(3))
	})
	r.table("which sinks are paused by hand", sqlSinks, func(st *sqlite3.Stmt) error {
		name := st.ColumnText(0)
		return errors.Join(r.copy.exec(sqlAddSink, name), r.copy.exec(sqlSinkPaused, name, st.ColumnBool(1)), r.copy.exec(sqlSinkLastOK, name, st.ColumnInt64(3)))
	})
}

func (r *rescue) table(what string, all statement, row func(*sqlite3.Stmt) error) {
	var inner error
	err := r.source.query(all, func(st *sqlite3.Stmt) bool {
		inner = row(st)
		return inner == nil
	})
	if err := errors.Join(err, inner); err != nil {
		r.found.Notes = append(r.found.Notes, fmt.Sprintf("%s: not all of it could be read (%v)", what, err))
	}
}
