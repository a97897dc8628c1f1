package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

// Damage that only the counting at the start meets ends the store, with its
// last line, and nobody waits for the counts.
func TestDamageUnderTheCountEndsTheStore(t *testing.T) {
	dir := quickDir(t)
	s, stop := open(t, Options{Dir: dir})
	const n = 40
	for i := range n {
		mustAppend(t, s, event(i, fmt.Sprint(i)), "a")
	}
	ds, err := s.Claim(t.Context(), "a", n)
	if err == nil {
		err = s.Settle(t.Context(), settled(ds, relay.Dead)...)
	}
	if err := errors.Join(err, stop()); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, s)
	root, err := d.number(`SELECT rootpage FROM sqlite_schema WHERE name = 'delivery_dead'`)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, databaseFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[(root-1)*pageBytes] = 0xff
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}

	s, cancel, ran := running(t, Options{Dir: dir})
	defer cancel()
	_, err = s.Sinks(t.Context())
	for _, err := range []error{err, <-ran} {
		if _, yes := errors.AsType[*DamagedError](err); !yes {
			t.Errorf("%v, want damage", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A store that has failed commits nothing more of what waits.
func TestAFailureComesBeforeWhatWaits(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	applied := false
	j := &work{asker: newAsker(t.Context()), size: 1, change: func(*writer) error { applied = true; return nil }}
	if err := s.queue.put(j); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	s.fail(boom)
	for _, err := range []error{s.Run(t.Context()), <-j.told} {
		if !errors.Is(err, boom) {
			t.Errorf("%v, want %v", err, boom)
		}
	}
	if applied {
		t.Error("the writer went on after a failure")
	}
}

// Whoever reads a closed store is told so, at once.
func TestReadAfterClose(t *testing.T) {
	s, stop := open(t, Options{Dir: quickDir(t)})
	mustAppend(t, s, event(0, "a"), "a")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 * readerLimit {
		if _, err := s.Get(context.Background(), "x", "y"); !errors.Is(err, relay.ErrClosed) {
			t.Fatalf("%v, want %v", err, relay.ErrClosed)
		}
	}
}

// A transaction that cannot be undone is the store's end, although what went
// wrong first was only a want of room.
func TestAnUndoThatFailsIsNotWantOfRoom(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := s.writer
	if err := w.transact(func() error { return sqlite3.FULL }); natureOf(err) != full {
		t.Fatalf("undone: %v", err)
	}
	if w.prepared[sqlRollback], _, err = w.Prepare(`SELECT abs(-9223372036854775808)`); err != nil {
		t.Fatal(err)
	}
	if err := w.transact(func() error { return sqlite3.FULL }); natureOf(err) != broken || !errors.Is(err, sqlite3.FULL) {
		t.Errorf("not undone: %v", err)
	}
	if err := w.Exec(`ROLLBACK`); err != nil {
		t.Error(err)
	}
}

// What nobody waits for any more is not done, and on a full disk not kept.
func TestWhatNobodyWaitsForIsNotDone(t *testing.T) {
	v := newLogVFS(false)
	s, err := Open(t.Context(), Options{Dir: quickDir(t), VFS: v, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(ctx context.Context, key string) *work {
		return &work{asker: newAsker(ctx), size: 1, change: func(w *writer) error {
			return w.exec(sqlMemoryPut, "test", key, []byte("value"), int64(0))
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	patient, impatient := put(t.Context(), "patient"), put(ctx, "impatient")
	group := []job{patient, impatient}
	look := func() {
		t.Helper()
		s.writer.waiting = nil
		if err := s.writer.run(group); err != nil {
			t.Fatal(err)
		}
		group = s.writer.waiting
	}
	v.setFault(failNth(written, "", 0, syscall.ENOSPC))
	if look(); len(group) != 2 {
		t.Fatalf("%d of 2 wait for room", len(group))
	}
	cancel()
	if look(); len(group) != 1 || !errors.Is(<-impatient.told, context.Canceled) {
		t.Fatalf("%d jobs are kept, one of them is nobody's", len(group))
	}
	v.setFault(nil)
	if look(); len(group) != 0 || <-patient.told != nil {
		t.Errorf("%d wait where there is room", len(group))
	}
	if n, err := s.writer.number(`SELECT count(*) FROM memory`); err != nil || n != 1 {
		t.Errorf("%d values are stored, one of them for nobody; %v", n, err)
	}
}

// What a caller does with its slices after it has stopped waiting changes
// nothing of what it had asked for.
func TestWhatIsKeptIsACopy(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := []relay.Settlement{{Note: "mine"}}
	if _, err := (tables{s}).Commit(ctx, "a", done, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	done[0].Note = "another's"
	jobs := s.queue.take(nil, 0)
	if got := jobs[0].(*commitJob).done[0].Note; got != "mine" {
		t.Errorf("the writer would record %q", got)
	}
}

// A value is not forgotten by a clock that has jumped since the writer looked.
func TestAJumpForgetsNothingBeforeTheNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &jumpClock{}
		began := time.Now()
		s, _ := open(t, Options{Dir: quickDir(t), Clock: clock, Boot: func() time.Duration { return time.Since(began) }})
		s.ClockProved()
		if err := s.Put(t.Context(), "test", "key", []byte("value"), time.Hour); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		clock.off.Store(int64(30 * 24 * time.Hour))
		if got, err := s.Get(t.Context(), "test", "key"); err != nil || got == nil {
			t.Errorf("forgotten by a clock that has just jumped: %v", err)
		}
	})
}
