package sqlitestore

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay/store/storetest"
)

// member is one opening of the store under test.
type member struct {
	*Store
	cancel context.CancelFunc
	ran    chan error
}

// Close ends Run and closes the store.
func (m *member) Close() error {
	m.cancel()
	if err := <-m.ran; err != nil {
		return err
	}
	return m.Store.Close()
}

// harness holds one folder for the contract suite, in a synctest bubble.
type harness struct {
	t    *testing.T
	dir  string
	open *member
}

func newHarness(t *testing.T) *storetest.Harness {
	h := &harness{t: t, dir: filepath.Join(quickDir(t), "0")}
	events, dead := 2*24*time.Hour, 5*24*time.Hour
	return &storetest.Harness{
		Open: func() storetest.Store {
			s, err := Open(context.Background(), Options{Dir: h.dir, RetentionEvents: events, RetentionDead: dead, Logger: quiet(), Boot: monotonicClock()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			h.open = &member{Store: s, cancel: cancel, ran: make(chan error, 1)}
			go func(m *member) { m.ran <- s.Run(ctx) }(h.open)
			return h.open
		},
		Crash:           h.crash,
		Advance:         func(d time.Duration) { time.Sleep(d); synctest.Wait() },
		Now:             time.Now,
		Prove:           func() { h.open.ClockProved() },
		RetentionEvents: events, RetentionDead: dead,
		Damage: h.damage,
	}
}

// crash copies what lies on the disk, as a kill would leave it, and goes on
// with the copy.
func (h *harness) crash() {
	next := h.dir + "+"
	copyStore(h.t, h.dir, next)
	if err := h.open.Close(); err != nil {
		h.t.Error(err)
	}
	h.dir = next
}

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Setup{
		New:    newHarness,
		Around: func(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) },
	})
}

// damage changes the body of an event behind the store's back.
func (h *harness) damage(source, id string) {
	h.open.recent.clear()
	h.open.readBack.clear()
	a := access{path: filepath.Join(h.dir, databaseFile), vfs: "os", synchronous: "FULL", cacheKiB: 100}
	d, err := openDB(a)
	if err != nil {
		h.t.Fatal(err)
	}
	st, _, err := d.Prepare(`UPDATE event SET raw = CAST(coalesce(raw, '') || 'x' AS BLOB) WHERE source = ? AND id = ?`)
	if err == nil {
		if err = bind(st, source, id); err == nil {
			err = st.Exec()
		}
		_ = st.Close()
	}
	if end := d.close(); err == nil {
		err = end
	}
	if err != nil {
		h.t.Fatal(err)
	}
}
