package pgstore

import (
	"context"
	"testing"
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

// harness holds one database for the contract suite. Its time stands still but
// for Advance; leases go by the machine's.
type harness struct {
	t     *testing.T
	url   string // past any pooler
	way   string // of the store
	clock *storetest.Clock
	began time.Time
	open  *member
}

const suiteEvents, suiteDead = 2 * 24 * time.Hour, 5 * 24 * time.Hour

func newHarness(t *testing.T) *storetest.Harness {
	url := server.Get(t).Database(t)
	return newHarnessAt(t, url, url)
}

// newHarnessAt is for a database that the store reaches by another way.
func newHarnessAt(t *testing.T, url, way string) *storetest.Harness {
	h := &harness{t: t, url: url, way: way, clock: storetest.NewClock()}
	h.began = h.clock.Now()
	return &storetest.Harness{
		Open: h.reopen, Crash: h.crash, Advance: h.advance,
		Now:             h.clock.Now,
		Prove:           func() { h.open.ClockProved() },
		RetentionEvents: suiteEvents, RetentionDead: suiteDead,
		Damage: func(source, id string) {
			sql(t, h.url, `UPDATE botrelay.event SET raw = raw || 'x'::bytea WHERE source = $1 AND id = $2`, source, id)
		},
		Lose: func(sink string) {
			h.own(sink, "another")
		},
		Regain: func(sink string) {
			h.own(sink, "")
			h.look()
		},
	}
}

func (h *harness) reopen() storetest.Store {
	h.t.Helper()
	s, err := Open(context.Background(), Options{
		URL: h.way, RetentionEvents: suiteEvents, RetentionDead: suiteDead, Clock: h.clock, Logger: quiet(),
		running: func() time.Duration { return h.clock.Now().Sub(h.began) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.open = &member{Store: s, cancel: cancel, ran: make(chan error, 1)}
	go func(m *member) { m.ran <- s.Run(ctx) }(h.open)
	return h.open
}

// crash cuts every connection in the middle of whatever it does. That the
// leases are free at once stands for the 30 s that another relay would wait; the
// epoch, that what the server still does of it comes too late.
func (h *harness) crash() {
	h.t.Helper()
	vanish(h.open.Store)
	if err := h.open.Close(); err != nil {
		h.t.Error(err)
	}
	sql(h.t, h.url, `UPDATE botrelay.sink SET owner = '', beat = 0, epoch = epoch + 1`)
	sql(h.t, h.url, `DELETE FROM botrelay.memory WHERE owner = $1`, []byte(peerOwner))
}

// advance lets time pass, and what is due then be done.
func (h *harness) advance(d time.Duration) {
	h.t.Helper()
	h.clock.Advance(d)
	if err := h.open.tidy(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// own makes somebody the owner of a sink behind the store's back.
func (h *harness) own(sink, owner string) {
	h.t.Helper()
	sql(h.t, h.url, `INSERT INTO botrelay.sink (name, owner, epoch) VALUES ($1, $2, 7)
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch, beat = 0`, sink, owner)
}

func (h *harness) look() {
	h.t.Helper()
	if err := h.open.look(context.Background(), true); err != nil {
		h.t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Setup{New: newHarness, Seeds: 6, Steps: 120})
}
