package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"botrelay/relay/admin"
)

// deadGroups shows dead letters by sink and reason, and what can be done.
func (s screen) deadGroups(a admin.DeadGroups) {
	if len(a.Groups) == 0 {
		s.printf("No dead letters.\n")
		return
	}
	t := &table{columns: []column{
		{title: "SINK"}, {title: "REASON", min: 41, wrap: true}, {title: "EVENTS", right: true}, {title: "BOTS", right: true}, {title: "SINCE"},
	}}
	for _, g := range a.Groups {
		t.add(g.Sink, g.Reason, withCommas(g.Events), withCommas(g.Bots), s.age(g.Since))
	}
	s.table(t)
	s.printf("\n%s", hanging("", s.deadSum(a)))
	first := a.Groups[0]
	selection := "--sink " + shellWord(first.Sink) + " --reason " + shellWord(patternOf(first.Reason))
	look, again := "botrelay dead ls "+selection, "botrelay dead retry "+selection
	width := max(len(look), len(again))
	s.printf("Look:   %s  one line each\nAgain:  %s  asks first\n", pad(look, width), pad(again, width))
}

// deadSum counts all groups.
func (s screen) deadSum(a admin.DeadGroups) string {
	text := countedComma(a.Total, "dead letter") + " in " + countedComma(len(a.Groups), "group") + "."
	if !a.Complete {
		grouped := 0
		for _, g := range a.Groups {
			grouped += g.Events
		}
		text = fmt.Sprintf("%s; the latest %s are in these %s.", countedComma(a.Total, "dead letter"), withCommas(grouped), countedComma(len(a.Groups), "group"))
	}
	if !a.Expires.IsZero() {
		text += fmt.Sprintf(" Kept %s, the oldest goes %s.", lasting(a.Expires.Sub(a.Oldest)), s.inTime(a.Expires))
	}
	return text
}

// patternOf is a pattern that finds a reason and little else: its class if it
// has one, with a star.
func patternOf(reason string) string {
	if class, _, ok := strings.Cut(reason, ": "); ok && strings.HasPrefix(class, "HTTP ") {
		return class + "*"
	}
	if first, _, ok := strings.Cut(reason, "#"); ok && len(first) >= 8 {
		return strings.ReplaceAll(first, "*", `\*`) + "*"
	}
	return strings.ReplaceAll(reason, "*", `\*`)
}

// shellWord is a word as a shell takes it, in quotes where it needs them.
func shellWord(text string) string {
	text = printable(text)
	plain := func(r rune) bool {
		return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.:/@=,+", r))
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// deadList shows dead letters one line each.
func (s screen) deadList(list []admin.Delivery) {
	if len(list) == 0 {
		s.printf("No dead letters.\n")
		return
	}
	t := &table{columns: []column{{title: "DIED"}, {title: "EVENT"}, {title: "BOT"}, {title: "REASON", wrap: true}, {title: "ID", below: true}}}
	if severalSources(list, func(d admin.Delivery) string { return d.Sink }) {
		t.columns = slices.Insert(t.columns, 1, column{title: "SINK"})
	}
	for _, d := range list {
		row := []string{s.at(d.Ended), d.Event, shortID(d.Bot), d.Reason, d.ID}
		if len(t.columns) > len(row) {
			row = slices.Insert(row, 1, d.Sink)
		}
		t.add(row...)
	}
	s.table(t)
}

// retryPlan says what retrying would do.
func (s screen) retryPlan(a admin.DeliveriesChanged) string {
	return fmt.Sprintf("%s, go to %s again with their old ids, oldest first. "+
		"Their bots' later events have already been delivered, so these arrive out of order.",
		s.selected(a), strings.Join(a.Sinks, ", "))
}

// dropPlan says what dropping would do.
func (s screen) dropPlan(a admin.DeliveriesChanged) string {
	return fmt.Sprintf("%s, are dropped: %s will not get them. They stay visible as dropped.",
		s.selected(a), strings.Join(a.Sinks, ", "))
}

// selected is 41 events of 12 bots, 2 March 09:14 to 4 March 11:02.
func (s screen) selected(a admin.DeliveriesChanged) string {
	return s.eventsOfBots(a.Events, a.Bots) + ", " + s.fromTo(a.First, a.Last)
}

func (s screen) eventsOfBots(events, bots int) string {
	text := countedComma(events, "event")
	if bots > 0 {
		text += " of " + countedComma(bots, "bot")
	}
	return text
}

func (s screen) fromTo(first, last time.Time) string {
	if s.at(first) == s.at(last) {
		return s.at(first)
	}
	return s.at(first) + " to " + s.at(last)
}

// keptLines say what was left alone, and why.
func keptLines(kept []admin.KeptReason) string {
	var text strings.Builder
	for _, k := range kept {
		fmt.Fprintf(&text, "%s left alone: %s.\n", withCommas(k.Count), printable(k.Why))
	}
	return text.String()
}
