package main

import (
	"strings"
	"time"

	"botrelay/relay/admin"
)

// sinks shows each sink with what waits for it, then what can be done.
func (s screen) sinks(list []admin.Sink) {
	t := &table{columns: []column{
		{title: "SINK"}, {title: "TYPE"}, {title: "STATE", state: true}, {title: "WAITING", right: true},
		{title: "OLDEST"}, {title: "LAST OK"}, {title: "DEAD", right: true}, {title: "NOTE", wrap: true},
	}}
	for _, x := range list {
		kind := x.Type
		if kind == "" {
			kind = "-"
		}
		t.add(x.Name, kind, x.State, withCommas(x.Waiting), s.age(x.Oldest), s.narrowAgo(x.LastOK), withCommas(x.Dead), x.Note)
	}
	s.table(t)
	var advice []string
	for _, x := range list {
		if text := s.sinkAdvice(x, list); text != "" {
			advice = append(advice, text)
		}
	}
	if len(advice) > 0 {
		s.printf("\n%s", strings.Join(advice, ""))
	}
}

// narrowAgo says ago only where the unit alone would read like a duration that
// goes on.
func (s screen) narrowAgo(t time.Time) string {
	if !t.IsZero() && s.now.Sub(t) < time.Minute {
		return s.ago(t)
	}
	return s.age(t)
}

// causeHand is the cause of a pause that a person has asked for.
const causeHand = "hand"

// steadyProbes is how long after a sink has paused the time between two probes
// no longer grows; probePace is that time (relay.Loop).
const (
	steadyProbes = 75 * time.Second
	probePace    = time.Minute
)

// sinkAdvice is what a person can do about a sink.
func (s screen) sinkAdvice(x admin.Sink, all []admin.Sink) string {
	name := printable(x.Name)
	switch {
	case x.State == admin.SinkOrphaned:
		to := relatedSink(name, all)
		label := name + " keeps its events. "
		first, other := "To "+to+":", "Away:"
		if to == "" {
			first, to = "To another:", "SINK"
		}
		width := max(len(first), len(other)) + 1
		return label + pad(first, width) + "botrelay sinks move " + name + " " + to + "\n" +
			strings.Repeat(" ", textWidth(label)) + pad(other, width) + "botrelay sinks discard " + name + "\n"
	case x.State == admin.SinkPaused && x.Cause == causeHand:
		return hanging("", name+" is paused by hand. Go on: botrelay sinks resume "+name)
	case x.State == admin.SinkPaused:
		return hanging("", name+" is asked again "+s.nextProbe(x)+". Now: botrelay sinks resume "+name)
	}
	return ""
}

// nextProbe says when a paused sink is asked again.
func (s screen) nextProbe(x admin.Sink) string {
	left := x.NextProbe.Sub(s.now)
	switch {
	case x.NextProbe.IsZero():
		return "when a relay runs"
	case left <= probePace && s.now.Sub(x.Since) >= steadyProbes:
		return "every 60 s"
	case left < time.Second:
		return "now"
	}
	return "in " + lasting(left)
}

// relatedSink is a configured sink whose name is a part of an orphan's, or the
// other way round: a sink that was renamed, perhaps.
func relatedSink(orphan string, all []admin.Sink) string {
	for _, x := range all {
		if x.State != admin.SinkOrphaned && (strings.Contains(orphan, x.Name) || strings.Contains(x.Name, orphan)) {
			return printable(x.Name)
		}
	}
	return ""
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-textWidth(text)))
}
