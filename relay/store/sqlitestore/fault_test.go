package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay"
)

// failNth lets n deeds of a kind on a file pass and fails those from there on.
func failNth(kind deedKind, suffix string, n int64, err error) func(deedKind, string) error {
	var seen atomic.Int64
	return func(k deedKind, file string) error {
		if k != kind || !strings.HasSuffix(file, suffix) || seen.Add(1) <= n {
			return nil
		}
		return &fs.PathError{Op: "write", Path: file, Err: err}
	}
}

// failOnly is failNth for one deed: those behind it pass.
func failOnly(kind deedKind, suffix string, n int64, err error) func(deedKind, string) error {
	fault := failNth(kind, suffix, n, err)
	var failed atomic.Bool
	return func(k deedKind, file string) error {
		if failed.Load() {
			return nil
		}
		err := fault(k, file)
		if err != nil {
			failed.Store(true)
		}
		return err
	}
}

// running opens a store whose Run may fail, and returns what Run returned.
func running(t *testing.T, opts Options) (*Store, context.CancelFunc, chan error) {
	t.Helper()
	opts.Logger = quiet()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	return s, cancel, ran
}

// A failed write or sync ends the store: what was acknowledged before is there
// afterwards, nothing is acknowledged after it, and nothing is tried again.
func TestDiskErrorEndsTheStore(t *testing.T) {
	for _, test := range []struct {
		name   string
		kind   deedKind
		suffix string
		after  int64
		events int
		fault  func(kind deedKind, suffix string, n int64, err error) func(deedKind, string) error
	}{
		{"log write", written, "-wal", 40, 200, failNth},
		{"log sync", synced, "-wal", 10, 200, failNth},
		{"one log sync", synced, "-wal", 10, 200, failOnly},
		{"database write", written, databaseFile, 3, 2000, failNth},
		{"database sync", synced, databaseFile, 0, 2000, failNth},
		{"one database sync", synced, databaseFile, 0, 2000, failOnly},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newLogVFS(false)
			dir := t.TempDir()
			s, cancel, ran := running(t, Options{Dir: dir, VFS: v})
			defer cancel()
			mustAppend(t, s, event(0, "a"), "a")
			v.setFault(test.fault(test.kind, test.suffix, test.after, syscall.EIO))
			acked := []string{"msg_00000000"}
			failures := 0
			for i := 1; i < test.events; i++ {
				ev := event(i, "a")
				if _, err := s.Append(t.Context(), ev, targets(ev, "a", "b", "c")...); err == nil {
					acked = append(acked, ev.ID)
					if failures > 0 {
						t.Fatalf("event %d was acknowledged after a failure", i)
					}
				} else if failures++; failures > 3 {
					break
				}
			}
			if failures == 0 {
				t.Fatal("nothing failed: the fault was not met")
			}
			err := <-ran
			if err == nil || !errors.Is(err, syscall.EIO) {
				t.Errorf("Run: %v", err)
			}
			if s.Ready() == nil {
				t.Error("still ready")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			s, _ = open(t, Options{Dir: dir})
			for _, id := range acked {
				if ev, _, err := s.Event(t.Context(), "recall", id); err != nil || ev == nil {
					t.Errorf("%s was acknowledged and is lost: %v", id, err)
				}
			}
		})
	}
}

// A full disk refuses what is new and keeps everything else waiting; when there
// is room again it goes on without a restart.
func TestDiskFullIsNoDiskError(t *testing.T) {
	for _, suffix := range []string{"-wal", ""} {
		t.Run("file*"+suffix, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newLogVFS(false)
				s, _ := open(t, Options{Dir: t.TempDir(), VFS: v})
				mustAppend(t, s, event(1, "a"), "a")
				ds, err := s.Claim(t.Context(), "a", 1)
				if err != nil {
					t.Fatal(err)
				}
				v.setFault(failNth(written, suffix, 0, syscall.ENOSPC))
				ev := event(2, "b")
				if _, err := s.Append(t.Context(), ev, targets(ev, "a")...); !errors.Is(err, relay.ErrFull) {
					t.Fatalf("append on a full disk: %v", err)
				}
				if err := s.Ready(); !errors.Is(err, relay.ErrFull) {
					t.Errorf("ready on a full disk: %v", err)
				}
				settled := settled(ds, relay.Delivered)
				done := make(chan error, 1)
				go func() { done <- s.Settle(t.Context(), settled...) }()
				time.Sleep(30 * time.Second)
				select {
				case err := <-done:
					t.Fatalf("a settlement did not wait for room: %v", err)
				default:
				}
				v.setFault(nil)
				time.Sleep(2 * time.Second)
				if err := <-done; err != nil {
					t.Errorf("settle: %v", err)
				}
				if err := s.Ready(); err != nil {
					t.Errorf("ready after there was room: %v", err)
				}
				mustAppend(t, s, event(2, "b"), "a")
			})
		})
	}
}

// With nothing waiting the store finds out by itself that there is room.
func TestRoomIsNoticedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newLogVFS(false)
		s, _ := open(t, Options{Dir: t.TempDir(), VFS: v})
		v.setFault(failNth(written, "", 0, syscall.EDQUOT))
		ev := event(2, "b")
		if _, err := s.Append(t.Context(), ev, targets(ev, "a")...); !errors.Is(err, relay.ErrFull) {
			t.Fatalf("append over the quota: %v", err)
		}
		time.Sleep(5 * time.Second)
		if !errors.Is(s.Ready(), relay.ErrFull) {
			t.Error("ready while the disk is full")
		}
		v.setFault(nil)
		time.Sleep(2 * time.Second)
		if err := s.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// What cannot be stored as it is, is kept raw; what came with it is not hurt.
func TestOneItemAtFaultHurtsNoOther(t *testing.T) {
	dir := t.TempDir()
	s, stop := open(t, Options{Dir: dir})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, s)
	if err := d.Exec(`CREATE TRIGGER poison BEFORE INSERT ON event WHEN NEW.id = 'msg_00000007' AND NEW.trouble = '' BEGIN SELECT RAISE(ABORT, 'poison'); END`); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, Options{Dir: dir})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			ev := event(i, fmt.Sprint(i))
			if _, err := s.Append(t.Context(), ev, targets(ev, "a")...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 20 {
		ev, states, err := s.Event(t.Context(), "recall", fmt.Sprintf("msg_%08d", i))
		if err != nil || ev == nil {
			t.Fatal(i, ev, err)
		}
		poisoned := i == 7
		if poisoned != (ev.Trouble != "") || poisoned != (len(states) == 0) || poisoned != (ev.Fields.Event == "") {
			t.Errorf("event %d: trouble %q, %d deliveries, fields %v", i, ev.Trouble, len(states), ev.Fields)
		}
		if string(ev.Raw) != string(event(i, fmt.Sprint(i)).Raw) {
			t.Errorf("event %d: another body", i)
		}
	}
}
