package sqlitestore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A new store's names are on stable storage before anything is acknowledged:
// each folder that was made in the one above it, the files in theirs. The names
// do not pass the file system of SQLite, so the system calls are looked at.
func TestNamesOfANewStoreAreSynced(t *testing.T) {
	if dir := os.Getenv("STORE_DIR"); dir != "" {
		s, stop := open(t, Options{Dir: dir})
		mustAppend(t, s, event(0, "a"), "a")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace here")
	}
	top := t.TempDir()
	trace := filepath.Join(top, "trace")
	cmd := exec.Command(strace, "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", trace,
		os.Args[0], "-test.run", "^TestNamesOfANewStoreAreSynced$", "-test.count", "1")
	dir := filepath.Join(top, "deep", "data")
	cmd.Env = append(os.Environ(), "STORE_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("this machine lets nobody trace: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := strings.LastIndex(string(calls), databaseFile+"-wal>)")
	for _, folder := range []string{top, filepath.Dir(dir), dir} {
		if at := strings.Index(string(calls), "<"+folder+">)"); at < 0 || at > acknowledged {
			t.Errorf("%s was not synced before the event was acknowledged:\n%s", folder, calls)
		}
	}
}
