package receive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tellEvery is how often one cause of one source is logged at most.
const tellEvery = time.Minute

// tell notes a refusal for Run, which logs it.
func (r *Receiver) tell(t *tally, refusal *Refusal) {
	u := &t.untold[refusal.cause]
	u.latest.Store(refusal)
	if u.count.Add(1) > 1 {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default: // Run is awake already
	}
}

// Run logs refusals until ctx ends, then what is left: the first of its kind at
// once, further ones counted, once a minute for each source and kind, with the
// remedy. Without it they are only counted.
func (r *Receiver) Run(ctx context.Context) {
	told := map[kind]time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.report(map[kind]time.Time{})
			return
		case <-r.wake:
		case <-timer.C:
		}
		if wait := r.report(told); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// kind is what is logged together.
type kind struct {
	*tally
	cause
}

// report logs what was not logged within the last minute, notes that in told,
// and returns when the next is due; 0 if nothing waits.
func (r *Receiver) report(told map[kind]time.Time) (next time.Duration) {
	now := time.Now()
	for _, t := range r.known.all() {
		for c := range causeCount {
			u := &t.untold[c]
			if u.count.Load() == 0 {
				continue
			}
			if last, ok := told[kind{t, c}]; ok && now.Sub(last) < tellEvery {
				wait := tellEvery - now.Sub(last)
				if next == 0 || wait < next {
					next = wait
				}
				continue
			}
			told[kind{t, c}] = now
			r.line(t, c, u.count.Swap(0), u.latest.Load())
		}
	}
	return next
}

// line logs one kind.
func (r *Receiver) line(t *tally, c cause, count uint64, latest *Refusal) {
	text, remedy := c.what(latest), causes[c].remedy
	if c == causePath {
		remedy = fmt.Sprintf(remedy, r.paths())
	}
	requests := "requests"
	if count == 1 {
		requests = "request"
	}
	line := fmt.Sprintf("%d %s %s: %s", count, requests, text, remedy)
	if t.name != "" {
		line = "source " + t.name + ": " + line
	}
	r.logger.Log(context.Background(), causes[c].level, line, "source", t.name, "reason", causes[c].reason, "count", count)
}

// paths lists where the sources are.
func (r *Receiver) paths() string {
	return strings.Join(slices.Sorted(maps.Keys(r.table.Load().byPath)), ", ")
}
