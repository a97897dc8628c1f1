package relay

import (
	"fmt"
	"strings"
	"time"
)

// limits are the settings of a sink that the policy goes by.
type limits struct{ giveUpAfter, maxBackoff time.Duration }

// try is one finished attempt.
type try struct {
	delivery *Delivery
	err      error // nil: acknowledged
	note     string
	solo     bool // sent alone, to ask whether a paused or throttled sink works again
	aside    bool // another one of its batch was throttled, too: it is no further step in the row
}

// ruling is what becomes of a delivery, and what changes for the sink.
type ruling struct {
	verdict   Verdict
	at        time.Time
	wait      time.Duration
	uncounted bool
	postponed bool // it was not tried
	note      string
	paused    *Pause // this try paused the sink
	resumed   *Pause // this try ended a pause
}

// judge is the policy: what one try means for its delivery and for the sink.
// It reads no clock, draws no lot and asks nobody; jitter is in [0, 1).
func judge(h *health, l limits, t try, now time.Time, jitter float64) ruling {
	f := Classify(t.err)
	if f == nil {
		return ruling{verdict: Delivered, note: t.note, resumed: h.succeed(t.delivery, now)}
	}
	c := call{h, l, t, f, now, jitter}
	switch {
	case f.Kind == Refused:
		return c.dead(f.Error())
	case h.pause != nil:
		return c.whilePaused()
	case f.Kind == Broken:
		return c.broken()
	case f.Kind == Throttled:
		return c.throttled()
	case f.Kind == Doubtful:
		return c.doubtful()
	default:
		return c.failed(backoff(t.delivery.Attempt, t.delivery.Waited, l.maxBackoff, jitter), true)
	}
}

// postpone rules on a delivery that was not tried.
func postpone(f *Fault, now time.Time) ruling {
	return ruling{verdict: Retry, at: now.Add(max(believed(f.After), shortestPostponed)), note: f.Error(), uncounted: true, postponed: true}
}

// call is one failure that is being judged.
type call struct {
	*health
	limits
	try
	fault  *Fault
	now    time.Time
	jitter float64
}

// dead ends the delivery; its key goes on.
func (c *call) dead(note string) ruling {
	c.marks.forget(c.delivery.Event.Seq)
	if c.pause != nil && c.solo {
		c.pause.probeRefused(c.now)
	}
	return ruling{verdict: Dead, note: note}
}

// whilePaused keeps the attempt and burns nothing: neither the time that the
// delivery may wait nor its place. It is there for a later probe at once, and a
// doubtful one, as always, after a minute.
func (c *call) whilePaused() ruling {
	r := ruling{verdict: Retry, at: c.now, note: c.fault.Error(), uncounted: c.fault.Kind == Throttled}
	if c.fault.Kind == Doubtful {
		r.at = c.now.Add(doubtWait)
		c.doubt()
	}
	if c.solo {
		c.pause.probeFailed(c.fault, c.now)
	}
	return r
}

// broken pauses the sink at once. It is not the delivery's failure, so nothing
// is added to what it has waited.
func (c *call) broken() ruling {
	return ruling{verdict: Retry, at: c.now, note: c.fault.Error(), paused: c.beginPause(c.fault, c.now)}
}

// throttled lets the key wait without counting an attempt. From the third in a
// row on the whole sink waits, after ten minutes of that it pauses. A delivery
// that is throttled again although another key got through meanwhile has a
// trouble of its own: it is a failed attempt and not a step in the row.
func (c *call) throttled() ruling {
	m, _ := c.marks.get(c.delivery.Event.Seq)
	again := m.throttled > 0 && c.othersThrough(c.delivery, m.throttled)
	wait := throttleWait(c.fault.After, m.throttles)
	m.throttled = c.wins + 1
	m.throttles++
	c.marks.put(c.delivery.Event.Seq, m, c.now)
	if again {
		return c.failed(backoff(c.delivery.Attempt, c.delivery.Waited, c.maxBackoff, c.jitter), false)
	}
	r := ruling{verdict: Retry, at: c.now.Add(wait), note: c.fault.Error(), uncounted: true}
	if left := longestWaited - c.delivery.Waited; c.holdsKey() && (left <= 0 || believed(c.fault.After) > left) {
		r.verdict = Detach
		c.passed.put(c.delivery.Key, struct{}{}, c.now)
	}
	r.paused = c.throttleSink()
	return r
}

