package store

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"botrelay/relay"
)

// How long one page looks, and how many items it has when nobody says.
const (
	pageTime  = 50 * time.Millisecond
	pageItems = 100
)

// ClockSlack is how far the order of numbers and that of receipt may differ
// before looking for a time goes wrong.
const ClockSlack = 5 * time.Minute

// Pager decides what belongs on one page of an answer and when it ends.
type Pager struct {
	Query relay.Query
	Limit int
	Over  bool // what follows lies outside of Since and Until

	clock    Clock
	deadline time.Time
	looked   int
}

// NewPager begins a page now.
func NewPager(q relay.Query, clock Clock) *Pager {
	p := &Pager{Query: q, Limit: q.Limit, clock: clock, deadline: clock.Now().Add(pageTime)}
	if p.Limit <= 0 {
		p.Limit = pageItems
	}
	return p
}

// Late tells whether the page has looked long enough. It asks the clock now
// and then only.
func (p *Pager) Late() bool {
	p.looked++
	return p.looked%32 == 0 && p.clock.Now().After(p.deadline)
}

// inTime tells whether something received then is wanted, and notes when
// everything behind it is too old.
func (p *Pager) inTime(received time.Time) bool {
	q := &p.Query
	if !q.Since.IsZero() && received.Before(q.Since) {
		p.Over = p.Over || !q.OldestFirst && received.Before(q.Since.Add(-ClockSlack))
		return false
	}
	if !q.Until.IsZero() && !received.Before(q.Until) {
		p.Over = p.Over || q.OldestFirst && received.After(q.Until.Add(ClockSlack))
		return false
	}
	return true
}

// Wants tells whether the event fits everything that the query says about
// events.
func (p *Pager) Wants(ev *relay.Event) bool {
	q := &p.Query
	return p.inTime(ev.Received) &&
		(q.Source == "" || ev.Source == q.Source) &&
		(q.Event == "" || ev.Fields.Event == q.Event) &&
		(q.Bot == "" || ev.Fields.BotID.String() == q.Bot) &&
		(q.Match == nil || q.Match(ev))
}

// WantsDelivery tells whether a delivery is of the sink and in the state that
// the query wants, which needs no look at its event.
func (p *Pager) WantsDelivery(sink, state string) bool {
	q := &p.Query
	return (q.Sink == "" || sink == q.Sink) && (q.State == "" || state == q.State)
}

// Begin is the time at which a first page begins, and whether the query names
// one: what lies before it in the order of the page need not be looked at.
func (p *Pager) Begin() (at time.Time, named bool) {
	q := &p.Query
	switch {
	case q.OldestFirst && !q.Since.IsZero():
		return q.Since.Add(-ClockSlack), true
	case !q.OldestFirst && !q.Until.IsZero():
		return q.Until.Add(ClockSlack), true
	}
	return time.Time{}, false
}

// FirstSeq is the number that the page begins with: that of From, or else
// before all in its order.
func (p *Pager) FirstSeq() (int64, error) {
	switch {
	case p.Query.From != "":
		from, err := strconv.ParseInt(p.Query.From, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %.80q", relay.ErrNoPage, p.Query.From)
		}
		return from, nil
	case p.Query.OldestFirst:
		return 0, nil
	}
	return math.MaxInt64, nil
}

// Place is where a page of deliveries ends: a number and a sink, for dead
// letters with the time of the death before them.
type Place struct {
	Ended, Seq int64
	Sink       string
}

// FirstPlace is before all, newest first.
func FirstPlace() Place {
	return Place{Ended: math.MaxInt64, Seq: math.MaxInt64, Sink: "\U0010FFFF"}
}

// String is what ParsePlace reads.
func (p Place) String() string { return fmt.Sprintf("%d,%d,%s", p.Ended, p.Seq, p.Sink) }

// ParsePlace reads a place that was given out; its error is ErrNoPage.
func ParsePlace(s string) (p Place, err error) {
	ended, rest, _ := strings.Cut(s, ",")
	seq, sink, found := strings.Cut(rest, ",")
	p.Sink = sink
	if p.Ended, err = strconv.ParseInt(ended, 10, 64); err == nil {
		p.Seq, err = strconv.ParseInt(seq, 10, 64)
	}
	if err != nil || !found {
		return Place{}, fmt.Errorf("%w: %.80q", relay.ErrNoPage, s)
	}
	return p, nil
}

// Behind tells whether p comes behind o, newest first.
func (p Place) Behind(o Place) bool {
	switch {
	case p.Ended != o.Ended:
		return p.Ended < o.Ended
	case p.Seq != o.Seq:
		return p.Seq < o.Seq
	}
	return p.Sink < o.Sink
}
