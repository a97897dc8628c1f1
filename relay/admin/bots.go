package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"botrelay/relay"
	"botrelay/relay/recall"
	"botrelay/relay/route"
)

// bots answers a list of bots. Each stands where its latest event does: going
// down through the events, a bot is met there first and passed over later, so
// that a page needs to know nothing of the pages before it.
func (c *call) bots() (any, error) {
	sel, err := c.selectEvents()
	if err != nil {
		return nil, err
	}
	failed, err := c.flag("failed")
	if err != nil {
		return nil, err
	}
	s, ctx := c.server, c.Context()
	answer := BotPage{Bots: []Bot{}}
	met := map[relay.BotRef]bool{}
	deadline := s.now().Add(pageTime)
	walk := sel.Query
	walk.Match = (*relay.Event).OnTimeline
	// A page of events brings at most as many bots: so a page of bots can end
	// where a page of events does, and go on from there.
	for {
		page, err := s.opts.Reader.Events(ctx, walk)
		if err != nil {
			return nil, err
		}
		for _, ev := range page.Items {
			ref := relay.BotRef{Source: ev.Source, Bot: ev.Fields.BotID.String()}
			if met[ref] {
				continue
			}
			met[ref] = true
			bot, ok, err := s.botAt(ctx, ref, ev, sel)
			if err != nil {
				return nil, err
			}
			if ok && (!failed || bot.Failed) {
				answer.Bots = append(answer.Bots, bot)
			}
		}
		answer.Next, answer.Reached = page.Next, page.Reached.UTC()
		if walk.From = page.Next; walk.From == "" || len(answer.Bots) >= sel.Limit || s.now().After(deadline) {
			return answer, nil
		}
		walk.Limit = max(1, sel.Limit-len(answer.Bots))
	}
}

// botAt reads the bot of an event, if that is its latest one in the time asked
// for and one of its events fits where.
func (s *Server) botAt(ctx context.Context, ref relay.BotRef, latest *relay.Event, sel selection) (Bot, bool, error) {
	events, err := s.opts.Reader.Bot(ctx, ref.Source, ref.Bot)
	if err != nil {
		return Bot{}, false, err
	}
	for _, ev := range events {
		if ev.Seq > latest.Seq && (sel.Until.IsZero() || ev.Received.Before(sel.Until)) {
			return Bot{}, false, nil // it stands further up
		}
	}
	fits, err := s.anyFits(ctx, sel.filter, events)
	if err != nil || !fits {
		return Bot{}, false, err
	}
	return botOf(ref, recall.Fold(events), events), true, nil
}

// anyFits tells whether one of the events fits, reading bodies as far as the
// conditions ask for them.
func (s *Server) anyFits(ctx context.Context, filter *route.Filter, events []*relay.Event) (bool, error) {
	headers := filter.Headers()
	for _, ev := range events {
		if !headers.Matches(ev) {
			continue
		}
		if !filter.NeedsBody() {
			return true, nil
		}
		whole, _, err := s.opts.Reader.Event(ctx, ev.Source, ev.ID)
		if err != nil {
			return false, err
		}
		if whole != nil && filter.Matches(whole) {
			return true, nil
		}
	}
	return false, nil
}

// botOf describes a bot by its events, of which there is at least one.
func botOf(ref relay.BotRef, life recall.Life, events []*relay.Event) Bot {
	bot := Bot{
		Source: ref.Source, ID: ref.Bot, LastEvent: life.Last.UTC(),
		State: life.State, Since: life.Since.UTC(), Outcome: life.Outcome(), Words: words(life),
		SubCode: life.EndCode.String(),
	}
	bot.Failed = bot.Outcome == recall.OutcomeFatal || bot.Outcome == recall.OutcomeNotRecorded
	if bot.Outcome != "" {
		bot.Side, bot.Platform = endSide(life), recall.Platform(life.EndCode)
	}
	for _, ev := range recall.InOrder(events) {
		if m := metadataOf(ev); m != nil && string(m) != "null" {
			bot.Metadata = m
		}
		if ev.ID == life.LastID || bot.LastName == "" {
			bot.LastName = ev.Fields.Event
		}
	}
	if life.LastID == "" { // only events that the relay made itself are left
		bot.LastEvent = recall.Happened(events[len(events)-1]).UTC()
	}
	return bot
}

// endSide is whose side the end of a bot is, by the code that it ended with.
func endSide(life recall.Life) string {
	event := "bot.call_ended"
	if life.Fatal {
		event = "bot.fatal"
	}
	return recall.Side(event, life.EndCode)
}

