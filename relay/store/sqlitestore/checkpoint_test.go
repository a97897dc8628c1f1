package sqlitestore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// While something reads for long, a backup say, the log grows and commits do
// not wait for it; afterwards it shrinks again.
func TestALongReaderDelaysNoCommit(t *testing.T) {
	dir := quickDir(t)
	s, err := Open(t.Context(), Options{Dir: dir, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	s.writer.log.limit = 500
	stop := run(t, s)
	mustAppend(t, s, event(0, "a"), "a")

	reader, err := openDB(s.access(100, true))
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.exec(sqlBeginRead); err != nil {
		t.Fatal(err)
	}
	if err := reader.query(sqlSinks, func(*sqlite3.Stmt) bool { return true }); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, databaseFile+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	began := time.Now()
	n := sized(400, 150)
	for i := range n {
		mustAppend(t, s, event(1+i, fmt.Sprint(i)), "a", "b", "c")
	}
	if took := time.Since(began); took > busyTimeout {
		t.Errorf("%d commits took %v beside a reader", n, took)
	}
	grown := size()
	if grown < 500*frameBytes {
		t.Fatalf("the log has %d bytes: it was never over its limit", grown)
	}
	if err := reader.exec(sqlRollback); err != nil {
		t.Fatal(err)
	}
	if err := reader.close(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, event(5000, "y"), "a")
	mustAppend(t, s, event(5001, "z"), "a") // the log is looked at between the two
	if size() >= grown {
		t.Errorf("the log has kept its %d bytes after the reader was gone", grown)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// Readers that overlap without end leave no moment at which the log could
// shrink: one is made, and the log stays near its limit.
func TestTheLogIsBoundedUnderOverlappingReaders(t *testing.T) {
	dir := quickDir(t)
	s, err := Open(t.Context(), Options{Dir: dir, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 300
	s.writer.log.limit = limit
	run(t, s)
	mustAppend(t, s, event(0, "a"), "a")
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range readerLimit - 1 {
		readers.Go(func() {
			for ctx.Err() == nil {
				err := s.readers.read(ctx, func(d *db) error {
					_, _, err := d.get(sqlReadNext)
					<-time.After(3 * time.Millisecond)
					return err
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	peak := int64(0)
	for i := range sized(600, 200) {
		mustAppend(t, s, event(1+i, fmt.Sprint(i)), "a", "b", "c")
		info, err := os.Stat(filepath.Join(dir, databaseFile+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		peak = max(peak, info.Size())
	}
	cancel()
	readers.Wait()
	// On a busy machine the readers may not end in time once: then the next try
	// comes 1,000 frames later. Without a moment of its own it had over 5,000.
	if frames := peak / frameBytes; frames < limit || frames > 2*limit+1000 {
		t.Errorf("the log had %d frames with a limit of %d", frames, limit)
	}
}
