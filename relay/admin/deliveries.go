package admin

import (
	"context"
	"strings"

	"botrelay/relay"
	"botrelay/relay/route"
)

// deliveries answers a list of deliveries.
func (c *call) deliveries() (any, error) {
	sel, err := c.selectEvents()
	if err == nil {
		err = checkState(sel.State)
	}
	if err != nil {
		return nil, err
	}
	reason := reasonPattern(c.query.Get("reason"))
	page, events, err := c.server.findDeliveries(c.Context(), sel)
	if err != nil {
		return nil, err
	}
	answer := DeliveryPage{Deliveries: []Delivery{}, Paging: Paging{page.Next, page.Reached}}
	for i, st := range page.Items {
		if strings.HasPrefix(st.Sink, relay.BuiltInPrefix) {
			continue
		}
		d := deliveryOf(st)
		if !reason.Match(d.Reason) {
			continue
		}
		ev := events[i]
		d.Seq, d.Event, d.Bot, d.Received = int64(ev.Seq), ev.Fields.Event, ev.Fields.BotID.String(), ev.Received.UTC()
		answer.Deliveries = append(answer.Deliveries, d)
	}
	return answer, nil
}

// reasonPattern is the pattern over reasons; nothing is any.
func reasonPattern(text string) route.Pattern {
	if text == "" {
		text = "*"
	}
	return route.ParsePattern(text)
}

// findDeliveries reads one page together with the events of its items, which
// the reader shows to Match one by one.
func (s *Server) findDeliveries(ctx context.Context, sel selection) (relay.Page[relay.Status], []*relay.Event, error) {
	type key struct{ source, id string }
	seen := map[key]*relay.Event{}
	headers := sel.filter.Headers()
	sel.Match = func(ev *relay.Event) bool {
		if !headers.Matches(ev) {
			return false
		}
		seen[key{ev.Source, ev.ID}] = ev
		return true
	}
	page, err := s.opts.Reader.Deliveries(ctx, sel.Query)
	if err != nil {
		return page, nil, err
	}
	kept := page.Items[:0]
	var events []*relay.Event
	for _, st := range page.Items {
		ev := seen[key{st.Source, st.ID}]
		if sel.filter.NeedsBody() {
			whole, _, err := s.opts.Reader.Event(ctx, st.Source, st.ID)
			if err != nil {
				return page, nil, err
			}
			if whole == nil || !sel.filter.Matches(whole) {
				continue
			}
		}
		kept, events = append(kept, st), append(events, ev)
	}
	page.Items = kept
	return page, events, nil
}

// deliveriesOf is what people see of an event's deliveries: timers are none.
func deliveriesOf(states []relay.Status) []Delivery {
	list := make([]Delivery, 0, len(states))
	for _, st := range states {
		if !strings.HasPrefix(st.Sink, relay.BuiltInPrefix) {
			list = append(list, deliveryOf(st))
		}
	}
	return list
}

func deliveryOf(st relay.Status) Delivery {
	d := Delivery{
		Ref: Ref{st.Source, st.ID, st.Sink}, Route: st.Route, State: st.State, Attempts: st.Attempts, Replay: st.Replay,
		First: st.First.UTC(), Due: st.Due.UTC(), Ended: st.Ended.UTC(), OutOfOrder: st.OutOfOrder,
		Tries: make([]Attempt, 0, len(st.Tries)),
	}
	for _, t := range st.Tries {
		d.Tries = append(d.Tries, Attempt{t.Began.UTC(), t.Took.Seconds(), t.Note})
	}
	if st.State == relay.StateDead || st.State == relay.StateRetrying {
		d.Reason = reasonOf(st)
	}
	return d
}
