package relay

import "time"

// What the loop remembers of single deliveries and keys of a sink is bounded:
// beyond it a delivery is judged as if it had failed for the first time.
const (
	marksKept  = 16384
	passedKept = 4096
	probedKept = 1024
	markAge    = 2 * time.Hour // above the longest wait between two tries
	passedAge  = 24 * time.Hour
)

// When failures in a row pause a sink.
const (
	failuresInRow  = 5
	failingKeys    = 3
	throttledInRow = 3
)

// identity is whose event a delivery is: its bot, or what stands for one. It
// holds even where order is none and deliveries have no key.
type identity struct{ source, key string }

func identify(d *Delivery) identity { return identity{d.Event.Source, d.Event.Fields.Key} }

// mark is what is remembered of a delivery that was doubtful or throttled: how
// many deliveries had got through by then, plus one, so that zero is never.
type mark struct {
	doubted   uint64
	throttled uint64
	throttles int // in a row
}

// health is what the policy knows of one sink. It is plain data: only judge and
// the gate change it, under the lock of the sink's line.
type health struct {
	wins    uint64 // how many got through
	through [2]win // the last ones of two different identities

	failures    int // in a row, refused and throttled ones aside
	failing     [failingKeys]identity
	failingSize int
	unreachable int // in a row, refused and throttled ones aside

	throttle  throttling
	pause     *pausing
	recovered time.Time // when the last pause of a minute or more ended

	marks  memo[Seq, mark]
	passed memo[string, struct{}] // keys of which one has been passed and none got through since
}

// win is the last delivery of an identity that got through.
type win struct {
	who identity
	n   uint64
}

// throttling is the state of a sink that throttles whatever it gets.
type throttling struct {
	row   int       // in a row without a success
	since time.Time // when the whole sink began to wait; zero while it does not
	until time.Time // before it nothing is sent; then one delivery
	steps int       // how often the one delivery was throttled, too
	why   *Fault    // the last one
}

// pausing is the state of a paused sink.
type pausing struct {
	Pause
	failed int       // probes
	next   time.Time // the next probe is not before
	probes int       // sent in this pause
	probed memo[identity, int]
}

func newHealth() health {
	return health{marks: newMemo[Seq, mark](marksKept, markAge), passed: newMemo[string, struct{}](passedKept, passedAge)}
}

// succeed records that d got through and returns the pause that this ended.
func (h *health) succeed(d *Delivery, now time.Time) (ended *Pause) {
	h.wins++
	who := identify(d)
	if h.through[0].who != who {
		h.through[1] = h.through[0]
	}
	h.through[0] = win{who, h.wins}
	h.failures, h.failingSize, h.unreachable = 0, 0, 0
	h.throttle = throttling{}
	h.marks.forget(d.Event.Seq)
	h.passed.forget(d.Key)
	if h.pause == nil {
		return nil
	}
	return h.endPause(now)
}

// othersThrough tells whether a delivery of another identity got through since
// the mark was made; marked is never 0.
func (h *health) othersThrough(d *Delivery, marked uint64) bool {
	who := identify(d)
	for _, w := range h.through {
		if w.n >= marked && w.who != who {
			return true
		}
	}
	return false
}

// fail counts a failure in the row and tells whether the row pauses the sink.
func (h *health) fail(d *Delivery, kind Kind) bool {
	if kind == Unreachable {
		h.unreachable++
	} else {
		h.unreachable = 0
	}
	h.failures++
	h.noteFailing(identify(d))
	return h.unreachable >= failuresInRow || h.failures >= failuresInRow && h.failingSize >= failingKeys
}

func (h *health) noteFailing(who identity) {
	if h.failingSize == failingKeys {
		return
	}
	for _, known := range h.failing[:h.failingSize] {
		if known == who {
			return
		}
	}
	h.failing[h.failingSize] = who
	h.failingSize++
}

// beginPause pauses the sink for the fault.
func (h *health) beginPause(f *Fault, now time.Time) *Pause {
	h.throttle = throttling{}
	h.pause = &pausing{
		Pause:  Pause{Since: now, Why: cut(f.Error(), longestWhy), Cause: causeOf(f)},
		next:   now.Add(max(probeWait(0), believed(f.After))),
		probed: newMemo[identity, int](probedKept, markAge),
	}
	begun := h.pause.Pause
	return &begun
}

// throttledForLong pauses a sink that has been throttled for ten minutes
// without a success.
func (h *health) throttledForLong(now time.Time) *Pause {
	t := h.throttle
	if t.since.IsZero() || now.Sub(t.since) < throttlePause {
		return nil
	}
	p := h.beginPause(t.why, now)
	h.pause.next = now.Add(max(probeWait(0), t.until.Sub(now))) // its Retry-After counts from when it was said
	return p
}

// stillThrottled lets a throttled sink wait again after a delivery went out alone
// and did not get through, whatever kept it.
func (h *health) stillThrottled(err error, now time.Time) {
	if err == nil || h.throttle.since.IsZero() {
		return
	}
	if at := now.Add(max(firstThrottle, believed(Classify(err).After))); at.After(h.throttle.until) {
		h.throttle.until = at
	}
}

// takeOver goes on with a pause that an earlier run or another relay began.
// The first probe comes at once: a restart is often the remedy.
func (h *health) takeOver(p Pause, now time.Time) {
	h.throttle = throttling{}
	h.pause = &pausing{
		Pause:  p,
		failed: probesWithin(now.Sub(p.Since)),
		next:   now,
		probed: newMemo[identity, int](probedKept, markAge),
	}
}

func (h *health) endPause(now time.Time) *Pause {
	ended := h.pause.Pause
	h.pause = nil
	h.failures, h.failingSize, h.unreachable = 0, 0, 0 // they led to the pause that is over
	if now.Sub(ended.Since) >= doubtWait {
		h.recovered = now
	}
	return &ended
}

// probeFailed sets the clock for the next probe. When the cause is another one
// by now, the pause is called after that: what people read is what to mend.
func (p *pausing) probeFailed(f *Fault, now time.Time) {
	p.failed++
	p.next = now.Add(max(probeWait(p.failed), believed(f.After)))
	if cause := causeOf(f); cause != p.Cause {
		p.Cause, p.Why = cause, cut(f.Error(), longestWhy)
	}
}

// probeRefused sets the clock back: that one event is refused says nothing
// about the sink, so another one is tried soon.
func (p *pausing) probeRefused(now time.Time) {
	p.failed = 0
	p.next = now.Add(probeWait(0))
}

// choose returns which of the deliveries goes out alone. Of a paused sink: of
// a key not probed with in this pause, one never tried before any that failed;
// else the key that was probed with longest ago. Of a throttled sink: one that
// was not throttled before.
func (h *health) choose(ds []*Delivery) int {
	best, bestRank := 0, int(^uint(0)>>1)
	for i, d := range ds {
		if rank := h.rank(d); rank < bestRank {
			best, bestRank = i, rank
		}
	}
	return best
}

func (h *health) rank(d *Delivery) int {
	if h.pause == nil {
		m, _ := h.marks.get(d.Event.Seq)
		return min(m.throttles, 1)
	}
	if n, probed := h.pause.probed.get(identify(d)); probed {
		return 1 + n
	}
	if d.Attempt > 1 || !d.First.IsZero() {
		return 1
	}
	return 0
}

// causeOf is what a pause for the fault is called.
func causeOf(f *Fault) Cause {
	switch {
	case f.Cause != "":
		return f.Cause
	case f.Kind == Doubtful:
		return CauseNotFound
	default:
		return CauseUnreachable
	}
}
