package sqlitestore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"botrelay/relay"
)

// A backup made under load is one moment of the store: it opens, passes the
// integrity check, and has everything acknowledged before it began.
func TestBackupUnderLoad(t *testing.T) {
	s, _ := open(t, Options{Dir: t.TempDir()})
	before := sized(1000, 100)
	for i := range before {
		mustAppend(t, s, event(i, fmt.Sprint(i)), "a")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := before; ctx.Err() == nil; i++ {
			ev := event(i, fmt.Sprint(i))
			if _, err := s.Append(context.Background(), ev, targets(ev, "a")...); err != nil {
				t.Error(err)
				return
			}
			if i == before+20 {
				close(started)
			}
		}
	})
	<-started
	folder := filepath.Join(t.TempDir(), "new", "backup")
	c, err := s.Backup(t.Context(), folder)
	cancel()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if c.Events < before+20 || c.Bytes < int64(before)*1000 || c.AsOf.IsZero() {
		t.Errorf("%+v", c)
	}
	if _, err := s.Backup(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "name a new folder") {
		t.Errorf("over another backup: %v", err)
	}
	names, err := os.ReadDir(filepath.Dir(folder))
	if err != nil || len(names) != 1 {
		t.Errorf("left beside the backup: %v, %v", names, err)
	}

	restored, _ := open(t, Options{Dir: folder})
	n := 0
	if err := drain(t, restored, "a", func(*relay.Delivery) { n++ }); err != nil || n != c.Events {
		t.Errorf("%d of %d events delivered from the backup: %v", n, c.Events, err)
	}
}

func TestBackupNeedsRoom(t *testing.T) {
	parent := t.TempDir()
	s, _ := open(t, Options{Dir: t.TempDir(), Disk: func(dir string) (free, total int64, err error) {
		if dir == parent {
			return 100 << 20, 100 << 30, nil
		}
		return 1 << 40, 1 << 40, nil
	}})
	_, err := s.Backup(t.Context(), filepath.Join(parent, "backup"))
	want := "backup needs 2.0 GiB, " + parent + " has 100.0 MiB (choose another disk)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestSalvageRefusesAStoreInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	if _, err := Salvage(t.Context(), dir, filepath.Join(t.TempDir(), "saved"), Options{}); err == nil || !strings.Contains(err.Error(), "is in use by another relay") {
		t.Errorf("%v", err)
	}
}

// What salvage saves of a sound store is all of it.
func TestSalvageOfASoundStore(t *testing.T) {
	dir, events := filled(t, 50)
	s, stop := open(t, Options{Dir: dir})
	if err := s.Put(t.Context(), "owner", "key", []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Pause(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "saved")
	found, err := Salvage(t.Context(), dir, into, Options{Logger: quiet()})
	if err != nil || found.Events != len(events) || found.Damaged != 0 || found.Unrouted != 0 || len(found.Notes) > 0 || !found.From.IsZero() {
		t.Errorf("%+v, %v", found, err)
	}
	s, _ = open(t, Options{Dir: into})
	if value, err := s.Get(t.Context(), "owner", "key"); err != nil || string(value) != "value" {
		t.Errorf("%q, %v", value, err)
	}
	sinks, err := s.Sinks(t.Context())
	if err != nil || len(sinks) != 1 || !sinks[0].Paused || sinks[0].Pending != len(events) {
		t.Errorf("%+v, %v", sinks, err)
	}
}
