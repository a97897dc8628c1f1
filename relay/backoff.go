package relay

import "time"

// The clock of the policy.
const (
	firstBackoff  = time.Second      // of a transient failure; doubles
	longestAfter  = time.Hour        // how far a Retry-After is believed
	longestWaited = 10 * time.Minute // how long a failing delivery may hold its key
	doubtWait     = time.Minute      // before a doubtful failure is tried again
	firstThrottle = time.Second      // of a throttled delivery without a Retry-After; doubles
	lastThrottle  = time.Minute
	throttlePause = 10 * time.Minute // of throttling without a success

	shortestPostponed = 200 * time.Millisecond // before what was not its turn is offered again
)

// backoff is the wait after the failure of the given attempt (1 for the
// first): 1 s doubling up to limit, of it a part between a half and the whole
// by jitter in [0, 1).
//
// Probes of a paused sink count as attempts but wait nothing, so a delivery
// that has been probed with may have many attempts and little waiting behind
// it. waited corrects for that: without probes it never binds, since every
// wait is at least half of its step.
func backoff(attempt int, waited, limit time.Duration, jitter float64) time.Duration {
	step := min(doubled(firstBackoff, attempt-1, limit), 2*(waited+firstBackoff))
	return step/2 + time.Duration(jitter*float64(step/2))
}

// throttleWait is how long what was throttled waits: as the destination says,
// else 1 s doubling to 1 min; times is how often it was throttled before.
func throttleWait(after time.Duration, times int) time.Duration {
	if after > 0 {
		return believed(after)
	}
	return doubled(firstThrottle, times, lastThrottle)
}

// believed is a Retry-After as far as it counts.
func believed(after time.Duration) time.Duration {
	return max(0, min(after, longestAfter))
}

// probeWait is the wait before a probe; n of them have failed.
func probeWait(n int) time.Duration {
	return doubled(5*time.Second, n, time.Minute)
}

// probesWithin is how many probes have failed when a pause is that old.
func probesWithin(age time.Duration) int {
	n := 0
	for spent := probeWait(0); spent <= age && probeWait(n) < time.Minute; spent += probeWait(n) {
		n++
	}
	return n
}

// doubled is first doubled n times, at most limit.
func doubled(first time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && first < limit; n-- {
		first *= 2
	}
	return min(first, limit)
}
