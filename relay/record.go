package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// settledTogether is how many outcomes go into one commit.
const settledTogether = 256

// record judges what a worker has tried, all at one time, and hands it to the
// settler.
func (l *line) record(w *worker, t task, as []attempt) {
	now := time.Now()
	said := sayings{now: now, debug: l.opts.Logger.Enabled(context.Background(), slog.LevelDebug)}
	l.mu.Lock()
	if l.abandoned {
		l.mu.Unlock()
		return
	}
	if t.solo {
		l.solo = false
	}
	throttled := false
	for _, failed := range [...]bool{false, true} { // what got through counts first
		for i := range as {
			if a := &as[i]; (a.err != nil) == failed {
				r := l.judge(a, try{a.delivery, a.err, a.note, t.solo, throttled}, now)
				if t.solo {
					l.health.stillThrottled(a.err, now)
				}
				throttled = throttled || r.uncounted && !r.postponed
				said.add(&l.lines, a, r)
			}
		}
	}
	l.done(w, len(as))
	if l.health.pause != nil || !l.health.throttle.since.IsZero() {
		l.releaseQueue()
	}
	if l.notePause() || l.waiting && l.admits() {
		wake(l.wakeClaimer)
	}
	l.mu.Unlock()
	said.say(l.opts.Logger, l.name)
}

// judge rules on one attempt and concludes it. The lock is held.
func (l *line) judge(a *attempt, t try, now time.Time) ruling {
	var r ruling
	switch {
	case a.crash != nil:
		r = ruling{verdict: Dead, note: a.crash.note}
		l.asked(t.solo, now)
	case a.muted != "":
		r = ruling{verdict: Muted, note: a.muted}
		l.asked(t.solo, now)
	case a.cut:
		r = ruling{verdict: Release, note: a.why()}
	case a.err != nil && Classify(a.err).Kind == Postponed:
		r = postpone(Classify(a.err), now)
		l.asked(t.solo, now)
	default:
		jitter := 0.0
		if a.err != nil {
			jitter = l.opts.Jitter()
		}
		r = judge(&l.health, l.dest.limits(), t, now, jitter)
	}
	l.conclude(Settlement{
		Delivery: a.delivery, Verdict: r.verdict, At: r.at, Wait: r.wait,
		Began: a.began, Took: a.took, Note: cut(r.note, longestNote), Uncounted: r.uncounted,
	})
	return r
}

// asked sets the clock for the next probe after one that says nothing about
// the sink.
func (l *line) asked(solo bool, now time.Time) {
	if solo && l.health.pause != nil {
		l.health.pause.probeRefused(now)
	}
}

// done takes n deliveries off a worker's hands. The lock is held.
func (l *line) done(w *worker, n int) {
	l.sending -= n
	if w.now.one != nil || n >= len(w.now.batch) {
		w.now = job{}
		return
	}
	w.now.batch = w.now.batch[n:]
}

// admits tells whether the claimer would find the gate other than it was. The
// lock is held.
func (l *line) admits() bool {
	return l.health.pause != nil || !l.health.throttle.since.IsZero() || l.room() > 0
}

// notePause compares the pause with what Memory has and tells whether it has to
// be written. The lock is held.
func (l *line) notePause() bool {
	p := l.health.pause
	switch {
	case p == nil && l.known == nil, p != nil && l.known != nil && *l.known == p.Pause:
		return false
	case p == nil:
		l.known = nil
	default:
		now := p.Pause
		l.known = &now
	}
	l.decided++
	return true
}

// settle is the settler: it writes down what was judged, and the pause, until
// nothing more can come.
func (l *line) settle() {
	var spare []Settlement
	for {
		todo := l.collect(spare)
		if todo.decided > 0 && !l.writePause(todo) {
			return
		}
		if len(todo.outcomes) > 0 && !l.writeOutcomes(todo.outcomes) {
			return
		}
		spare = todo.outcomes[:0]
		clear(todo.outcomes)
		if len(todo.outcomes) == 0 && todo.decided == 0 {
			if todo.last {
				return
			}
			<-l.wakeSettler
		}
	}
}

// writing is what the settler has to write.
type writing struct {
	outcomes []Settlement
	pause    *Pause
	decided  int  // which decision pause is; 0: there is none to write
	last     bool // no more can come
}

// collect takes what is to be written; spare is room for it.
func (l *line) collect(spare []Settlement) (w writing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.pending), settledTogether)
	w.outcomes = append(spare, l.pending[:n]...)
	rest := copy(l.pending, l.pending[n:])
	clear(l.pending[rest:])
	l.pending = l.pending[:rest]
	if l.written != l.decided {
		w.pause, w.decided = l.known, l.decided
	}
	w.last = l.finished
	return w
}

func (l *line) writePause(w writing) bool {
	if !l.checkWrite(writePause(l.stop.settles, l.opts.Memory, l.name, w.pause)) {
		return false
	}
	l.mu.Lock()
	l.written = w.decided
	l.mu.Unlock()
	return true
}

func (l *line) writeOutcomes(batch []Settlement) bool {
	err := l.opts.Queue.Settle(l.stop.settles, batch...)
	if errors.Is(err, ErrClaimLost) {
		l.opts.Logger.Debug("settled rows were gone", "sink", l.name, "err", err)
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("settle %d deliveries of sink %s: %w", len(batch), l.name, err)
	}
	if !l.checkWrite(err) {
		return false
	}
	l.mu.Lock()
	l.unsettled -= len(batch)
	for i := range batch {
		l.bytes -= len(batch[i].Event.Raw)
	}
	woken := l.waiting && l.admits()
	l.mu.Unlock()
	if woken {
		wake(l.wakeClaimer)
	}
	if l.opts.Settled != nil {
		for i := range batch {
			l.opts.Settled(batch[i])
		}
	}
	return true
}

// checkWrite tells whether a write has succeeded. Past the end of Run's patience an
// outcome is lost and the delivery is sent again some time; before it the store
// is gone, which ends Run.
func (l *line) checkWrite(err error) bool {
	switch {
	case err == nil:
		return true
	case l.stop.settles.Err() != nil:
		l.opts.Logger.Warn("outcomes are not written; the deliveries will be sent again", "sink", l.name, "err", err)
	default:
		l.stop.fail(err)
	}
	return false
}
