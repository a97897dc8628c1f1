package sqlitestore

import (
	"fmt"
	"slices"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// writer is the one connection that writes, and what its transaction has
// changed so far. It belongs to the goroutine of Run.
type writer struct {
	*db
	store *Store
	now   time.Time // of the group

	next, saved int64 // the next number; as committed

	// What becomes true when the transaction commits.
	changes  []change
	touched  []*sinkState          // have deliveries that may be handed out
	turned   []string              // sinks whose own row has changed
	timers   map[string]int64      // sinks with new timers, and the earliest
	fresh    map[string]*sinkState // named for the first time
	appended []*appendJob
	effects  []func()

	// The usual settlement binds what differs from the last one.
	settling *sinkState
	note     []byte

	waiting []job // undone for want of room, to be tried again
	seen    bool  // ids of removed events are kept
	clamp   bool  // due times are to be brought back
	space   space
	retain  retention
	log     walState
}

// transact runs body inside one transaction. When it returns nil, everything
// is on stable storage and visible to others; else nothing of it has happened.
func (w *writer) transact(body func() error) error {
	w.now = w.store.opts.Clock.Now()
	if err := w.exec(sqlBegin); err != nil {
		return err
	}
	err := body()
	if err == nil && w.next != w.saved {
		err = w.exec(sqlWriteNext, w.next)
	}
	if err == nil {
		err = w.exec(sqlCommit)
	}
	if err != nil {
		w.forget()
		// Some errors end the transaction by themselves.
		if !w.GetAutocommit() {
			if undo := w.exec(sqlRollback); undo != nil {
				return fmt.Errorf("%w: %w, after %w", errNotUndone, undo, err)
			}
		}
		return err
	}
	w.publish()
	return nil
}

// forget drops what an undone transaction would have changed.
func (w *writer) forget() {
	w.next = w.saved
	for _, s := range w.touched {
		s.touched = false
	}
	w.reset()
}

// publish makes what was committed known.
func (w *writer) publish() {
	w.saved = w.next
	t := &w.store.sinks
	t.mu.Lock()
	for name, s := range w.fresh {
		t.byName[name] = s
	}
	for _, c := range w.changes {
		if c.from != dead && c.to != pending && c.to != retrying {
			w.retain.finals++
		}
		c.sink.count(c.seq, c.from, c.to)
	}
	for _, f := range w.effects {
		f()
	}
	t.mu.Unlock()
	for _, j := range w.appended {
		j.published(&w.store.recent)
	}
	w.store.recent.touch(w.changes)
	for _, s := range w.touched {
		s.touched = false
		w.store.Appended(s.name)
	}
	if len(w.turned) > 0 {
		w.store.Turned(w.turned...)
	}
	for name, due := range w.timers {
		w.store.Scheduled(name, store.FromNanos(due))
	}
	w.reset()
}

func (w *writer) reset() {
	w.changes, w.touched, w.turned, w.effects = w.changes[:0], w.touched[:0], nil, nil
	clear(w.appended)
	w.appended = w.appended[:0]
	clear(w.fresh)
	clear(w.timers)
}

// sink returns the state of a sink and gives a new one its row.
func (w *writer) sink(name string) (*sinkState, error) {
	if s := w.store.sinks.byName[name]; s != nil {
		return s, nil
	}
	if s := w.fresh[name]; s != nil {
		return s, nil
	}
	if err := w.exec(sqlAddSink, name); err != nil {
		return nil, err
	}
	s := newSinkState(name)
	w.fresh[name] = s
	return s, nil
}

// touch tells, once the transaction has committed, that s has something to
// hand out or must look again.
func (w *writer) touch(s *sinkState) {
	if !s.touched {
		s.touched = true
		w.touched = append(w.touched, s)
	}
}

// look tells, once the transaction has committed, that the row of s in the
// table of sinks is another.
func (w *writer) look(s *sinkState) {
	if !slices.Contains(w.turned, s.name) {
		w.turned = append(w.turned, s.name)
	}
}

// run commits a group and answers it. What finds no room is kept in waiting,
// as long as somebody waits for it. An error is the store's end.
func (w *writer) run(group []job) error {
	if group = slices.DeleteFunc(group, w.turnedAway); len(group) == 0 {
		return nil
	}
	err := w.transact(func() error {
		for _, j := range group {
			if err := j.apply(w); err != nil {
				return err
			}
		}
		return nil
	})
	switch natureOf(err) {
	case ok:
		w.space.refused = false
		for _, j := range group {
			j.finish(nil)
		}
		return nil
	case full:
		w.noRoom(group)
		return nil
	case busy:
		w.waiting = append(w.waiting, group...)
		return nil
	case oneItem:
		return w.runAlone(group, err)
	}
	err = w.ending(err)
	for _, j := range group {
		j.finish(err)
	}
	return err
}

// turnedAway answers a job that nobody waits for any more, and a new event that
// the limit was reached before.
func (w *writer) turnedAway(j job) bool {
	if err := j.gone(); err != nil {
		j.finish(err)
		return true
	}
	a, isNew := j.(*appendJob)
	if isNew && w.store.full.Load() && !w.store.mayUseReserve(a.event) {
		j.finish(relay.ErrFull)
		return true
	}
	return false
}

// ending is err as the last word of the store.
func (w *writer) ending(err error) error {
	if natureOf(err) == damaged {
		return &DamagedError{Dir: w.store.opts.Dir, Err: err}
	}
	return fmt.Errorf("write to %s: %w", w.store.opts.Dir, w.store.vfs.explain(err))
}

// noRoom refuses what is new and keeps everything else for another try.
func (w *writer) noRoom(group []job) {
	w.space.refused = true
	w.store.full.Store(true)
	for _, j := range group {
		if _, isNew := j.(*appendJob); isNew {
			j.finish(relay.ErrFull)
		} else {
			w.waiting = append(w.waiting, j)
		}
	}
}

// runAlone finds the item that a group failed for, so that the others pass. An
// event that cannot be stored as it is, is stored as it came.
func (w *writer) runAlone(group []job, err error) error {
	if len(group) > 1 {
		for _, j := range group {
			if err := w.run([]job{j}); err != nil {
				return err
			}
		}
		return nil
	}
	if a, isNew := group[0].(*appendJob); isNew && a.quarantine(err) {
		w.store.log().Error("an event could not be stored as it is; it is kept as it came, quarantined",
			"source", a.event.Source, "id", a.event.ID, "error", err)
		return w.run(group)
	}
	group[0].finish(err)
	return nil
}

// abandon answers what waits when the writer ends.
func (w *writer) abandon(err error) {
	for _, j := range append(w.waiting, w.store.queue.take(nil, -1<<40)...) {
		j.finish(err)
	}
	w.waiting = nil
}
