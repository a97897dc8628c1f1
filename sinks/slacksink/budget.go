package slacksink

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Slack takes about one message a second and channel, and short bursts
// (https://docs.slack.dev/apis/web-api/rate-limits).
const (
	postEvery = time.Second
	postBurst = 3
)

// latestSlot is how far ahead a place in the row is given. The loop lets later
// events of a bot pass one that is to wait 10 min.
const latestSlot = 9 * time.Minute

// budget is what one channel takes. It may be used concurrently.
type budget struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	until   time.Time // what Slack asked for with 429
	booked  time.Time // the last place given to what was put off
}

func newBudget(pace rate.Limit) *budget {
	return &budget{limiter: rate.NewLimiter(pace, postBurst)}
}

// take spends one message, or says how long until it can.
func (b *budget) take(now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.until) {
		return b.until.Sub(now)
	}
	r := b.limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// asked tells whether Slack has asked to wait.
func (b *budget) asked(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}

// hold lets nothing out before until.
func (b *budget) hold(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.until) {
		b.until = until
	}
}

// later gives a place in the row to a message that cannot be sent now: each its
// own, so that they do not all come back at once.
func (b *budget) later(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.limiter.ReserveN(now, 1)
	next := now.Add(max(r.DelayFrom(now), postEvery))
	r.CancelAt(now)
	if next.Before(b.until) {
		next = b.until
	}
	if after := b.booked.Add(postEvery); after.After(next) {
		next = after
	}
	if limit := now.Add(latestSlot); next.After(limit) {
		return latestSlot
	}
	b.booked = next
	return next.Sub(now)
}
