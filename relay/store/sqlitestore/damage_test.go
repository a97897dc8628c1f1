package sqlitestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

// filled returns the folder of a closed store with n undelivered events.
func filled(t *testing.T, n int) (dir string, events map[string]*relay.Event) {
	t.Helper()
	dir, events = quickDir(t), make(map[string]*relay.Event)
	s, stop := open(t, Options{Dir: dir})
	for i := range n {
		ev := event(i, fmt.Sprintf("bot-%d", i))
		mustAppend(t, s, ev, "a")
		events[ev.ID] = ev
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return dir, events
}

// drain claims and settles what a sink has, until there is nothing or the store
// ends, and shows each delivery to see.
func drain(t *testing.T, s *Store, sink string, see func(*relay.Delivery)) error {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for round := 0; ; round++ {
		ds, err := s.Claim(done, sink, 100)
		if err != nil || len(ds) == 0 {
			return err
		}
		if round > 1000 {
			t.Fatalf("handed out for ever: %d deliveries, of which %+v", len(ds), ds[0])
		}
		for _, d := range ds {
			see(d)
		}
		if err := s.Settle(t.Context(), settled(ds, relay.Delivered)...); err != nil {
			return err
		}
	}
}

// sameEvent says how two events differ. Bodies are compared apart: byte by byte
// cmp takes its time.
func sameEvent(a, b *relay.Event) string {
	if !bytes.Equal(a.Raw, b.Raw) {
		return fmt.Sprintf("body %q, want %q", b.Raw, a.Raw)
	}
	left, right := *a, *b
	left.Raw, right.Raw = nil, nil
	return cmp.Diff(left, right, cmp.AllowUnexported(relay.Optional{}))
}

func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(quickDir(t), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func flipBit(t *testing.T, path string, rng *rand.Rand) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[rng.IntN(len(content))] ^= 1 << rng.IntN(8)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever bit flips, no altered event is handed out.
func TestBitFlipsAreNeverDelivered(t *testing.T) {
	dir, events := filled(t, 60)
	rng := rand.New(rand.NewPCG(3, 4))
	ended, deadLetters := 0, 0
	for range sized(300, 15) {
		folder := copyFolder(t, dir)
		flipBit(t, filepath.Join(folder, databaseFile), rng)
		s, err := Open(t.Context(), Options{Dir: folder, Logger: quiet()})
		if err != nil {
			ended++
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		err = drain(t, s, "a", func(d *relay.Delivery) {
			if want := events[d.Event.ID]; want == nil {
				t.Errorf("an event that never was: %s", d.Event.ID)
			} else if diff := sameEvent(want, d.Event); diff != "" {
				t.Errorf("an altered event: %s", diff)
			}
		})
		if err == nil {
			if sinks, err := s.Sinks(t.Context()); err == nil {
				for _, b := range sinks {
					deadLetters += b.Dead
				}
			}
		}
		cancel()
		if end := <-ran; err != nil || end != nil {
			ended++
		}
		_ = s.Close() // a damaged store may say so once more
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d stores ended, %d dead letters", ended, deadLetters)
	if deadLetters == 0 {
		t.Error("no flip hit an event: the test sees nothing")
	}
}

// A bit that flips in the log costs the commits behind it and alters nothing.
func TestBitFlipInTheLog(t *testing.T) {
	dir := t.TempDir()
	s, cancel, ran := running(t, Options{Dir: dir})
	events := make(map[string]*relay.Event)
	for i := range 60 {
		ev := event(i, fmt.Sprint(i))
		mustAppend(t, s, ev, "a")
		events[ev.ID] = ev
	}
	folders := make([]string, sized(60, 6))
	for i := range folders {
		folders[i] = copyFolder(t, dir) // as a kill would leave it
	}
	cancel()
	if err := errors.Join(<-ran, s.Close()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, folder := range folders {
		flipBit(t, filepath.Join(folder, databaseFile+"-wal"), rng)
		s, stop := open(t, Options{Dir: folder})
		n := 0
		err := drain(t, s, "a", func(d *relay.Delivery) {
			if diff := sameEvent(events[d.Event.ID], d.Event); diff != "" {
				t.Errorf("an altered event: %s", diff)
			}
			n++
		})
		if err != nil || n > 60 {
			t.Errorf("%d delivered, %v", n, err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

// spoilEvents overwrites some leaf pages of the event table, which it knows by
// their content: pages of kind 13 (a leaf of a table) that hold a body.
func spoilEvents(t *testing.T, dir string, every int) (spoiled int) {
	t.Helper()
	path := filepath.Join(dir, databaseFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	leaves := 0
	for at := pageBytes; at < len(content); at += pageBytes {
		page := content[at : at+pageBytes]
		if page[0] != 13 || !strings.Contains(string(page), "in_call_recording") {
			continue
		}
		if leaves++; leaves%every == 1 {
			for i := range page {
				page[i] = 0xff
			}
			spoiled++
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return spoiled
}

// Events on a page that cannot be read become dead letters, the others are
// delivered; salvage saves the same.
func TestSpoiledPages(t *testing.T) {
	dir, events := filled(t, 200)
	if spoilEvents(t, dir, 5) == 0 {
		t.Fatal("found no page to spoil")
	}
	into := filepath.Join(t.TempDir(), "saved")
	found, err := Salvage(t.Context(), dir, into, Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if found.Damaged == 0 || found.Events == 0 || found.Events+found.Damaged != len(events) || found.Unrouted != 0 {
		t.Errorf("%+v of %d", found, len(events))
	}

	s, _ := open(t, Options{Dir: dir})
	delivered := 0
	if err := drain(t, s, "a", func(d *relay.Delivery) {
		delivered++
		if diff := sameEvent(events[d.Event.ID], d.Event); diff != "" {
			t.Error(diff)
		}
	}); err != nil {
		t.Fatalf("%v: %+v", err, errors.Unwrap(err))
	}
	sinks, err := s.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if delivered != found.Events || sinks[0].Dead != found.Damaged || sinks[0].Pending != 0 {
		t.Errorf("%d delivered, %+v; salvage found %d and lost %d", delivered, sinks[0], found.Events, found.Damaged)
	}
	page, err := s.Events(t.Context(), relay.Query{Limit: 1000})
	if err != nil || len(page.Items) != found.Events || page.Next != "" {
		t.Errorf("%d events are shown, %d can be read: %v", len(page.Items), found.Events, err)
	}

	saved, _ := open(t, Options{Dir: into})
	n := 0
	if err := drain(t, saved, "a", func(d *relay.Delivery) {
		n++
		if diff := sameEvent(events[d.Event.ID], d.Event); diff != "" {
			t.Error(diff)
		}
	}); err != nil || n != found.Events {
		t.Errorf("%d of %d delivered from the salvaged store: %v", n, found.Events, err)
	}
	if r := mustAppend(t, saved, event(1000, "z"), "a"); r.Seq <= 200 {
		t.Errorf("a new event got the number %d", r.Seq)
	}
}

// Where the store cannot do without what is damaged, it ends with the remedy.
func TestDamageUnderTheWriterEndsTheStore(t *testing.T) {
	dir, _ := filled(t, 200)
	path := filepath.Join(dir, databaseFile)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := pageBytes; at < len(content); at += pageBytes {
		if content[at] == 10 && strings.Contains(string(content[at:at+pageBytes]), "recallmsg_") { // a leaf of the index of ids
			content[at] = 0xff
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, cancel, ran := running(t, Options{Dir: dir})
	defer cancel()
	ev := event(5000, "x")
	_, err = s.Append(t.Context(), ev, targets(ev, "a")...)
	if err == nil {
		t.Error("an event was acknowledged over damaged pages")
	}
	end := <-ran
	want := dir + " is damaged; run: botrelay backup --salvage FOLDER, then put FOLDER where store points"
	if end == nil || !strings.HasPrefix(end.Error(), want) || !errors.Is(end, sqlite3.CORRUPT) {
		t.Errorf("%v: %v", end, errors.Unwrap(end))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
