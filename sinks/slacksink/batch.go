package slacksink

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"botrelay/relay"
)

const (
	longestPost = 10 * time.Second // one post of a batch
	longestWait = 2 * time.Second  // for the budget, by the first of a lane
	batchMargin = time.Second      // a batch of several ends this long before its context
)

// batch is one SendBatch. Its lanes, one for each channel, run side by side, so
// that a channel that is slow or throttled keeps no other waiting.
type batch struct {
	sink    *Sink
	ctx     context.Context
	end     time.Time // nothing is begun later; zero: as long as ctx lasts
	ds      []*relay.Delivery
	results []relay.Result
}

func newBatch(ctx context.Context, s *Sink, ds []*relay.Delivery) *batch {
	b := &batch{sink: s, ctx: ctx, ds: ds, results: make([]relay.Result, len(ds))}
	if deadline, ok := ctx.Deadline(); ok {
		b.end = deadline
		if len(ds) > 1 {
			b.end = deadline.Add(-min(batchMargin, time.Until(deadline)/10))
		}
	}
	return b
}

// lanes sorts the deliveries by the channel that each is meant for, failures
// first and then as they came.
func (b *batch) lanes() [][]int {
	order := make([]int, len(b.ds))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return rank(b.ds[x]) - rank(b.ds[y])
	})
	var lanes [][]int
	places := map[string]int{}
	for _, i := range order {
		channel := b.sink.channelOf(b.ds[i])
		place, ok := places[channel]
		if !ok {
			place = len(lanes)
			places[channel] = place
			lanes = append(lanes, nil)
		}
		lanes[place] = append(lanes[place], i)
	}
	return lanes
}

func rank(d *relay.Delivery) int {
	if isFailure(d.Event.Fields.Event) {
		return 0
	}
	return 1
}

// run sends what can be sent. A panic in a lane comes out here, where the
// caller expects it.
func (b *batch) run() {
	var lanes sync.WaitGroup
	var mu sync.Mutex
	var crashed error
	for _, lane := range b.lanes() {
		lanes.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					mu.Lock()
					crashed = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
					mu.Unlock()
				}
			}()
			b.runLane(lane)
		})
	}
	lanes.Wait()
	if crashed != nil {
		panic(crashed)
	}
}

// runLane sends until a post fails in a way that the next would, too, or the
// budget is spent. What is left is put off, not tried: it costs no attempt. The
// first one waits for the budget, so that every batch gets on.
func (b *batch) runLane(lane []int) {
	for n, i := range lane {
		note, err := b.deliver(b.ds[i], n == 0)
		b.results[i] = relay.Result{Note: note, Err: err}
		if f := relay.Classify(err); f != nil && f.Kind != relay.Refused {
			b.putOff(lane[n+1:], f.Kind)
			return
		}
	}
}

// putOff answers for deliveries that were not tried.
func (b *batch) putOff(lane []int, why relay.Kind) {
	reason := errNotTried
	switch {
	case b.ctx.Err() != nil:
		reason = fmt.Errorf("not tried: %w", b.ctx.Err())
	case why == relay.Throttled || why == relay.Postponed:
		reason = errInTurn
	}
	for _, i := range lane {
		channel, _ := b.sink.target(b.ds[i])
		b.results[i] = relay.Result{Err: b.sink.postponed(channel, reason)}
	}
}

var errNotTried = errors.New("not tried: the message before it failed")

// deliver posts one delivery where it is meant to go, or, when Slack refuses
// that channel, where the sink's own messages go.
func (b *batch) deliver(d *relay.Delivery, first bool) (note string, err error) {
	s := b.sink
	channel, refused := s.target(d)
	note, err = b.post(d, channel, refused, first)
	no, ok := errors.AsType[*refusal](err)
	if ok && no.about == aboutChannel && channel != s.options.Channel {
		s.channels.refuse(channel, no.code, time.Now())
		s.log().Warn("an alert goes to the sink's own channel", "channel", channel, "slack", no.code)
		channel, refused = s.target(d)
		note, err = b.post(d, channel, refused, first)
		no, ok = errors.AsType[*refusal](err)
	}
	if ok {
		return "", no.fault()
	}
	return note, err
}

// admit spends one message of the channel's budget, or says when there is one.
func (b *batch) admit(channel string, mayWait bool) error {
	budget := b.sink.channels.budget(channel)
	for {
		now := time.Now()
		if err := b.ctx.Err(); err != nil {
			return fmt.Errorf("not tried: %w", err)
		}
		if b.over(now) {
			return b.sink.postponed(channel, errInTurn)
		}
		wait := budget.take(now)
		if wait <= 0 {
			return nil
		}
		if !mayWait || wait > longestWait || budget.asked(now) || b.over(now.Add(wait)) {
			return b.sink.postponed(channel, errInTurn)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-b.ctx.Done():
			timer.Stop()
		}
	}
}

func (b *batch) over(now time.Time) bool { return !b.end.IsZero() && !now.Before(b.end) }

// post sends a delivery to a channel once the budget has room, as plain text if
// Slack does not take its blocks. The error is a *refusal when Slack said no.
func (b *batch) post(d *relay.Delivery, channel string, refused *refusedTarget, mayWait bool) (note string, err error) {
	if err := b.admit(channel, mayWait); err != nil {
		return "", err
	}
	ctx, cancel := b.postContext()
	defer cancel()
	s := b.sink
	m := s.compose(ctx, d, refused)
	ts, err := s.client.post(ctx, channel, m, d.Event.Raw)
	remark := ""
	if no, ok := errors.AsType[*refusal](err); ok && no.about == aboutMessage {
		remark = "; as plain text: " + no.text
		ts, err = s.client.post(ctx, channel, m.plainly(), d.Event.Raw)
	}
	if no, ok := errors.AsType[*refusal](err); ok {
		if no.fault().Kind == relay.Throttled {
			s.channels.budget(channel).hold(time.Now().Add(max(no.after, postEvery)))
		}
		if no.about == aboutChannel && channel != "" {
			no.text += " (channel " + channel + ")"
		}
	}
	if err != nil {
		return "", err
	}
	return s.acknowledged(channel, ts, refused) + remark, nil
}

// postContext bounds one post of a batch of several, so that the others get
// their turn. A single one has all of ctx.
func (b *batch) postContext() (context.Context, context.CancelFunc) {
	if len(b.ds) == 1 || b.end.IsZero() {
		return context.WithCancel(b.ctx)
	}
	end := time.Now().Add(longestPost)
	if b.end.Before(end) {
		end = b.end
	}
	return context.WithDeadline(b.ctx, end)
}
