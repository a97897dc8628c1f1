package main

import (
	"fmt"
	"strings"
	"time"

	"botrelay/relay/admin"
)

// replayPlan says what a replay does; tail is the end of its last line. typeOf
// is the type of a sink, empty where it is not known.
func (s screen) replayPlan(r admin.Replay, typeOf func(sink string) string, tail string) {
	s.printf("%s, %s, %s,\n", s.eventsOfBots(r.Plan.Events, r.Plan.Bots), s.fromTo(r.Plan.First, r.Plan.Last), replayTarget(r, typeOf))
	ids := "ids as they were"
	if r.Request.NewIDs {
		ids = "under new ids (ID_replay_N)"
	}
	s.printf("oldest first, %s, not above %d/s: about %s.\n", ids, r.Request.Rate, lasting(max(time.Duration(r.Plan.Seconds*float64(time.Second)), time.Second)))
	if !r.Plan.Complete {
		s.printf("There are more events than could be counted at once.\n")
	}
	for _, note := range r.Plan.Notes {
		s.printf("%s", hanging("", printable(note)))
	}
	s.printf("Nothing goes to any other sink. %s\n", tail)
}

// replayTarget says whither.
func replayTarget(r admin.Replay, typeOf func(string) string) string {
	var names []string
	for _, sink := range r.Plan.Sinks {
		if t := typeOf(sink); t != "" {
			sink += " (" + t + ")"
		}
		names = append(names, printable(sink))
	}
	list := strings.Join(names, ", ")
	switch {
	case r.Request.Again:
		return "go again to where they went: " + list
	case r.Request.Reroute:
		return "go where today's routes send them: " + list
	}
	return "go to " + list
}

// replays lists replay jobs, the latest first.
func (s screen) replays(list []admin.Replay) {
	if len(list) == 0 {
		s.printf("No replays.\n")
		return
	}
	t := &table{columns: []column{
		{title: "REPLAY"}, {title: "ASKED FOR"}, {title: "STATE"}, {title: "EVENTS", right: true}, {title: "OF", right: true},
		{title: "QUEUED", right: true}, {title: "TO", wrap: true},
	}}
	for _, r := range list {
		state := r.State
		if r.State == admin.ReplayRunning && r.Remaining > 0 {
			state += fmt.Sprintf(", %s left", lasting(time.Duration(r.Remaining*float64(time.Second))))
		}
		t.add(r.ID, s.at(r.Created), state, withCommas(r.Events), withCommas(r.Plan.Events), withCommas(r.Queued), strings.Join(r.Plan.Sinks, ", "))
	}
	s.table(t)
	for _, r := range list {
		if r.Error != "" {
			s.printf("%s", hanging("", printable(r.ID+": "+r.Error)))
		}
	}
}