// words says for people how a bot is.
func words(life recall.Life) string {
	switch life.Outcome() {
	case recall.OutcomeFatal:
		return "failed"
	case recall.OutcomeNotRecorded:
		return "ended, no recording received"
	case recall.OutcomeRecorded:
		if life.Done {
			return "ended, recorded"
		}
		return "ended, recorded, media not ready"
	}
	switch life.State {
	case "joining_call":
		return "joining"
	case "in_waiting_room":
		return "in the waiting room"
	case "in_call_not_recording", "recording_permission_allowed":
		if life.Recorded {
			return "in the call, recording paused"
		}
		return "in the call, not recording"
	case "recording_permission_denied":
		return "in the call, recording not permitted"
	case "in_call_recording":
		return "recording"
	}
	return "state not known"
}

// bot answers one bot.
func (c *call) bot() (any, error) {
	ref, err := c.server.resolveBot(c.Context(), c.query.Get("source"), c.PathValue("bot"))
	if err != nil {
		return nil, err
	}
	events, err := c.server.opts.Reader.Bot(c.Context(), ref.Source, ref.Bot)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, notFound("no bot is %.80s", ref.Bot)
	}
	life := recall.Fold(events)
	answer := BotDetail{
		Bot: botOf(ref, life, events), SetOut: life.SetOut.UTC(), InCall: life.InCallAt.UTC(), Recorded: life.RecordedAt.UTC(),
		Ended: life.Ended.UTC(), Waited: life.Waited().Seconds(), RecordedFor: life.RecordedFor.Seconds(),
		Code: codeOf(life.EndCode.String()),
	}
	if c.server.opts.Dashboard != nil {
		answer.Dashboard = c.server.opts.Dashboard(ref.Source, ref.Bot)
	}
	answer.Timeline, err = c.server.timeline(c.Context(), recall.InOrder(events))
	return answer, err
}

// shownBots is how many candidates are named when a beginning fits several.
const shownBots = 5

// resolveBot finds the bot that an id or its beginning names.
func (s *Server) resolveBot(ctx context.Context, source, prefix string) (relay.BotRef, error) {
	all, err := s.opts.Reader.Bots(ctx, prefix, mostItems)
	if err != nil {
		return relay.BotRef{}, err
	}
	var found []relay.BotRef
	for _, ref := range all {
		if source != "" && ref.Source != source {
			continue
		}
		if ref.Bot == prefix {
			found = append([]relay.BotRef{ref}, found...)
		} else {
			found = append(found, ref)
		}
	}
	switch {
	case len(found) == 0:
		return relay.BotRef{}, notFound("no bot starts with %.80s", prefix).
			withHint("by metadata: %s/bots?where=bot.metadata.NAME%%3DVALUE", root)
	case len(found) == 1, found[0].Bot == prefix && found[1].Bot != prefix:
		return found[0], nil
	}
	var names []string
	for _, ref := range found[:min(len(found), shownBots)] {
		names = append(names, ref.Source+"/"+ref.Bot)
	}
	if len(found) > shownBots {
		names = append(names, "…")
	}
	return relay.BotRef{}, conflict("several bots start with "+shortened(prefix), strings.Join(names, ", "))
}

// timeline is a bot's events with their deliveries.
func (s *Server) timeline(ctx context.Context, events []*relay.Event) ([]TimelineEntry, error) {
	list := make([]TimelineEntry, 0, len(events))
	holds := map[string]string{} // by sink, the event whose delivery holds its key
	for _, ev := range events {
		_, states, err := s.opts.Reader.Event(ctx, ev.Source, ev.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, TimelineEntry{Event: eventOf(ev), Deliveries: deliveriesOf(states)})
	}
	for _, entry := range inCommitOrder(list) {
		for _, d := range entry.Deliveries {
			behind := holds[d.Sink]
			if behind != "" && d.State == relay.StatePending && d.Replay == 0 {
				if entry.WaitsFor == nil {
					entry.WaitsFor = map[string]string{}
				}
				entry.WaitsFor[d.Sink] = behind
			}
			if behind == "" && d.State == relay.StateRetrying && !d.OutOfOrder && d.Replay == 0 {
				holds[d.Sink] = d.ID
			}
		}
	}
	return list, nil
}

// codeOf is what the catalogue says about a sub code.
func codeOf(code string) *CodeText {
	c, ok := recall.Lookup(code)
	if !ok {
		return nil
	}
	return &CodeText{
		Code: c.Code, Side: c.Side, Platform: c.Platform, Title: c.Title,
		Explanation: c.Explanation, NextStep: c.NextStep, URL: c.URL, Seen: c.Seen,
	}
}

// inCommitOrder is the entries in the order in which they were stored, which is
// the one in which they are delivered.
func inCommitOrder(list []TimelineEntry) []*TimelineEntry {
	sorted := make([]*TimelineEntry, len(list))
	for i := range list {
		sorted[i] = &list[i]
	}
	slices.SortFunc(sorted, func(a, b *TimelineEntry) int { return cmp.Compare(a.Seq, b.Seq) })
	return sorted
}
