package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"sync"
	"time"
)

// line is the loop of one sink. Its goroutines:
//
//	claimer   gate, Claim, puts what it got into the queue
//	workers   take from the queue, Send, judge; at most Concurrency, begun as needed
//	settler   writes down what was judged, up to 256 together, and the pause
//
// All that they share is under mu, which is never held across a call that may
// block: of the sink, the store or the logger.
type line struct {
	name string
	opts *LoopOptions
	stop stopping

	mu      sync.Mutex
	work    sync.Cond // the queue has something, or workers shall end
	dest    Destination
	sink    *heldSink // nil: the sink has left the configuration; what waits stays in the store
	queue   []job
	workers map[*worker]struct{}
	running sync.WaitGroup // workers

	claimed   int  // claimed and not sent yet, or being sent
	sending   int  // being sent
	unsettled int  // judged and not settled yet
	bytes     int  // of the bodies of all these
	solo      bool // the one delivery that asks a paused or throttled sink is on its way

	pending []Settlement
	health  health
	pace    pace
	known   *Pause // what Memory has or is about to get
	decided int    // how often known was changed by this line
	written int    // which of these Memory has

	waiting   bool // the claimer stands at the gate
	closing   bool // no more claims: the queue is released
	abandoned bool // what is still being sent is not waited for
	finished  bool // nothing more is judged

	wakeClaimer, wakeSettler chan struct{}
	claims                   context.Context // of Claim; ends when the sink leaves the configuration
	endClaims                context.CancelFunc
	lines                    attemptLog
}

// stopping is how a Run ends, for its lines.
type stopping struct {
	claims  context.Context // of Claim: ends when Run shall end
	sends   context.Context // of Send: ends when the grace is over
	settles context.Context // of Settle and Memory: outlives it
	fail    func(error)     // the store is gone
}

// job is what one worker does: one delivery, or a batch of several.
type job struct {
	one   *Delivery
	batch []*Delivery
	solo  bool
}

func (j job) size() int {
	if j.one != nil {
		return 1
	}
	return len(j.batch)
}

// worker is a goroutine that sends.
type worker struct{ now job }

// heldSink is a sink value with those that use it, so that it is closed after
// its last Send.
type heldSink struct {
	sink    Sink
	uses    int
	retired bool
	closed  bool
}

func newLine(dest Destination, opts *LoopOptions, stop stopping) *line {
	l := &line{
		name:        dest.Name,
		opts:        opts,
		stop:        stop,
		workers:     map[*worker]struct{}{},
		health:      newHealth(),
		wakeClaimer: make(chan struct{}, 1),
		wakeSettler: make(chan struct{}, 1),
		lines:       attemptLog{perMinute: attemptsLogged},
	}
	l.work.L = &l.mu
	l.claims, l.endClaims = context.WithCancel(stop.claims)
	l.dest = dest.withDefaults()
	l.pace.set(dest.Rate)
	l.sink = &heldSink{sink: dest.Sink}
	return l
}

// run serves the sink until stop.claims ends and everything claimed is settled.
func (l *line) run() {
	if l.recallPause() {
		var settler sync.WaitGroup
		settler.Go(l.settle)
		l.claim()
		l.close()
		l.awaitWorkers()
		l.finish()
		settler.Wait()
	}
	l.retire()
}

// change takes another sink value or other settings, and returns a value to
// close. A nil Sink is the end of claiming: the backlog stays in the store.
func (l *line) change(dest Destination) (unused *heldSink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if dest.Sink == nil {
		l.endClaims()
		l.releaseQueue()
		return l.hold(nil)
	}
	if l.sink == nil {
		l.claims, l.endClaims = context.WithCancel(l.stop.claims)
	}
	if l.sink == nil || !sameSink(l.sink.sink, dest.Sink) {
		unused = l.hold(dest.Sink)
		l.askNow(time.Now())
	}
	l.dest = dest.withDefaults()
	l.pace.set(dest.Rate)
	l.work.Broadcast()
	wake(l.wakeClaimer)
	return unused
}

// hold puts another sink value in place and returns the old one if it is to be
// closed now; else that happens after its last Send. The lock is held.
func (l *line) hold(sink Sink) (unused *heldSink) {
	old := l.sink
	l.sink = nil
	if sink != nil {
		l.sink = &heldSink{sink: sink}
	}
	if old == nil {
		return nil
	}
	old.retired = true
	if !old.last() {
		return nil
	}
	return old
}

// retire ends the use of the sink value.
func (l *line) retire() {
	l.mu.Lock()
	unused := l.hold(nil)
	l.mu.Unlock()
	l.closeSink(unused)
}

// last tells whether the caller is to close the sink, once.
func (h *heldSink) last() bool {
	if !h.retired || h.uses > 0 || h.closed {
		return false
	}
	h.closed = true
	return true
}

