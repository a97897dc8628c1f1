package sqlitestore

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

// What retention does between two groups when the limit is reached: enough to
// free more than a group takes.
const stepsWhenFull = 20

// keepHouse is what the writer does between groups: it copies the log back,
// measures, removes what has had its time or makes room. It returns how long to
// wait for the next group when nobody asks.
func (w *writer) keepHouse() (time.Duration, error) {
	if err := w.checkpoint(); err != nil {
		return 0, err
	}
	now := w.store.opts.Clock.Now()
	if err := w.lookAtClocks(now); err != nil {
		return 0, w.bearable(err)
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
	case w.space.refused || len(w.waiting) > 0:
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
		err = w.transact(func() error { return w.exec(sqlWriteNext, w.next) })
	}
	w.space.refused = false
	return w.bearable(err)
}

// lookAtClocks notes when wall clock and running time part, and at the start
// and then brings due times back that no wait explains.
func (w *writer) lookAtClocks(now time.Time) error {
	first, parted := w.store.age.Look(now, w.store.opts.Boot())
	if parted {
		w.store.log().Warn("the clock has jumped: nothing is removed for its age until a request proves it", "now", now)
	}
	if !first && !parted {
		return nil
	}
	return w.clampDue()
}

// retainSome takes the next steps of a pass. more tells that it is not at its
// end and should go on soon.
func (w *writer) retainSome(now time.Time) (more bool, err error) {
	r := &w.retain
	u := &w.space.usage
	filling := u.InUse >= u.Limit/5*4
	aging := r.running && r.stage == byAge
	switch {
	case aging && !w.store.age.Believed():
		r.running = false
	case filling && (aging || !r.running) && w.worthwhile(now):
		r.stage, r.running, r.began, r.removed, r.finals = bodies, true, now, 0, 0
	case r.running && !aging && !filling:
		r.running, r.partial = false, true
	case !r.running && w.store.age.Believed() && !now.Before(r.next):
		r.stage, r.running, r.began = byAge, true, now
		if err := w.expire(); err != nil {
			return false, err
		}
	}
	steps := 1
	if u.InUse >= u.Limit {
		steps = stepsWhenFull
	}
	for ; steps > 0 && r.running; steps-- {
		end, err := w.step()
		if err != nil {
			return false, err
		}
		if end {
			r.nextStage(now)
		}
	}
	w.logEarly(now)
	return r.running, nil
}

// worthwhile tells whether another pass may find what the last one did not.
func (w *writer) worthwhile(now time.Time) bool {
	r := &w.retain
	return !r.fruitless || r.finals > 0 && !now.Before(r.retry) || now.Sub(r.began) >= passEvery
}

// nextStage goes from bodies to whole events and from there, or from age, to
// the end of the pass.
func (r *retention) nextStage(now time.Time) {
	switch r.stage {
	case bodies:
		r.stage = whole
		return
	case byAge:
		r.cursors[byAge] = 0
		r.next = now.Add(passEvery)
	case whole:
		r.fruitless = r.removed == 0 && !r.partial
		r.retry = now.Add(max(retryIn, 4*now.Sub(r.began)))
		r.cursors[bodies], r.cursors[whole], r.partial = 0, 0, false
	}
	r.running = false
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

// expire forgets what Memory need not keep, and ids of more than seven days.
func (w *writer) expire() error {
	for _, s := range [...]statement{sqlMemoryExpire, sqlSeenExpire} {
		for changed := int64(1); changed > 0; {
			err := w.transact(func() error {
				limit := nanos(w.now)
				if s == sqlSeenExpire {
					limit = nanos(w.now.Add(-idsKept)) / int64(dayLength)
				}
				err := w.exec(s, limit)
				changed = w.Changes()
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	seen, _, err := w.get(sqlSeenAny)
	w.seen = w.seen && seen != 0
	return err
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
