package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"botrelay/relay"
	"botrelay/relay/route"
)

// sinks answers all sinks.
func (c *call) sinks() (any, error) {
	list, err := c.server.allSinks(c.Context())
	return Sinks{Sinks: list}, err
}

// allSinks are the configured sinks in their order, then those that are not in
// the configuration any more but have deliveries left.
func (s *Server) allSinks(ctx context.Context) ([]Sink, error) {
	backlogs, err := s.opts.Reader.Sinks(ctx)
	if err != nil {
		return nil, err
	}
	pauses, err := relay.Pauses(ctx, s.opts.Memory)
	if err != nil {
		return nil, err
	}
	relays, err := s.living(ctx)
	if err != nil {
		return nil, err
	}
	list := []Sink{}
	for _, info := range s.opts.Sinks() {
		sink := Sink{Name: info.Name, Type: info.Type, Where: info.Where, Alert: info.Alert, State: SinkOK, Note: info.Note}
		i := slices.IndexFunc(backlogs, func(b relay.Backlog) bool { return b.Sink == info.Name })
		if i < 0 {
			i = len(backlogs)
			backlogs = append(backlogs, relay.Backlog{Sink: info.Name})
		}
		if err := s.fillSink(ctx, &sink, backlogs[i], pauses); err != nil {
			return nil, err
		}
		list = append(list, sink)
	}
	for _, b := range backlogs {
		known := slices.ContainsFunc(list, func(sink Sink) bool { return sink.Name == b.Sink })
		if known || strings.HasPrefix(b.Sink, relay.BuiltInPrefix) || b.Pending+b.Retrying+b.Dead == 0 {
			continue
		}
		sink := Sink{Name: b.Sink, State: SinkOrphaned, Note: "not in " + filepath.Base(s.opts.Config().File)}
		if knownElsewhere(relays, b.Sink) {
			sink.State, sink.Note = SinkOK, "served by another relay"
		}
		if err := s.fillSink(ctx, &sink, b, nil); err != nil {
			return nil, err
		}
		list = append(list, sink)
	}
	return list, nil
}

// fillSink says what waits for a sink and how it does.
func (s *Server) fillSink(ctx context.Context, sink *Sink, b relay.Backlog, pauses map[string]relay.Pause) error {
	sink.Waiting, sink.Retrying, sink.Dead = b.Pending+b.Retrying, b.Retrying, b.Dead
	sink.Oldest, sink.LastOK = b.Oldest.UTC(), b.LastOK.UTC()
	if s.opts.LoopState != nil {
		if state, ok := s.opts.LoopState(sink.Name); ok {
			sink.NextProbe, sink.ThrottledUntil, sink.InFlight = state.NextProbe.UTC(), state.ThrottledUntil.UTC(), state.InFlight
		}
	}
	var err error
	if b.Dead > 0 {
		if sink.LastDead, err = s.lastDeath(ctx, sink.Name); err != nil {
			return err
		}
	}
	pause, paused := pauses[sink.Name]
	switch {
	case sink.State == SinkOrphaned:
	case b.Paused:
		sink.State, sink.Cause = SinkPaused, causeHand
		err = s.fillHandPause(ctx, sink)
	case paused:
		sink.State, sink.Since = SinkPaused, pause.Since.UTC()
		sink.Reason, sink.Cause = pause.Why, string(pause.Cause)
		sink.Note = inFewWords(pause)
	case b.Retrying > 0 && sink.Note == "":
		sink.Note, err = s.whatFails(ctx, sink.Name)
	}
	return err
}

// lastDeath is when the latest delivery of a sink died.
func (s *Server) lastDeath(ctx context.Context, sink string) (time.Time, error) {
	page, err := s.opts.Reader.Deliveries(ctx, relay.Query{Sink: sink, State: relay.StateDead, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return time.Time{}, err
	}
	return page.Items[0].Ended.UTC(), nil
}

// inFewWords is the note of a pause, beside its reason.
func inFewWords(p relay.Pause) string {
	if r := []rune(p.Why); len(r) <= 60 && len(r) > 0 {
		return p.Why
	}
	switch p.Cause {
	case relay.CauseAuth:
		return "credentials are refused"
	case relay.CauseNotFound:
		return "the destination is not there"
	case relay.CauseTLS:
		return "no TLS connection"
	}
	return "nothing gets through"
}

// whatFails says in a few words what keeps a sink's deliveries waiting, by a
// look at the latest of them.
func (s *Server) whatFails(ctx context.Context, sink string) (string, error) {
	sel := selection{Query: relay.Query{Sink: sink, State: relay.StateRetrying, Limit: mostItems}, filter: &route.Filter{}}
	page, events, err := s.findDeliveries(ctx, sel)
	if err != nil || len(page.Items) == 0 {
		return "", err
	}
	bots, reasons := map[string]bool{}, map[string]int{}
	for i, st := range page.Items {
		bots[events[i].OrderKey()] = true
		reasons[reasonOf(st)]++
	}
	some := ""
	if page.Next != "" {
		some = "at least "
	}
	noun := "bots"
	if len(bots) == 1 {
		noun = "bot"
	}
	return fmt.Sprintf("%s%d %s: %s", some, len(bots), noun, keptReasons(reasons)[0].Why), nil
}

// The memory of who paused a sink: the store knows only that it is so.
const (
	handOwner = "_hand"
	causeHand = "hand"
)

type handPause struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

func (s *Server) fillHandPause(ctx context.Context, sink *Sink) error {
	value, err := s.opts.Memory.Get(ctx, handOwner, sink.Name)
	if err != nil {
		return err
	}
	var p handPause
	if value != nil && json.Unmarshal(value, &p) != nil {
		p = handPause{} // who it was is lost; that it is paused is not
	}
	sink.Since, sink.By, sink.Reason = p.At.UTC(), p.By, p.Reason
	sink.Note = "paused by hand"
	if p.By != "" {
		sink.Note = "paused by " + p.By
	}
	if p.Reason != "" {
		sink.Note += ": " + p.Reason
	}
	return nil
}

// knownSink finds a configured sink; status is that of the answer where there
// is none of this name.
func (s *Server) knownSink(name string, status int) (SinkInfo, error) {
	sinks := s.opts.Sinks()
	i := slices.IndexFunc(sinks, func(info SinkInfo) bool { return info.Name == name })
	if i >= 0 {
		return sinks[i], nil
	}
	names := make([]string, len(sinks))
	for i, info := range sinks {
		names[i] = info.Name
	}
	return SinkInfo{}, refuse(status, fmt.Sprintf("unknown sink %q", shortened(name)), "sinks: "+strings.Join(names, " "))
}
