package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

// workload appends and settles until it has acknowledged n events, each noted
// in the log when Append has returned.
func workload(t *testing.T, v *logVFS, synchronous string, n int) {
	t.Helper()
	s, stop := open(t, Options{Dir: t.TempDir(), VFS: v, synchronous: synchronous})
	var wg sync.WaitGroup
	const producers = 4
	for p := range producers {
		wg.Go(func() {
			for i := p; i < n; i += producers {
				ev := event(i, fmt.Sprintf("bot-%d", i%7))
				if _, err := s.Append(context.Background(), ev, targets(ev, "a", "b")...); err != nil {
					t.Error(err)
					return
				}
				v.note(deed{kind: acknowledged, ack: ev.ID})
			}
		})
	}
	wg.Go(func() {
		for left := n; left > 0; {
			ds, err := s.Claim(context.Background(), "a", 8)
			if err == nil {
				err = s.Settle(context.Background(), settled(ds, relay.Delivered)...)
			}
			if err != nil {
				t.Error(err)
				return
			}
			for _, d := range ds {
				v.note(deed{kind: acknowledged, ack: "delivered " + d.Event.ID})
			}
			left -= len(ds)
		}
	})
	wg.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// lossesAt replays the log, cuts the power at random points and counts how many
// of them lost something acknowledged or left a database that is damaged. d and
// acks are what lay on the disk and was acknowledged before.
func lossesAt(t *testing.T, d *disk, acks []string, deeds []deed, cuts int, rng *rand.Rand) (lost, damaged int) {
	t.Helper()
	at := make(map[int]bool)
	for range cuts {
		at[rng.IntN(len(deeds))] = true
	}
	for i, x := range deeds {
		if at[i] {
			folder := filepath.Join(quickDir(t), "cut")
			d.cut(t, rng, folder)
			l, b := lookAfterCut(t, folder, acks)
			if l > 0 {
				lost++
			}
			if b {
				damaged++
			}
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
		}
		if x.kind == acknowledged {
			acks = append(acks, x.ack)
		}
		d.do(x)
	}
	return lost, damaged
}

// lookAfterCut opens what a cut has left and counts what is missing of what was
// acknowledged.
func lookAfterCut(t *testing.T, folder string, acks []string) (lost int, damaged bool) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: folder, Logger: quiet()})
	if err != nil {
		t.Logf("after a cut: %v", err)
		return 0, true
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = s.writer.query(sqlIntegrity, func(st *sqlite3.Stmt) bool {
		damaged = st.ColumnText(0) != "ok"
		return false
	})
	if err != nil || damaged {
		t.Logf("after a cut: integrity: %v", err)
		return 0, true
	}
	for _, ack := range acks {
		var n int
		if _, err := fmt.Sscanf(ack, "msg_%d", &n); err == nil {
			ev, states, err := s.Event(t.Context(), "recall", ack)
			if err != nil || ev == nil || !bytes.Equal(ev.Raw, event(n, fmt.Sprintf("bot-%d", n%7)).Raw) || len(states) != 2 {
				lost++
			}
			continue
		}
		var id string
		if _, err := fmt.Sscanf(ack, "delivered %s", &id); err != nil {
			t.Fatal(err)
		}
		_, states, err := s.Event(t.Context(), "recall", id)
		if err != nil || len(states) != 2 || states[0].State != relay.StateDelivered {
			lost++
		}
	}
	return lost, false
}

func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	events, cuts := sized(400, 40), sized(400, 40)
	v := newLogVFS(true)
	workload(t, v, "FULL", events)
	checkpoints := 0
	for _, d := range v.deeds {
		if d.kind == synced && d.file == databaseFile {
			checkpoints++
		}
	}
	if checkpoints == 0 {
		t.Fatal("the log was never copied back: the cuts would not meet a checkpoint")
	}
	lost, damaged := lossesAt(t, newDisk(), nil, v.deeds, cuts, rand.New(rand.NewPCG(1, 2)))
	if lost > 0 || damaged > 0 {
		t.Errorf("%d cuts at %d deeds: %d lost something acknowledged, %d left a damaged store", cuts, len(v.deeds), lost, damaged)
	}
}

// The test above must be able to see a missing sync.
func TestPowerCutSeesAMissingSync(t *testing.T) {
	v := newLogVFS(true)
	workload(t, v, "NORMAL", sized(200, 40))
	lost, _ := lossesAt(t, newDisk(), nil, v.deeds, sized(60, 20), rand.New(rand.NewPCG(1, 2)))
	if lost == 0 {
		t.Error("without a sync at commit no cut lost anything: this harness sees nothing")
	}
}

// What is acknowledged on top of what a cut has left is there after another.
func TestPowerCutAfterAPowerCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	v := newLogVFS(true)
	const before = 60
	workload(t, v, "FULL", before)
	for range sized(10, 3) {
		first := newDisk()
		var acks []string
		for _, x := range v.deeds[:len(v.deeds)/4+rng.IntN(len(v.deeds)/2)] {
			if first.do(x); x.kind == acknowledged {
				acks = append(acks, x.ack)
			}
		}
		folder := filepath.Join(quickDir(t), "cut")
		first.cut(t, rng, folder)
		left := newDisk()
		for name := range first.files {
			content, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			left.files[name] = content
		}

		v2 := newLogVFS(true)
		s, stop := open(t, Options{Dir: folder, VFS: v2})
		for i := range sized(40, 10) {
			ev := event(before+i, fmt.Sprintf("bot-%d", (before+i)%7))
			mustAppend(t, s, ev, "a", "b")
			v2.note(deed{kind: acknowledged, ack: ev.ID})
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if lost, damaged := lossesAt(t, left, acks, v2.deeds, sized(20, 5), rng); lost > 0 || damaged > 0 {
			t.Errorf("%d second cuts lost something acknowledged, %d left a damaged store", lost, damaged)
		}
	}
}
