package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"botrelay/relay"
	"botrelay/relay/route"
)

// How much one request changes: what there is beyond it is told.
const (
	mostRefs     = 5_000
	mostSelected = 50_000
)

// picked is one delivery that a request has selected.
type picked struct {
	ref      relay.Ref
	seq      relay.Seq
	received time.Time
	bot      relay.BotRef
}

// picking collects what a request selects.
type picking struct {
	picked []picked
	kept   map[string]int
	more   bool
}

func (p *picking) add(st relay.Status, ev *relay.Event) {
	p.picked = append(p.picked, picked{st.Ref, ev.Seq, ev.Received, relay.BotRef{Source: ev.Source, Bot: ev.Fields.BotID.String()}})
}

// retryDeliveries sends dead letters again, and retrying ones at once.
func (c *call) retryDeliveries() (any, error) {
	return c.changeDeliveries("deliveries retried", c.server.opts.Operator.Requeue,
		map[string]string{
			relay.StateDead: "", relay.StateRetrying: "", relay.StateDropped: "", relay.StateMuted: "",
			relay.StatePending: "it is pending", relay.StateDelivered: "it is delivered (a replay sends it again)",
		}, relay.StateDead, relay.StateRetrying)
}

// dropDeliveries ends deliveries by hand.
func (c *call) dropDeliveries() (any, error) {
	return c.changeDeliveries("deliveries dropped", c.server.opts.Operator.Drop,
		map[string]string{
			relay.StateDead: "", relay.StateRetrying: "", relay.StatePending: "",
			relay.StateDelivered: "it is delivered", relay.StateDropped: "it is dropped", relay.StateMuted: "it is muted",
		}, relay.StateDead, relay.StateRetrying, relay.StatePending)
}

// changeDeliveries selects and changes. leave says by state why a delivery is
// left alone; states are those that may be selected by.
func (c *call) changeDeliveries(what string, change func(context.Context, ...relay.Ref) ([]relay.Done, error), leave map[string]string, states ...string) (any, error) {
	var req DeliveryChange
	if err := c.body(&req); err != nil {
		return nil, err
	}
	if err := checkText("by", req.By); err != nil {
		return nil, err
	}
	var p *picking
	var err error
	if len(req.Refs) > 0 {
		p, err = c.pickRefs(req, leave)
	} else {
		p, err = c.pickBySink(req, states)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(p.picked, func(a, b picked) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.ref.Sink, b.ref.Sink))
	})
	answer := p.describe()
	answer.DryRun = req.DryRun
	if req.DryRun || len(p.picked) == 0 {
		answer.Kept = keptReasons(p.kept)
		return answer, nil
	}
	refs := make([]relay.Ref, len(p.picked))
	for i, one := range p.picked {
		refs[i] = one.ref
	}
	done, err := change(c.Context(), refs...)
	for _, d := range done {
		if d.Changed {
			answer.Changed++
		} else {
			p.kept[d.Why]++
		}
	}
	c.audit(what, req.By, "count", answer.Changed, "sinks", answer.Sinks, "reason", req.Reason)
	answer.Kept = keptReasons(p.kept)
	return answer, err
}

// describe says what was picked, before anything is changed.
func (p *picking) describe() DeliveriesChanged {
	answer := DeliveriesChanged{More: p.more}
	events, bots, sinks := map[relay.Seq]bool{}, map[relay.BotRef]bool{}, map[string]bool{}
	for _, one := range p.picked {
		events[one.seq], sinks[one.ref.Sink] = true, true
		if one.bot.Bot != "" {
			bots[one.bot] = true
		}
		answer.First, answer.Last = earlier(answer.First, one.received.UTC()), later(answer.Last, one.received.UTC())
	}
	answer.Events, answer.Bots, answer.Deliveries = len(events), len(bots), len(p.picked)
	answer.Sinks = append([]string{}, slices.Sorted(maps.Keys(sinks))...)
	return answer
}

// pickRefs looks at each delivery that was named, once.
func (c *call) pickRefs(req DeliveryChange, leave map[string]string) (*picking, error) {
	if req.Sink != "" || req.State != "" || req.Reason != "" || req.Since != "" || req.Until != "" {
		return nil, badRequest("refs stand alone: nothing else can select beside them")
	}
	if len(req.Refs) > mostRefs {
		return nil, badRequest("%d refs are too many; %d are the most", len(req.Refs), mostRefs)
	}
	p := &picking{kept: map[string]int{}}
	known := map[Ref]bool{}
	for _, ref := range req.Refs {
		if known[ref] {
			continue
		}
		known[ref] = true
		ev, states, err := c.server.opts.Reader.Event(c.Context(), ref.Source, ref.ID)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(states, func(st relay.Status) bool { return st.Sink == ref.Sink })
		switch {
		case ev == nil:
			p.kept["there is no such event"]++
		case i < 0:
			p.kept["it was not for this sink"]++
		case leave[states[i].State] != "":
			p.kept[leave[states[i].State]]++
		default:
			p.add(states[i], ev)
		}
	}
	return p, nil
}

// pickBySink selects by sink, state, reason and time.
func (c *call) pickBySink(req DeliveryChange, states []string) (*picking, error) {
	if req.Sink == "" {
		return nil, badRequest("nothing is selected").withHint("give refs, or sink with a reason or without")
	}
	if req.State == "" {
		req.State = relay.StateDead
	}
	if !slices.Contains(states, req.State) {
		return nil, badRequest("state %.40q cannot be selected here", req.State)
	}
	sel := selection{Query: relay.Query{Sink: req.Sink, State: req.State}, filter: &route.Filter{}}
	var err error
	now := c.server.now()
	if sel.Since, err = parseTime("since", req.Since, now); err != nil {
		return nil, err
	}
	if sel.Until, err = parseTime("until", req.Until, now); err != nil {
		return nil, err
	}
	reason := reasonPattern(req.Reason)
	p := &picking{kept: map[string]int{}}
	complete, err := c.server.eachDelivery(c.Context(), sel, func(st relay.Status, ev *relay.Event) bool {
		if req.Reason == "" || reason.Match(reasonOf(st)) {
			p.add(st, ev)
		}
		return len(p.picked) < mostSelected
	})
	p.more = !complete
	return p, err
}

// keptReasons is the counts by reason, the most frequent first.
func keptReasons(counts map[string]int) []KeptReason {
	list := make([]KeptReason, 0, len(counts))
	for why, n := range counts {
		list = append(list, KeptReason{why, n})
	}
	slices.SortFunc(list, func(a, b KeptReason) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Why, b.Why))
	})
	return list
}
