package sqlitestore

import (
	"strings"
	"time"

	"botrelay/relay"
)

// What the store takes and may take.
type space struct {
	refused bool // a write or the limit has refused something since there was room
	asked   time.Time
	disk    diskRoom
}

type diskRoom struct{ free, total int64 }

// Usage is how much room the store takes, in bytes.
type Usage struct {
	InUse int64 // pages that hold something
	File  int64 // the database file, which keeps its greatest size
	Limit int64 // what it may take: MaxDisk, or what the disk leaves above its floor
	Free  int64 // of the disk
}

const pageBytes = 4096

// floorOf is what the store leaves free of a disk.
func floorOf(total int64) int64 {
	return min(max(total/20, 128<<20), 2<<30)
}

// limitOf is what the store may take.
func limitOf(maxDisk, inUse, freePages int64, disk diskRoom) int64 {
	return max(min(maxDisk, inUse+freePages+disk.free-floorOf(disk.total)), 0)
}

// measure looks at how much room there is.
func (w *writer) measure(now time.Time) error {
	pages, _, err := w.get(sqlPageCount)
	if err != nil {
		return err
	}
	free, _, err := w.get(sqlFreePages)
	if err != nil {
		return err
	}
	sp := &w.space
	if sp.asked.IsZero() || now.Sub(sp.asked).Abs() >= time.Second {
		if sp.disk.free, sp.disk.total, err = w.store.opts.Disk(w.store.opts.Dir); err != nil {
			return err
		}
		sp.asked = now
	}
	u := &Usage{InUse: (pages - free) * pageBytes, File: pages * pageBytes, Free: sp.disk.free}
	u.Limit = limitOf(w.store.opts.MaxDisk, u.InUse, free*pageBytes, sp.disk)
	w.store.room.Store(u)
	return nil
}

// Usage tells how much room the store takes, as of the last look around.
func (s *Store) Usage() Usage { return *s.room.Load() }

// mayUseReserve tells whether an event may still be stored when the limit is
// reached: what the relay makes itself about its trouble, copies of alerts
// included. Half of the disk's floor is kept for that.
func mayUseReserve(ev *relay.Event) bool {
	return ev.Derived() || strings.HasPrefix(ev.ID, "brl_")
}

// keepHouse is what the writer does between groups. It returns how long to
// wait for the next one when nobody asks.
func (w *writer) keepHouse() (time.Duration, error) {
	if err := w.checkpoint(); err != nil {
		return 0, err
	}
	now := w.store.opts.Clock.Now()
	if err := w.measure(now); err != nil {
		return 0, err
	}
	if len(w.waiting) > 0 {
		return retryIn, nil
	}
	return idleLook, nil
}
