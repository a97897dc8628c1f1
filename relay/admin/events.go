package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"botrelay/relay"
)

// events answers a list of events.
func (c *call) events() (any, error) {
	sel, err := c.selectEvents()
	if err == nil {
		err = checkState(sel.State, relay.StateFiltered, relay.StateQuarantined)
	}
	if err != nil {
		return nil, err
	}
	page, err := c.server.findEvents(c.Context(), sel)
	if err != nil {
		return nil, err
	}
	answer := EventPage{Events: make([]Event, 0, len(page.Items)), Paging: Paging{page.Next, page.Reached}}
	for _, ev := range page.Items {
		answer.Events = append(answer.Events, eventOf(ev))
	}
	return answer, nil
}

// findEvents reads one page. Conditions on the body are looked at once the
// others have chosen, since a list has no bodies.
func (s *Server) findEvents(ctx context.Context, sel selection) (relay.Page[*relay.Event], error) {
	sel.Match = sel.filter.Headers().Matches
	page, err := s.opts.Reader.Events(ctx, sel.Query)
	if err != nil || !sel.filter.NeedsBody() {
		return page, err
	}
	kept := page.Items[:0]
	for _, ev := range page.Items {
		whole, _, err := s.opts.Reader.Event(ctx, ev.Source, ev.ID)
		if err != nil {
			return page, err
		}
		if whole != nil && sel.filter.Matches(whole) {
			kept = append(kept, ev)
		}
	}
	page.Items = kept
	return page, nil
}

func eventOf(ev *relay.Event) Event {
	f := &ev.Fields
	return Event{
		Seq: int64(ev.Seq), Source: ev.Source, ID: ev.ID, Received: ev.Received.UTC(), At: f.At.UTC(),
		Event: f.Event, Code: textOf(f.Code), SubCode: textOf(f.SubCode), Side: f.Side, Platform: f.Platform,
		Bot: f.BotID.String(), Metadata: metadataOf(ev), Trouble: ev.Trouble,
	}
}

func textOf(o relay.Optional) *string {
	text, ok := o.Get()
	if !ok {
		return nil
	}
	return &text
}

// metadataOf is bot.metadata as it was sent, if it is JSON: of a stored event
// that is damaged it may be anything.
func metadataOf(ev *relay.Event) json.RawMessage {
	if len(ev.Fields.Metadata) == 0 || !json.Valid(ev.Fields.Metadata) {
		return nil
	}
	return ev.Fields.Metadata
}

// event answers one event.
func (c *call) event() (any, error) {
	withPayload, err := c.flag("payload")
	if err != nil {
		return nil, err
	}
	ref, err := c.server.resolveEvent(c.Context(), EventRef{Source: c.PathValue("source"), ID: c.PathValue("id")})
	if err != nil {
		return nil, err
	}
	ev, states, err := c.server.opts.Reader.Event(c.Context(), ref.Source, ref.ID)
	if err != nil {
		return nil, err
	}
	if ev == nil {
		return nil, notFound("%s has no event %s", ref.Source, ref.ID)
	}
	answer := EventDetail{Event: eventOf(ev), Deliveries: deliveriesOf(states)}
	if withPayload {
		answer.PayloadGone = ev.Raw == nil
		answer.setPayload(ev.Raw)
	}
	return answer, nil
}

func (d *EventDetail) setPayload(raw []byte) {
	if raw == nil {
		return
	}
	text := string(raw)
	if !utf8.Valid(raw) {
		text, d.PayloadBase64 = base64.StdEncoding.EncodeToString(raw), true
	}
	d.Payload = &text
}

// anySource stands for a source in a path, where only the id is known.
const anySource = "-"

// resolveEvent finds the source of an id. It looks among the configured sources
// and among those of other events, such as the relay's own.
func (s *Server) resolveEvent(ctx context.Context, ref EventRef) (EventRef, error) {
	if ref.Source != "" && ref.Source != anySource {
		return ref, nil
	}
	var found []string
	for _, source := range append(s.opts.Sources(), ownSource) {
		ev, _, err := s.opts.Reader.Event(ctx, source, ref.ID)
		if err != nil {
			return ref, err
		}
		if ev != nil {
			found = append(found, source)
		}
	}
	switch len(found) {
	case 0:
		return ref, notFound("no source has an event %.80s", ref.ID)
	case 1:
		return EventRef{found[0], ref.ID}, nil
	}
	return ref, conflict("several sources have an event "+ref.ID, "name one of "+strings.Join(found, ", "))
}

// ownSource is the source of events that the relay makes about itself.
const ownSource = "botrelay"
