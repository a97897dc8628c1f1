package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
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
