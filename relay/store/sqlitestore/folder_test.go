package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

func TestOneRelayHoldsTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	_, stop := open(t, Options{Dir: dir})
	_, err := Open(t.Context(), Options{Dir: dir, Logger: quiet()})
	if err == nil || err.Error() != dir+" is in use by another relay" {
		t.Errorf("second relay: %v", err)
	}
	if _, yes := errors.AsType[*InUseError](err); !yes {
		t.Errorf("%T", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Dir: dir})
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestNewerFormatIsRefusedAndUnchanged(t *testing.T) {
	dir := t.TempDir()
	s, stop := open(t, Options{Dir: dir})
	mustAppend(t, s, event(1, "a"), "a")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, s)
	if err := d.Exec(`PRAGMA user_version = 2`); err != nil {
		t.Fatal(err)
	}
	if err := d.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, databaseFile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{Dir: dir, Version: "1.4.2", Logger: quiet()})
	if want := "store has format 2, this is botrelay 1.4.2 with format 1 (use the newer version, or another folder)"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(before) != string(after) {
		t.Errorf("the newer store was changed: %v", err)
	}
}

func TestAnotherDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	a := access{path: filepath.Join(dir, databaseFile), vfs: "os", synchronous: "FULL", cacheKiB: 100}
	d, err := openDB(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Exec(`CREATE TABLE customers (name)`), d.close()); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{Dir: dir, Logger: quiet()})
	if err == nil || !strings.Contains(err.Error(), "is not a store of botrelay") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(a.path, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{Dir: dir, Logger: quiet()})
	if _, yes := errors.AsType[*DamagedError](err); !yes || !strings.Contains(err.Error(), dir+" is damaged; run: botrelay backup --salvage FOLDER, then put FOLDER where store points") {
		t.Errorf("%v", err)
	}
}

func TestFileInPlaceOfTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: path, Logger: quiet()}); err == nil {
		t.Error("opened a store in a file")
	}
}

// inNamespace runs one test of this package again as root of a mount namespace
// of its own, with a tmpfs mounted at a folder that it finds in the environment.
func inNamespace(t *testing.T, options, test string) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("there is no unshare here")
	}
	if err := exec.Command(unshare, "-rm", "mount", "-t", "tmpfs", "tmpfs", t.TempDir()).Run(); err != nil {
		t.Skipf("this machine gives no mount namespace: %v", err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf(`mount -t tmpfs -o %s tmpfs "$STORE_DIR" && exec "$0" -test.run '^%s$' -test.v -test.count 1`, options, test)
	cmd := exec.Command(unshare, "-rm", "sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNotWritable(t *testing.T) {
	dir := os.Getenv("STORE_DIR")
	if dir == "" {
		inNamespace(t, "ro", "TestNotWritable")
		return
	}
	want := fmt.Sprintf("%s is not writable by uid %d (chown %d it, or use a named volume)", dir, os.Getuid(), os.Getuid())
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil || !strings.HasPrefix(err.Error(), want) || !errors.Is(err, fs.ErrPermission) && !notWritable(err) {
		t.Errorf("%v\nwant %s", err, want)
	}
	below := filepath.Join(dir, "data")
	if _, err := Open(t.Context(), Options{Dir: below}); err == nil || !strings.HasPrefix(err.Error(), below+" is not writable by uid") {
		t.Errorf("%v", err)
	}
}

// On a real disk that is full the store refuses, goes on delivering, and takes
// events again once there is room, without a restart.
func TestRealDiskFull(t *testing.T) {
	dir := os.Getenv("STORE_DIR")
	if dir == "" {
		inNamespace(t, "size=24m", "TestRealDiskFull")
		return
	}
	// The floor would keep the store away from the end of so small a disk.
	s, _ := open(t, Options{Dir: filepath.Join(dir, "data"), Disk: func(string) (int64, int64, error) { return 1 << 40, 1 << 20, nil }})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; n < 1e6; n++ {
		ev := event(n, fmt.Sprint(n))
		if _, err := s.Append(t.Context(), ev, targets(ev, "a")...); errors.Is(err, relay.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("full after %d events", n)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); s.Ready() != nil; {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("not ready 10 s after there was room: %v", s.Ready())
		}
		<-time.After(20 * time.Millisecond)
	}
	mustAppend(t, s, event(n, "x"), "a")
	for left := n + 1; left > 0; {
		ds, err := s.Claim(t.Context(), "a", 256)
		if err == nil {
			err = s.Settle(t.Context(), settled(ds, relay.Delivered)...)
		}
		if err != nil {
			t.Fatal(err)
		}
		left -= len(ds)
	}
}
