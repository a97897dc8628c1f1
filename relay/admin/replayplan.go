package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// planTime is how long one request counts what it selects.
const planTime = 5 * time.Second

// plan counts what a replay selects.
func (s *Server) plan(ctx context.Context, req ReplayRequest) (ReplayPlan, error) {
	plan := ReplayPlan{Sinks: []string{}, Notes: []string{}}
	bots, sinks := map[relay.BotRef]bool{}, map[string]bool{}
	for _, name := range req.To {
		sinks[name] = true
	}
	skipped := map[string]int{}
	renewed, cursor := 0, ""
	for deadline := s.now().Add(planTime); ; {
		page, err := s.replayPage(ctx, req, cursor, mostItems)
		if err != nil {
			return plan, err
		}
		for _, ev := range page.events {
			plan.count(ev, bots)
			// Where it goes is known without a look at the event, but for these.
			if len(req.To) > 0 && ev.Trouble == "" {
				continue
			}
			p, err := s.prepare(ctx, req, 0, ev)
			if err != nil {
				return plan, err
			}
			for _, t := range p.targets {
				sinks[t.Sink] = true
			}
			for why, n := range p.skipped {
				skipped[why] += n
			}
			if p.renewed != nil && ev.Trouble != "" {
				renewed++
			}
		}
		if cursor = page.next; cursor == "" {
			plan.Complete = true
			break
		}
		if s.now().After(deadline) {
			break
		}
	}
	plan.Bots = len(bots)
	plan.Sinks = append(plan.Sinks, slices.Sorted(maps.Keys(sinks))...)
	plan.Seconds = float64(plan.Events) / float64(req.Rate)
	plan.note(req, renewed, skipped)
	return plan, nil
}

func (p *ReplayPlan) count(ev *relay.Event, bots map[relay.BotRef]bool) {
	p.Events++
	p.First, p.Last = earlier(p.First, ev.Received.UTC()), later(p.Last, ev.Received.UTC())
	if bot := ev.Fields.BotID.String(); bot != "" {
		bots[relay.BotRef{Source: ev.Source, Bot: bot}] = true
	}
}

// note says what is particular about a replay.
func (p *ReplayPlan) note(req ReplayRequest, renewed int, skipped map[string]int) {
	if renewed > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%s understood today and will be stored anew, as ID_replay_N: a stored event is never changed",
			plural(renewed, "quarantined event is", "quarantined events are")))
	}
	if req.NewIDs {
		p.Notes = append(p.Notes, "each goes under a new id, ID_replay_N, and counts as a new event of its bot")
	}
	for _, kept := range keptReasons(skipped) {
		p.Notes = append(p.Notes, fmt.Sprintf("left out: %d × %s", kept.Count, kept.Why))
	}
}

// replayed is a page of what a replay selects, oldest first.
type replayed struct {
	events []*relay.Event
	next   string // "" at the end
}

// replayPage reads what a replay selects, from a place that an earlier page
// gave out.
func (s *Server) replayPage(ctx context.Context, req ReplayRequest, cursor string, limit int) (replayed, error) {
	if len(req.IDs) > 0 {
		return s.namedPage(ctx, req.IDs, cursor, limit)
	}
	sel := selection{Query: relay.Query{
		Source: req.Source, Bot: req.Bot, OldestFirst: true, Limit: limit, From: cursor,
	}}
	var err error
	if sel.filter, err = parseWhere(req.Where); err != nil {
		return replayed{}, err
	}
	if sel.Since, err = parseTime("since", req.Since, time.Time{}); err != nil {
		return replayed{}, err
	}
	if sel.Until, err = parseTime("until", req.Until, time.Time{}); err != nil {
		return replayed{}, err
	}
	if req.Quarantined {
		sel.State = relay.StateQuarantined
	}
	page, err := s.findEvents(ctx, sel)
	if err != nil {
		return replayed{}, err
	}
	own := asksForOwn(req.Where)
	events := slices.DeleteFunc(page.Items, func(ev *relay.Event) bool {
		return !req.Quarantined && ev.Trouble != "" || ev.Derived() && !own
	})
	return replayed{events: events, next: page.Next}, nil
}

// asksForOwn tells whether a pattern for event begins with botrelay. : the
// relay's own events are replayed only then, as they are routed only then.
func asksForOwn(where []string) bool {
	return slices.ContainsFunc(where, func(text string) bool { return strings.HasPrefix(text, "event="+relay.DerivedPrefix) })
}

