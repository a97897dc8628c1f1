package relay

import (
	"context"
	"fmt"
	"time"
)

// How much one line has in its hands.
const (
	soloClaim     = 8   // to choose the one from that asks a paused or throttled sink
	batchClaim    = 500 // for one SendBatch
	leastAhead    = 16  // claimed beyond what is being sent, so that claims come in groups
	mostAhead     = 256
	aheadBytes    = 4 << 20  // of bodies: above it nothing is claimed ahead
	mostBytes     = 32 << 20 // of bodies: above it nothing is claimed
	mostUnsettled = 1024     // while the store is slow
)

// soloPatience is how long a claim for a probe may block before the line looks
// anew whether the sink is still paused: another relay may serve it by now.
const soloPatience = time.Minute

// longBlocked is how long a claim has blocked when what it brings may come
// after another relay has served the sink and paused it.
const longBlocked = time.Second

// permit is what the gate lets through: a claim of up to max deliveries.
type permit struct {
	max  int
	solo bool      // one of them goes out alone, the others are given back
	till time.Time // the claim ends by then; zero: no end
}

// permit returns what may be claimed now. With nothing it returns how long that
// lasts, 0 for until the claimer is woken. The lock is held.
func (l *line) permit(now time.Time) (p permit, wait time.Duration) {
	h := &l.health
	switch {
	case l.closing || l.sink == nil:
		return permit{}, 0
	case h.pause != nil:
		if l.solo {
			return permit{}, 0
		}
		if wait := h.pause.next.Sub(now); wait > 0 {
			return permit{}, wait
		}
		return permit{max: soloClaim, solo: true, till: now.Add(soloPatience)}, 0
	case !h.throttle.since.IsZero():
		pauseAt := h.throttle.since.Add(throttlePause)
		if l.solo {
			return permit{}, pauseAt.Sub(now)
		}
		if wait := h.throttle.until.Sub(now); wait > 0 {
			return permit{}, min(wait, pauseAt.Sub(now))
		}
		return permit{max: soloClaim, solo: true, till: pauseAt}, 0
	}
	room := l.room()
	if room == 0 {
		return permit{}, 0
	}
	if l.batches() {
		if n, wait := l.pace.available(1, now); n == 0 {
			return permit{}, wait
		}
		return permit{max: room}, 0
	}
	n, wait := l.pace.available(room, now)
	return permit{max: n}, wait
}

// room is how many deliveries the line would take now. It waits for a group's
// worth of room rather than claim one by one. The lock is held.
func (l *line) room() int {
	if l.bytes >= mostBytes || l.unsettled >= mostUnsettled {
		return 0
	}
	if l.batches() {
		if l.claimed > 0 {
			return 0
		}
		return batchClaim
	}
	ahead := min(max(l.dest.Concurrency, leastAhead), mostAhead)
	if l.bytes >= aheadBytes || l.pace.interval > 0 {
		ahead = 0
	}
	if room := l.dest.Concurrency + ahead - l.claimed; room >= max(1, ahead/2) {
		return room
	}
	return 0
}

func (l *line) batches() bool {
	if l.sink == nil {
		return false
	}
	_, ok := l.sink.sink.(Batcher)
	return ok
}

// claim is the claimer: it goes on until Run shall end or the store is gone.
func (l *line) claim() {
	for {
		p, ok := l.pass()
		if !ok || !l.claimOnce(p) {
			return
		}
	}
}

// pass waits at the gate. False: no more claims.
func (l *line) pass() (permit, bool) {
	for {
		if l.stop.claims.Err() != nil {
			return permit{}, false
		}
		now := time.Now()
		l.mu.Lock()
		paused := l.health.throttledForLong(now)
		changed := l.notePause()
		p, wait := l.permit(now)
		l.waiting = p.max == 0
		l.mu.Unlock()
		if paused != nil {
			l.opts.Logger.Warn("sink is paused", pauseFields(l.name, *paused)...)
		}
		if changed {
			wake(l.wakeSettler)
		}
		if p.max > 0 {
			return p, true
		}
		l.waitAtGate(wait)
	}
}

func (l *line) waitAtGate(wait time.Duration) {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-l.wakeClaimer:
	case <-l.stop.claims.Done():
	}
}

// claimOnce claims and puts what it got into the queue. False: the store is
// gone.
func (l *line) claimOnce(p permit) bool {
	l.mu.Lock()
	ctx := l.claims
	l.mu.Unlock()
	if !p.till.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, p.till)
		defer cancel()
	}
	began := time.Now()
	ds, err := l.opts.Queue.Claim(ctx, l.name, p.max)
	if err != nil && ctx.Err() == nil {
		l.stop.fail(fmt.Errorf("claim deliveries of sink %s: %w", l.name, err))
	}
	if time.Since(began) >= longBlocked && l.stop.claims.Err() == nil {
		l.recallPause()
	}
	if len(ds) > 0 {
		l.admit(p, ds, time.Now())
	}
	return err == nil || ctx.Err() != nil
}

// admit puts what was claimed into the queue, as far as the gate still stands
// open; the rest is given back.
func (l *line) admit(p permit, ds []*Delivery, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed += len(ds)
	for _, d := range ds {
		l.bytes += len(d.Event.Raw)
	}
	shut := l.health.pause != nil || !l.health.throttle.since.IsZero()
	again, _ := l.permit(now)
	switch {
	case l.closing || l.sink == nil, shut && !(p.solo && again.solo):
		l.release(job{batch: ds})
		return
	case shut:
		ds = l.admitOne(ds)
	case l.batches():
		l.queue = append(l.queue, job{batch: ds})
	default:
		for _, d := range ds {
			l.queue = append(l.queue, job{one: d})
		}
	}
	if l.batches() {
		l.pace.spend(1, now)
	} else {
		l.pace.spend(len(ds), now)
	}
	l.employ()
}

// admitOne queues the one that asks the sink, and gives the others back.
func (l *line) admitOne(ds []*Delivery) []*Delivery {
	i := l.health.choose(ds)
	one := ds[i]
	if p := l.health.pause; p != nil {
		p.probes++
		p.probed.put(identify(one), p.probes, time.Now())
	}
	others := append(append([]*Delivery{}, ds[:i]...), ds[i+1:]...)
	l.release(job{batch: others})
	l.solo = true
	l.queue = append(l.queue, job{one: one, solo: true})
	return []*Delivery{one}
}

// employ has workers for what is queued, as far as the concurrency allows.
func (l *line) employ() {
	for len(l.workers) < min(l.dest.Concurrency, l.sending+len(l.queue)) {
		w := &worker{}
		l.workers[w] = struct{}{}
		l.running.Go(func() { l.serve(w) })
	}
	for range min(len(l.queue), len(l.workers)) {
		l.work.Signal()
	}
}
