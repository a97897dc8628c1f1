package sqlitestore

import (
	"strings"
	"time"

	"botrelay/relay"
)

// What the store takes and may take.
type space struct {
	refused bool // a write has found the disk full, and none has succeeded since
	asked   time.Time
	disk    diskRoom
	usage   Usage
}

type diskRoom struct{ free, total int64 }

// Usage is how much room the store takes, in bytes.
type Usage struct {
	InUse int64 // pages that hold something
	File  int64 // the database file, which keeps its greatest size
	Limit int64 // what it may take: MaxDisk, or what the disk leaves above its floor
	Free  int64 // of the disk
	// Filling: what may not be removed takes 80 % of the limit. Full: the limit
	// is reached although room was made as far as that was possible at once, or
	// the disk is full; new events are refused.
	Filling, Full bool
	// Early counts the events that lost their body or were removed before their
	// time, to make room, since the start.
	Early int64

	floor int64
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
		room, err := askDisk(w.store.opts)
		switch {
		case err == nil:
			sp.disk, sp.asked = room, now
		case sp.asked.IsZero():
			return err
		} // else what was true a moment ago has to do
	}
	u := &sp.usage
	*u = Usage{InUse: (pages - free) * pageBytes, File: pages * pageBytes, Free: sp.disk.free, floor: floorOf(sp.disk.total)}
	u.Limit = limitOf(w.store.opts.MaxDisk, u.InUse, free*pageBytes, sp.disk)
	return nil
}

func askDisk(opts Options) (room diskRoom, err error) {
	room.free, room.total, err = opts.Disk(opts.Dir)
	return room, err
}

// filling tells whether room is wanted.
func (u *Usage) filling() bool { return u.InUse >= u.Limit/5*4 }

// tell makes the last measure known, and decides whether new events are
// refused: when the limit is reached and what may be removed was not enough.
// Once refused, they are so until there is a little more than nothing.
func (w *writer) tell() {
	sp, u := &w.space, w.space.usage
	limit := u.Limit
	if w.store.full.Load() {
		limit -= limit / 64
	}
	u.Full = sp.refused || u.InUse >= limit
	u.Filling = u.Full || u.filling() && w.retain.scarce
	u.Early = w.retain.early
	w.store.room.Store(&u) // who is refused may ask why
	if was := w.store.full.Swap(u.Full); was != u.Full {
		if u.Full {
			w.store.log().Error("the store is full: new events are refused until there is room", "dir", w.store.opts.Dir, "bytes", u.InUse, "limit", u.Limit, "disk free", u.Free)
		} else {
			w.store.log().Info("the store has room again", "dir", w.store.opts.Dir, "bytes", u.InUse, "limit", u.Limit)
		}
	}
}

// Usage tells how much room the store takes, as of the last look around.
func (s *Store) Usage() Usage { return *s.room.Load() }

// mayUseReserve tells whether an event may still be stored when the limit is
// reached: what the relay makes itself about its trouble, copies of alerts
// included. Half of the disk's floor is kept for that.
func (s *Store) mayUseReserve(ev *relay.Event) bool {
	u := s.room.Load()
	return (ev.Derived() || strings.HasPrefix(ev.ID, ownID)) && u.InUse < u.Limit+u.floor/2
}

// ownID begins the ids of the events that the relay makes itself.
const ownID = "brl_"