// namedPage reads events that were named one by one; the place is a number.
func (s *Server) namedPage(ctx context.Context, ids []EventRef, cursor string, limit int) (page replayed, err error) {
	from := 0
	if cursor != "" {
		if from, err = strconv.Atoi(cursor); err != nil || from < 0 || from > len(ids) {
			return page, fmt.Errorf("%w: %.20q", relay.ErrNoPage, cursor)
		}
	}
	until := min(from+limit, len(ids))
	for _, ref := range ids[from:until] {
		ev, _, err := s.opts.Reader.Event(ctx, ref.Source, ref.ID)
		if err != nil {
			return page, err
		}
		if ev != nil {
			page.events = append(page.events, ev)
		}
	}
	if until < len(ids) {
		page.next = strconv.Itoa(until)
	}
	return page, nil
}

// prepared is what is to be done for one event of a replay.
type prepared struct {
	targets []relay.Target
	replays []int        // for each target, how often its delivery has been asked for, with this time
	renewed *relay.Event // to be stored under a new id; nil: the deliveries of the event itself are queued
	skipped map[string]int
}

// prepare finds out what is to be done for an event in replay number n.
func (s *Server) prepare(ctx context.Context, req ReplayRequest, n int, header *relay.Event) (prepared, error) {
	p := prepared{skipped: map[string]int{}}
	ev, states, err := s.opts.Reader.Event(ctx, header.Source, header.ID)
	if err != nil {
		return p, err
	}
	switch {
	case ev == nil:
		p.skipped["it has been removed meanwhile"]++
		return p, nil
	case ev.Raw == nil:
		p.skipped["its body is not there any more"]++
		return p, nil
	}
	id := fmt.Sprintf("%s_replay_%d", ev.ID, n)
	if ev.Trouble != "" && renew(ev, id, s.now()).Trouble != "" {
		p.skipped["it is still not understood"]++
		return p, nil
	}
	if req.NewIDs || ev.Trouble != "" {
		p.renewed = renew(ev, id, s.now())
		ev = p.renewed
	}
	for _, t := range s.targetsOf(req, ev, states, p.skipped) {
		i := slices.IndexFunc(states, func(st relay.Status) bool { return st.Sink == t.Sink })
		replay := 1
		if i >= 0 && p.renewed == nil {
			if st := states[i].State; st == relay.StatePending || st == relay.StateRetrying {
				p.skipped["it is on its way already"]++
				continue
			}
			replay = states[i].Replay + 1
		}
		p.targets, p.replays = append(p.targets, t), append(p.replays, replay)
	}
	return p, nil
}

// renew is an event under another id, its body read as this version reads it.
func renew(ev *relay.Event, id string, now time.Time) *relay.Event {
	anew := &relay.Event{Source: ev.Source, ID: id, Received: now.UTC(), Raw: ev.Raw}
	anew.Fields, anew.Trouble = recall.Normalise(id, ev.Raw)
	return anew
}

// targetsOf are the deliveries that a replay wants of an event. Their key keeps
// them in order among themselves and holds nothing else up.
func (s *Server) targetsOf(req ReplayRequest, ev *relay.Event, states []relay.Status, skipped map[string]int) []relay.Target {
	var wanted []relay.Target
	switch {
	case req.Again:
		for _, st := range states {
			wanted = append(wanted, relay.Target{Sink: st.Sink, Route: st.Route})
		}
	case req.Reroute:
		wanted = s.opts.Routes(ev)
	default:
		for _, name := range req.To {
			wanted = append(wanted, relay.Target{Sink: name})
		}
	}
	known := map[string]bool{}
	for _, info := range s.opts.Sinks() {
		known[info.Name] = true
	}
	var targets []relay.Target
	for _, t := range wanted {
		switch {
		case strings.HasPrefix(t.Sink, relay.BuiltInPrefix) || !t.After.IsZero():
		case !known[t.Sink]:
			skipped["sink "+t.Sink+" is not in the configuration"]++
		default:
			targets = append(targets, relay.Target{Sink: t.Sink, Route: t.Route, Key: replayedKey + ev.OrderKey()})
		}
	}
	if len(targets) == 0 && len(skipped) == 0 {
		skipped["no sink wants it"]++
	}
	return targets
}

// replayedKey begins the keys of replayed deliveries, as the store does for
// those that are queued again.
const replayedKey = "+"
