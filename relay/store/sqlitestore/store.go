package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Store is the embedded store. Its methods may be called concurrently, from
// Open to Close; what writes waits for Run.
type Store struct {
	*store.Handout // Claim and Settle

	opts      Options
	lock      *os.File
	vfs       *mount
	writer    *writer
	readers   *readers
	queue     *queue
	sinks     sinkTable
	age       store.Age
	clocks    sync.Mutex  // held while the clocks are compared
	parted    atomic.Bool // due times are to be looked at for that
	recent    recent
	readBack  readBack
	full      atomic.Bool // new events are refused for want of room
	room      atomic.Pointer[Usage]
	running   atomic.Bool
	closeOnce sync.Once

	failMu  sync.Mutex
	failure error
	failed  chan struct{} // closed with the first failure
}

var (
	_ relay.Log   = (*Store)(nil)
	_ relay.Queue = (*Store)(nil)
)

// Open opens the store in opts.Dir, creating it if there is none. A store that
// another process holds, a newer format, a folder that is not writable and a
// damaged database are refused with a line that says what to do; nothing has
// been changed then. The store does nothing by itself before Run.
func Open(ctx context.Context, opts Options) (_ *Store, err error) {
	opts = opts.withDefaults()
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	opts.Dir = dir
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	s := &Store{
		opts: opts, queue: newQueue(), failed: make(chan struct{}),
		sinks: sinkTable{byName: make(map[string]*sinkState), counted: make(chan struct{})},
	}
	s.Handout = store.NewHandout(tables{s}, opts.Clock)
	if s.lock, err = lockFolder(dir); err != nil {
		return nil, err
	}
	s.vfs = mountVFS(opts.VFS)
	s.readers = newReaders(func() (*db, error) { return openDB(s.access(2<<10, true)) })
	if err := s.openWriter(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Store) access(cacheKiB int, readOnly bool) access {
	return access{
		path: filepath.Join(s.opts.Dir, databaseFile), vfs: s.vfs.name,
		synchronous: s.opts.synchronous, cacheKiB: cacheKiB, readOnly: readOnly,
	}
}

func (s *Store) openWriter(ctx context.Context) error {
	// The driver creates the shared memory for everybody to read.
	shm, err := os.OpenFile(filepath.Join(s.opts.Dir, databaseFile+"-shm"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return explainAccess(s.opts.Dir, err)
	}
	if err := shm.Close(); err != nil {
		return explainAccess(s.opts.Dir, err)
	}
	d, err := openDB(s.access(16<<10, false))
	if err != nil {
		return s.explainOpen(err)
	}
	s.writer = &writer{db: d, store: s, fresh: make(map[string]*sinkState), timers: make(map[string]int64), log: walState{limit: truncateFrames}}
	if err := s.prepareWriter(ctx); err != nil {
		_, _ = d.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true) // a refused store stays as it is
		_ = d.close()                                            // the first error says what is wrong
		return s.explainOpen(err)
	}
	return nil
}

// explainOpen names the remedy where there is one.
func (s *Store) explainOpen(err error) error {
	err = s.vfs.explain(err)
	switch {
	case natureOf(err) == damaged:
		return &DamagedError{Dir: s.opts.Dir, Err: err}
	case notWritable(err), errors.Is(err, sqlite3.READONLY):
		return explainAccess(s.opts.Dir, err)
	case natureOf(err) == full:
		return fmt.Errorf("open store %s: %w (make room on the disk)", s.opts.Dir, err)
	}
	return fmt.Errorf("open store %s: %w", s.opts.Dir, err)
}

// prepareWriter brings the file to the present format and reads what the store
// keeps in memory.
func (s *Store) prepareWriter(ctx context.Context) error {
	w := s.writer
	from, err := w.migrate(s.opts.Version)
	if err != nil {
		return err
	}
	if from != Format {
		if err := syncFolder(s.opts.Dir); err != nil {
			return err
		}
		if from > 0 {
			s.log().Info("store brought to a newer format", "from", from, "to", Format)
		}
	}
	w.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		w.log.frames = pages
		return nil
	})
	if w.next, _, err = w.get(sqlReadNext); err != nil {
		return err
	}
	w.saved = w.next
	seen, _, err := w.get(sqlSeenAny)
	if err != nil {
		return err
	}
	w.seen = seen != 0
	if err := s.readSinks(w.db); err != nil {
		return err
	}
	if err := w.measure(s.opts.Clock.Now()); err != nil {
		return err
	}
	w.tell()
	return ctx.Err()
}

func (s *Store) readSinks(d *db) error {
	return d.query(sqlSinks, func(st *sqlite3.Stmt) bool {
		sink := newSinkState(st.ColumnText(0))
		sink.paused, sink.turn, sink.lastOK = st.ColumnInt64(1) != 0, st.ColumnInt64(2), st.ColumnInt64(3)
		s.sinks.byName[sink.name] = sink
		return true
	})
}

func (s *Store) log() *slog.Logger { return s.opts.Logger }

// do hands a job to the writer and waits for its outcome. A job that waits for
// room waits until its ctx ends; then its outcome is unknown.
func (s *Store) do(j interface {
	job
	wait() error
}) error {
	if err := s.queue.put(j); err != nil {
		return err
	}
	return j.wait()
}

// fail ends Run with err, which a reader has met.
func (s *Store) fail(err error) {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	if s.failure == nil {
		s.failure = err
		close(s.failed)
	}
}

// failedWith is what Run has to end with, or nil.
func (s *Store) failedWith() error {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	return s.failure
}

// Ready returns nil while the store accepts events, and else why it does not.
func (s *Store) Ready() error {
	switch failure := s.failedWith(); {
	case failure != nil:
		return failure
	case !s.running.Load():
		return relay.ErrClosed
	case s.full.Load():
		return relay.ErrFull
	}
	return nil
}

// Close ends the store, after Run has returned: readers first, then what is
// left in the log goes into the database, then the folder is let go. After a
// failure nothing more is written.
func (s *Store) Close() (err error) {
	s.closeOnce.Do(func() {
		s.queue.close(relay.ErrClosed)
		s.writer.abandon(relay.ErrClosed)
		s.Turned()
		err = s.readers.close()
		if s.failedWith() != nil {
			_, _ = s.writer.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true) // what can be kept is in the log
		} else if end := s.writer.checkpointAll(); err == nil && natureOf(end) != full {
			err = end
		}
		if end := s.writer.close(); err == nil {
			err = end
		}
		s.release()
	})
	return err
}

func (s *Store) release() {
	s.vfs.unmount()
	_ = s.lock.Close() // nothing was written
}