func (l *line) closeSink(h *heldSink) {
	if h == nil {
		return
	}
	closer, ok := h.sink.(io.Closer)
	if !ok {
		return
	}
	if err := closer.Close(); err != nil {
		l.opts.Logger.Warn("closing a sink", "sink", l.name, "err", err)
	}
}

// askNow lets a paused or throttled sink be asked at once.
func (l *line) askNow(now time.Time) {
	if l.health.pause != nil {
		l.health.pause.next = now
	}
	if !l.health.throttle.since.IsZero() {
		l.health.throttle.until = now
	}
}

// probeNow is askNow for a person.
func (l *line) probeNow() bool {
	l.mu.Lock()
	held := l.sink != nil && (l.health.pause != nil || !l.health.throttle.since.IsZero())
	l.askNow(time.Now())
	l.mu.Unlock()
	wake(l.wakeClaimer)
	return held
}

// close ends claiming and releases what no worker has taken.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.releaseQueue()
	l.work.Broadcast()
}

// awaitWorkers returns when every Send has returned. Those that go on although
// their context has ended are left behind after a moment: what they were
// sending is released, and sent again some time, and what they still return is
// ignored.
func (l *line) awaitWorkers() {
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-l.stop.sends.Done():
	}
	timer := time.NewTimer(abandonAfter)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	if left := l.abandon(); left > 0 {
		l.opts.Logger.Error("sends ignore the end of their context and are left behind",
			"sink", l.name, "deliveries", left)
	}
}

// abandon releases what is still being sent.
func (l *line) abandon() (left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandoned = true
	for w := range l.workers {
		left += w.now.size()
		l.sending -= w.now.size()
		l.release(w.now)
		w.now = job{}
	}
	return left
}

// finish lets the settler end once it has written everything down.
func (l *line) finish() {
	l.mu.Lock()
	l.finished = true
	l.mu.Unlock()
	wake(l.wakeSettler)
}

// release gives a claimed job back untried. The lock is held.
func (l *line) release(j job) {
	if j.one != nil {
		l.conclude(Settlement{Delivery: j.one, Verdict: Release})
	}
	for _, d := range j.batch {
		l.conclude(Settlement{Delivery: d, Verdict: Release})
	}
	if j.solo {
		l.solo = false
	}
}

// releaseQueue gives back all that no worker has taken. The lock is held.
func (l *line) releaseQueue() {
	for _, j := range l.queue {
		l.release(j)
	}
	l.queue = nil
}

// conclude hands a settlement to the settler. The lock is held.
func (l *line) conclude(s Settlement) {
	l.claimed--
	l.unsettled++
	l.pending = append(l.pending, s)
	wake(l.wakeSettler)
}

// recallPause looks what Memory has: a pause of an earlier run or of another
// relay is gone on with, one that another relay has ended is over. What this
// line has decided and not written yet is newer. False: the store is gone, or
// the line shall end.
func (l *line) recallPause() bool {
	l.mu.Lock()
	decided, unwritten := l.decided, l.written != l.decided
	l.mu.Unlock()
	if unwritten {
		return true
	}
	p, err := readPause(l.stop.claims, l.opts.Memory, l.name)
	if errors.Is(err, errUnreadablePause) {
		l.opts.Logger.Warn("a remembered pause is forgotten", "sink", l.name, "err", err)
		err = nil
	}
	if err != nil {
		if l.stop.claims.Err() == nil {
			l.stop.fail(err)
		}
		return false
	}
	l.mu.Lock()
	taken := l.decided == decided && l.adopt(p, time.Now())
	l.mu.Unlock()
	if taken {
		l.opts.Logger.Warn("sink is still paused", pauseFields(l.name, *p)...)
	}
	return true
}

// adopt makes what Memory has the line's own; true when that is a pause that
// was not known. The lock is held.
func (l *line) adopt(p *Pause, now time.Time) (taken bool) {
	switch {
	case p != nil && l.health.pause == nil:
		l.known = p
		l.health.takeOver(*p, now)
		l.releaseQueue()
		return true
	case p == nil && l.health.pause != nil:
		l.known = nil
		l.health.endPause(now)
	}
	return false
}

// state is a snapshot for people.
func (l *line) state() (State, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sink == nil {
		return State{}, false
	}
	s := State{InFlight: l.sending}
	if p := l.health.pause; p != nil {
		s.Paused, s.Pause, s.NextProbe = true, p.Pause, p.next
	}
	if t := l.health.throttle; !t.since.IsZero() {
		s.ThrottledUntil = t.until
	}
	return s, true
}

func pauseFields(sink string, p Pause) []any {
	return []any{"sink", sink, "cause", string(p.Cause), "err", p.Why, slog.Time("since", p.Since)}
}

// wake lets a goroutine look again that waits for c, now or as soon as it
// waits.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sameSink tells whether two sink values are one. Values of a type that cannot
// be compared are different ones.
func sameSink(a, b Sink) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}
