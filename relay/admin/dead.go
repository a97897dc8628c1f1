package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"botrelay/relay"
	"botrelay/relay/route"
)

// groupTime is how long dead letters are looked at for one answer.
const groupTime = 400 * time.Millisecond

// dead answers the dead letters by sink and reason.
func (c *call) dead() (any, error) {
	s, only := c.server, c.query.Get("sink")
	answer := DeadGroups{Groups: []DeadGroup{}}
	backlogs, err := s.opts.Reader.Sinks(c.Context())
	if err != nil {
		return nil, err
	}
	for _, b := range backlogs {
		if only == "" || b.Sink == only {
			answer.Total += b.Dead
		}
	}
	groups := map[[2]string]*deadGroup{}
	deadline := s.now().Add(groupTime)
	answer.Complete, err = s.eachDelivery(c.Context(), selection{
		Query: relay.Query{Sink: only, State: relay.StateDead}, filter: &route.Filter{},
	}, func(st relay.Status, ev *relay.Event) bool {
		id := [2]string{st.Sink, reasonOf(st)}
		g := groups[id]
		if g == nil {
			g = &deadGroup{DeadGroup: DeadGroup{Sink: id[0], Reason: id[1]}, bots: map[relay.BotRef]bool{}}
			groups[id] = g
		}
		g.add(st, ev)
		answer.Oldest = earlier(answer.Oldest, st.Ended.UTC())
		return s.now().Before(deadline)
	})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		g.Bots = len(g.bots)
		answer.Groups = append(answer.Groups, g.DeadGroup)
	}
	slices.SortFunc(answer.Groups, func(a, b DeadGroup) int {
		return cmp.Or(cmp.Compare(a.Sink, b.Sink), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Reason, b.Reason))
	})
	if !answer.Oldest.IsZero() && s.opts.RetentionDead > 0 {
		answer.Expires = answer.Oldest.Add(s.opts.RetentionDead)
	}
	return answer, nil
}

type deadGroup struct {
	DeadGroup
	bots map[relay.BotRef]bool
}

func (g *deadGroup) add(st relay.Status, ev *relay.Event) {
	g.Events++
	g.Since, g.Last = earlier(g.Since, st.Ended.UTC()), later(g.Last, st.Ended.UTC())
	if bot := ev.Fields.BotID.String(); bot != "" {
		g.bots[relay.BotRef{Source: ev.Source, Bot: bot}] = true
	}
}

// eachDelivery shows all deliveries of a selection, page after page, until see
// returns false; complete tells whether that was all.
func (s *Server) eachDelivery(ctx context.Context, sel selection, see func(relay.Status, *relay.Event) bool) (complete bool, err error) {
	sel.Limit = mostItems
	for {
		page, events, err := s.findDeliveries(ctx, sel)
		if err != nil {
			return false, err
		}
		for i, st := range page.Items {
			if !see(st, events[i]) {
				return page.Next == "" && i == len(page.Items)-1, nil
			}
		}
		if sel.From = page.Next; sel.From == "" {
			return true, nil
		}
	}
}

// earlier is the first of two times, zero being none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