// throttleSink takes a step in the row of throttled tries.
func (c *call) throttleSink() (paused *Pause) {
	t := &c.throttle
	if !c.aside {
		t.row++
	}
	if t.row < throttledInRow {
		return nil
	}
	switch {
	case t.since.IsZero():
		t.since = c.now
		t.until = c.now.Add(throttleWait(c.fault.After, 0))
	case c.solo:
		t.steps++
		t.until = c.now.Add(throttleWait(c.fault.After, t.steps))
	default: // was in flight already: only the destination's own word counts
		if at := c.now.Add(believed(c.fault.After)); at.After(t.until) {
			t.until = at
		}
	}
	t.why = c.fault
	if c.now.Sub(t.since) >= throttlePause {
		return c.beginPause(c.fault, c.now)
	}
	return nil
}

// doubtful tries again after a minute, and refuses what comes back while other
// keys get through. For the first minute after an outage it does not: the tries
// before it say nothing about the event, and not all of the destination may be
// back.
func (c *call) doubtful() ruling {
	m, _ := c.marks.get(c.delivery.Event.Seq)
	settled := c.recovered.IsZero() || c.now.Sub(c.recovered) >= doubtWait
	if m.doubted > 0 && settled && c.othersThrough(c.delivery, m.doubted) {
		return c.dead(c.fault.Error())
	}
	c.doubt()
	return c.failed(doubtWait, true)
}

// doubt remembers when the delivery was first doubtful.
func (c *call) doubt() {
	m, _ := c.marks.get(c.delivery.Event.Seq)
	if m.doubted == 0 {
		m.doubted = c.wins + 1
		c.marks.put(c.delivery.Event.Seq, m, c.now)
	}
}

// failed is a failed attempt: the delivery is given up by age, or waits.
// inRow: it counts towards a pause.
func (c *call) failed(wait time.Duration, inRow bool) ruling {
	r := ruling{note: c.fault.Error()}
	if c.delivery.Waited >= c.giveUpAfter {
		r = c.dead("given up after " + spoken(c.giveUpAfter) + ": " + c.fault.Error())
	} else {
		r.verdict, r.wait = c.plan(wait)
		r.at = c.now.Add(r.wait)
	}
	if inRow && c.fail(c.delivery, c.fault.Kind) {
		r.paused = c.beginPause(c.fault, c.now)
	}
	return r
}

// plan cuts the wait so that a try falls on the time at which the delivery is
// given up, and one on the ten minutes for which it may hold its key. After
// that one, or when the destination's own word reaches past it, or when
// another of its key has been passed and none of it got through since, the
// delivery goes on alone.
func (c *call) plan(wait time.Duration) (Verdict, time.Duration) {
	floor := believed(c.fault.After)
	wait = max(min(wait, c.giveUpAfter-c.delivery.Waited), floor)
	if !c.holdsKey() {
		return Retry, wait
	}
	left := longestWaited - c.delivery.Waited
	_, passed := c.passed.get(c.delivery.Key)
	if passed || left <= 0 || floor > left {
		c.passed.put(c.delivery.Key, struct{}{}, c.now)
		return Detach, wait
	}
	return Retry, min(wait, left)
}

// holdsKey tells whether later deliveries wait for this one.
func (c *call) holdsKey() bool { return c.delivery.Key != "" && !c.delivery.OutOfOrder }

// spoken is a duration as people write it: 72 h, 1 h 30 min, 45 s.
func spoken(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if n := d / unit.size; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			d %= unit.size
		}
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}
