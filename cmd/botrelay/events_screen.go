package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"botrelay/relay/admin"
)

// events lists events, day by day.
func (s screen) events(list []admin.Event) { s.eventRows(list, true) }

// eventRows lists events; without title they go on below others.
func (s screen) eventRows(list []admin.Event, title bool) {
	sources := severalSources(list, func(e admin.Event) string { return e.Source })
	for len(list) > 0 {
		n := slices.IndexFunc(list, func(e admin.Event) bool { return s.day(e.Received) != s.day(list[0].Received) })
		if n < 0 {
			n = len(list)
		}
		t := &table{columns: []column{
			{title: s.narrowDay(list[0].Received)}, {title: "EVENT", min: 25, wrap: true}, {title: "BOT", min: 8}, {title: "ID", below: true},
		}}
		if sources {
			t.columns = slices.Insert(t.columns, 1, column{title: "SOURCE"})
		}
		for _, e := range list[:n] {
			what := e.Event
			if e.Trouble != "" {
				what = "quarantined: " + e.Trouble
			}
			row := []string{e.Received.In(s.zone).Format("15:04:05"), what, shortID(e.Bot), e.ID}
			if sources {
				row = slices.Insert(row, 1, e.Source)
			}
			t.add(row...)
		}
		t.untitled = !title
		s.table(t)
		list, title = list[n:], true
	}
}

// narrowDay is 4 MAR UTC.
func (s screen) narrowDay(t time.Time) string {
	return strings.ToUpper(s.format(t, "2 Jan", "2 Jan 2006")) + " " + s.zoneName(t)
}

// event shows one event with its deliveries and attempts, then its payload.
func (s screen) event(e admin.EventDetail, withPayload, terminal bool) error {
	name := e.Event.Event
	if e.Trouble != "" {
		name = "quarantined: " + e.Trouble
	}
	s.printf("%s   %s   %s\n", printable(e.ID), printable(e.Source), printable(name))
	s.printf("received %s", s.moment(e.Received))
	if !e.At.IsZero() {
		s.printf(", happened %s", s.moment(e.At))
	}
	s.printf("\n")
	if text := fieldsText(e.Event); text != "" {
		s.printf("%s", hanging("", text))
	}
	if e.Bot != "" {
		s.printf("bot %s\n", printable(e.Bot))
	}
	if text := metadataText(e.Metadata); text != "" {
		s.printf("%s", hanging("", text))
	}
	s.printf("\n")
	s.attempts(e)
	if !withPayload {
		return nil
	}
	return s.payload(e, terminal)
}

// moment is 4 March 15:20:11.910 UTC.
func (s screen) moment(t time.Time) string {
	return s.day(t) + t.In(s.zone).Format(" 15:04:05.000 ") + s.zoneName(t)
}

func fieldsText(e admin.Event) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+printable(cutText(value, 100)))
		}
	}
	if e.Code != nil {
		add("code", *e.Code)
	}
	if e.SubCode != nil {
		add("sub_code", *e.SubCode)
	}
	add("side", e.Side)
	add("platform", e.Platform)
	return strings.Join(parts, ", ")
}

// attempts shows what became of an event, sink by sink, with every try that is
// kept.
func (s screen) attempts(e admin.EventDetail) {
	if len(e.Deliveries) == 0 {
		if e.Trouble == "" {
			s.printf("No route wanted it: it was sent nowhere.\n")
		} else {
			s.printf("It was sent nowhere. Once it can be understood: botrelay replay --id %s --reroute\n", printable(e.ID))
		}
		return
	}
	t := &table{columns: []column{{title: "SINK"}, {title: "STATE", state: true}, {title: "ROUTE", wrap: true}, {title: "TRIES", wrap: true, min: 36}}}
	for _, d := range e.Deliveries {
		route := d.Route
		if route == "" {
			route = "-"
		}
		d.Received = e.Received
		text := s.deliveryText(d, "", false)
		text = strings.TrimPrefix(strings.TrimPrefix(text, d.State), ", ")
		t.add(d.Sink, d.State, route, strings.TrimSpace(text))
		for i, try := range d.Tries {
			if skipped := d.Attempts - len(d.Tries); i == 1 && skipped > 0 && len(d.Tries) > 1 {
				t.add("", "", "", fmt.Sprintf("… %s more", withCommas(skipped)))
			}
			line := s.momentOfTry(try, e.Received) + " " + taking(time.Duration(try.Took*float64(time.Second)))
			if try.Note != "" {
				line += ": " + cutText(try.Note, 200)
			}
			t.add("", "", "", line)
		}
	}
	s.table(t)
}

// momentOfTry is the time of day, with the day where it is not the event's.
func (s screen) momentOfTry(try admin.Attempt, received time.Time) string {
	clock := try.Began.In(s.zone).Format("15:04:05.000")
	if s.day(try.Began) != s.day(received) {
		clock = s.day(try.Began) + " " + clock
	}
	return clock
}

// payload prints the body as it was received. On a terminal what could act on
// it is made visible.
func (s screen) payload(e admin.EventDetail, terminal bool) error {
	if e.Payload == nil {
		if e.PayloadGone {
			s.printf("\nIts payload was removed to make room.\n")
		}
		return nil
	}
	body := []byte(*e.Payload)
	if e.PayloadBase64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(*e.Payload); err != nil {
			return failed("the payload of %s cannot be read", printable(e.ID))
		}
	}
	s.printf("\nPayload, %s:\n", countedComma(len(body), "byte"))
	text := string(body)
	if terminal {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
		}
		text = strings.Join(lines, "\n")
	}
	s.printf("%s\n", strings.TrimSuffix(text, "\n"))
	return nil
}
