package sqlitestore

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay/store"
)

// roomTime is how long room is made between two groups when the limit is
// reached: enough to free more than a group takes.
const roomTime = 100 * time.Millisecond

// keepHouse is what the writer does between groups: it copies the log back,
// measures, removes what has had its time or makes room. It returns how long to
// wait for the next group when nobody asks.
func (w *writer) keepHouse() (time.Duration, error) {
	if err := w.checkpoint(); err != nil {
		return 0, err
	}
	now := w.store.opts.Clock.Now()
	if err := w.bearable(w.lookAtClocks(now)); err != nil {
		return 0, err
	}
	if err := w.measure(now); err != nil {
		return 0, err
	}
	more, err := w.retainSome(now)
	if err = w.bearable(err); err != nil {
		return 0, err
	}
	if w.space.refused {
		err = w.probe()
	}
	w.tell()
	switch {
	case w.space.refused || w.clamp || len(w.waiting) > 0:
		return retryIn, err
	case more:
		return 0, err
	case w.store.full.Load():
		return retryIn, err
	}
	return w.untilNext(now), err
}

// bearable lets the writer go on after an error that only means: not now. Any
// other is the store's end.
func (w *writer) bearable(err error) error {
	switch natureOf(err) {
	case ok, busy:
		return nil
	case full:
		w.space.refused = true
		return nil
	}
	return w.ending(err)
}

// probe finds out whether a disk that was full takes something again. The log
// is given back first, where that is possible: it lies on the same disk.
func (w *writer) probe() error {
	if len(w.waiting) > 0 {
		return nil // they are the probe
	}
	err := w.copyBack(sqlite3.CHECKPOINT_TRUNCATE)
	if err == nil || natureOf(err) == busy {
		// SQLite writes nothing where a row stays what it was.
		err = w.transact(func() error {
			return errors.Join(w.exec(sqlWriteNext, w.next+1), w.exec(sqlWriteNext, w.next))
		})
	}
	w.space.refused = false
	return w.bearable(err)
}

// lookAtClocks brings due times back that no wait explains, at the start and
// when the clocks have parted: until that has worked, since a disk may be full
// just then.
func (w *writer) lookAtClocks(now time.Time) error {
	w.store.compareClocks(now)
	if w.store.parted.Swap(false) {
		w.clamp = true
	}
	if !w.clamp {
		return nil
	}
	err := w.clampDue()
	w.clamp = err != nil
	return err
}

// retainSome takes the next steps of the passes. more tells that one is not at
// its end and should go on soon.
func (w *writer) retainSome(now time.Time) (more bool, err error) {
	if err := w.ageSome(now); err != nil {
		return false, err
	}
	if err := w.makeRoom(now); err != nil {
		return false, err
	}
	w.logEarly(now)
	return w.retain.aging.running || w.retain.making.running, nil
}

// ageSome takes one step of the pass that removes what has had its time.
func (w *writer) ageSome(now time.Time) error {
	r := &w.retain
	switch {
	case !w.store.age.Believed():
		r.aging.running = false
		return nil
	case !r.aging.running && now.Before(r.next):
		return nil
	case !r.aging.running:
		r.aging = pass{running: true, stage: oldValues}
	}
	end, err := w.step(r.aging.stage)
	if err != nil || !end {
		return err
	}
	if r.aging.stage++; r.aging.stage > byAge {
		r.aging.running, r.cursors[byAge] = false, 0
		r.next = now.Add(passEvery)
	}
	return nil
}

// makeRoom takes some steps of the pass that makes room, if room is wanted: one
// as a rule, more when there is little left, and as many as roomTime allows
// while there is none.
func (w *writer) makeRoom(now time.Time) error {
	r, u := &w.retain, &w.space.usage
	switch filling := u.filling(); {
	case filling && !r.making.running && w.worthwhile(now):
		r.making = pass{running: true, stage: bodies}
		r.began, r.removed, r.finals = now, 0, 0
	case !filling:
		r.partial = r.partial || r.making.running
		r.making.running, r.scarce, r.fruitless = false, false, false
	}
	steps := 1
	if u.InUse >= u.Limit/10*9 {
		steps = 4
	}
	until := now.Add(roomTime)
	for r.making.running && (steps > 0 || u.InUse >= u.Limit && w.store.opts.Clock.Now().Before(until)) {
		steps--
		end, err := w.step(r.making.stage)
		if err == nil {
			err = w.measure(now)
		}
		if err != nil {
			return err
		}
		if end {
			r.endStage(u, now)
		}
	}
	return nil
}

// worthwhile tells whether another pass may find what the last one did not.
func (w *writer) worthwhile(now time.Time) bool {
	r, u := &w.retain, &w.space.usage
	return !r.scarce || u.InUse >= u.Limit && !r.fruitless ||
		r.finals > 0 && !now.Before(r.retry) || now.Sub(r.began) >= passEvery
}

// endStage goes from bodies to whole events and from there to the end of a pass
// that makes room.
func (r *retention) endStage(u *Usage, now time.Time) {
	if r.making.stage == bodies {
		r.making.stage = whole
		return
	}
	r.scarce = !r.partial && u.filling()
	r.fruitless = r.scarce && (r.removed == 0 || u.InUse >= u.Limit)
	r.retry = now.Add(max(retryIn, 4*now.Sub(r.began)))
	r.cursors[bodies], r.cursors[whole], r.partial = 0, 0, false
	r.making.running = false
}

// logEarly says, once a minute, what was removed before its time.
func (w *writer) logEarly(now time.Time) {
	r := &w.retain
	if r.early == r.earlyLogged || now.Sub(r.logged) < time.Minute {
		return
	}
	w.store.log().Warn("finished history was removed before its time to make room", "dir", w.store.opts.Dir,
		"events", r.early-r.earlyLogged, "bytes", w.space.usage.InUse, "limit", w.space.usage.Limit)
	r.earlyLogged, r.logged = r.early, now
}

// expire forgets some of what Memory need not keep, or of the ids of more than
// seven days, in one commit. end tells that there are no more.
func (w *writer) expire(what stage) (end bool, err error) {
	err = w.transact(func() error {
		q, limit := sqlMemoryExpire, store.Nanos(w.now)
		if what == oldIDs {
			q, limit = sqlSeenExpire, store.Nanos(w.now.Add(-idsKept))/int64(dayLength)
		}
		err := w.exec(q, limit)
		end = w.Changes() == 0
		return err
	})
	if err != nil || !end || what != oldIDs {
		return end, err
	}
	seen, _, err := w.get(sqlSeenAny)
	w.seen = w.seen && seen != 0
	return true, err
}

// untilNext is how long the writer may sleep.
func (w *writer) untilNext(now time.Time) time.Duration {
	r := &w.retain
	wait := idleLook
	if w.store.age.Believed() && r.next.After(now) {
		wait = min(wait, r.next.Sub(now))
	}
	return max(wait, time.Millisecond)
}
