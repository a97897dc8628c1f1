package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"botrelay/relay/admin"
	"botrelay/relay/recall"
)

// bots lists bots, the one with the latest event first.
func (s screen) bots(list []admin.Bot) {
	t := &table{columns: []column{{title: "BOT"}, {title: "LAST EVENT"}, {title: "STATE"}}}
	sources := severalSources(list, func(b admin.Bot) string { return b.Source })
	if sources {
		t.columns = slices.Insert(t.columns, 1, column{title: "SOURCE"})
	}
	for _, b := range list {
		row := []string{shortID(b.ID), s.at(b.LastEvent), b.Words}
		if sources {
			row = slices.Insert(row, 1, b.Source)
		}
		t.add(row...)
	}
	s.table(t)
}

func severalSources[T any](list []T, source func(T) string) bool {
	return slices.ContainsFunc(list, func(x T) bool { return source(x) != source(list[0]) })
}

// shortID is the beginning of an id, long enough to ask for the rest.
func shortID(id string) string {
	if runes := []rune(id); len(runes) > 12 {
		return string(runes[:8])
	}
	return id
}

// bot shows first the answer, then the evidence. sinks are those of the relay,
// by name.
func (s screen) bot(b admin.BotDetail, sinks map[string]admin.Sink) {
	s.printf("%s   %s   %s\n", printable(b.ID), printable(b.Source), b.Words)
	if text := metadataText(b.Metadata); text != "" {
		s.printf("%s", hanging("", text))
	}
	if b.Dashboard != "" {
		s.printf("%s\n", printable(b.Dashboard))
	}
	if text := explanation(b); text != "" {
		s.printf("\n%s", text)
	}
	s.printf("\n")
	s.timeline(b.Timeline, sinks)
}

// metadataText is tenant acme, meeting_ref m-1042: what stands in bot.metadata,
// in its order.
func metadataText(raw json.RawMessage) string {
	var parts []string
	for _, entry := range metadataEntries(raw) {
		if len(parts) == mostMetadata {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, printable(cutText(entry[0]+" "+entry[1], 60)))
	}
	return strings.Join(parts, ", ")
}

// metadataEntries are the names and values of bot.metadata, in its order: those
// that are no lists, objects or null.
func metadataEntries(raw json.RawMessage) [][2]string {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var entries [][2]string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return entries
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return entries
		}
		text := string(value)
		switch {
		case value[0] == '{', value[0] == '[', text == "null":
			continue
		case value[0] == '"':
			if json.Unmarshal(value, &text) != nil {
				continue
			}
		}
		entries = append(entries, [2]string{fmt.Sprint(name), text})
	}
	return entries
}

// mostMetadata is how many entries of bot.metadata are shown.
const mostMetadata = 8

// cutText is at most n characters of a text.
func cutText(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// explanation is what the end of the bot means and what to do about it.
func explanation(b admin.BotDetail) string {
	if b.Code == nil {
		if b.Failed && b.SubCode != "" {
			return hanging("", "Recall sent a cause that is not in botrelay's list of "+recall.CatalogueDate+": "+printable(b.SubCode))
		}
		return ""
	}
	if b.Code.Side == recall.SideNobody && b.Outcome == recall.OutcomeRecorded {
		return hanging("", sentence(b.Code.Title)+".")
	}
	what := sentence(b.Code.Title)
	switch {
	case b.Code.Code == "timeout_exceeded_waiting_room" && b.Waited >= 1:
		what += ": it waited " + lasting(time.Duration(b.Waited*float64(time.Second))) + " and left."
	case b.Code.Explanation != "":
		what += ". " + strings.ReplaceAll(b.Code.Explanation, "`", "")
	default:
		what += "."
	}
	text := hanging("", what)
	advice := sideWord(b.Code.Side) + "."
	if b.Code.NextStep != "" {
		advice += " " + strings.ReplaceAll(b.Code.NextStep, "`", "")
	}
	return text + hanging("", advice)
}

// sideWord says whose turn it is.
func sideWord(side string) string {
	switch side {
	case recall.SideAccount:
		return "Yours to fix"
	case recall.SideRecall:
		return "Recall's side"
	case recall.SidePlatform:
		return "Meeting platform's side"
	case recall.SideHost:
		return "Host's side"
	case recall.SideNobody:
		return "Ordinary end"
	}
	return "Cause not known to botrelay"
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	runes := []rune(text)
	if len(runes) == 0 {
		return text
	}
	return strings.ToUpper(string(runes[:1])) + string(runes[1:])
}

// timeline shows the events of a bot, each with the deliveries that a person
// wants to know of: alerts, and what was not simply delivered.
func (s screen) timeline(entries []admin.TimelineEntry, sinks map[string]admin.Sink) {
	if len(entries) == 0 {
		s.printf("No event of it is stored.\n")
		return
	}
	names := map[string]string{}
	widest := len("EVENT")
	for _, e := range entries {
		names[e.ID] = e.Event.Event
		widest = max(widest, textWidth(printable(e.Event.Event)))
	}
	s.printf("%s\n", strings.TrimRight(fmt.Sprintf("%s  %s  %s", pad(s.dayTitle(happened(entries[0])), 20), pad("EVENT", widest), "DETAIL"), " "))
	var last time.Time
	var hidden, shown int
	for i, e := range entries {
		at := happened(e)
		if i > 0 && s.day(at) != s.day(happened(entries[i-1])) {
			s.printf("%s\n", s.dayTitle(at))
		}
		gone := ""
		if derived := strings.HasPrefix(e.Event.Event, "botrelay."); !derived {
			if !last.IsZero() {
				gone = gap(at.Sub(last))
			}
			last = at
		}
		detail := ""
		if e.SubCode != nil {
			detail = printable(*e.SubCode)
		}
		line := fmt.Sprintf("%s  %6s  %s  %s", at.In(s.zone).Format("15:04:05.000"), gone, pad(printable(e.Event.Event), widest), detail)
		s.printf("%s\n", strings.TrimRight(line, " "))
		for _, d := range e.Deliveries {
			if simplyDelivered(d) && !sinks[d.Sink].Alert {
				hidden++
				continue
			}
			shown++
			d.Received = e.Received
			text := s.deliveryText(d, names[e.WaitsFor[d.Sink]], sinks[d.Sink].State == admin.SinkPaused)
			s.printf("%s", hanging(strings.Repeat(" ", 24)+printable(d.Sink)+": ", text))
		}
	}
	s.printf("\n%s", hanging("", timelineEnd(hidden, shown, entries)))
}

// timelineEnd says what was left out, and where the rest is.
func timelineEnd(hidden, shown int, entries []admin.TimelineEntry) string {
	text := "Nothing was sent: no route wanted any of it."
	switch {
	case hidden > 0 && shown > 0:
		text = "Everything else was delivered."
	case hidden > 0:
		text = "Everything was delivered."
	case shown > 0:
		text = ""
	}
	return strings.TrimSpace(text + " " + strings.ReplaceAll("Payload of one event: botrelay events "+printable(entries[len(entries)-1].ID), " ", glue))
}

// happened is when an event took place, by the sender's word if there is one.
func happened(e admin.TimelineEntry) time.Time {
	if e.At.IsZero() {
		return e.Received
	}
	return e.At
}

// simplyDelivered is what needs no word: it went through in its turn, once.
func simplyDelivered(d admin.Delivery) bool {
	return d.State == "delivered" && d.Attempts <= 1 && !d.OutOfOrder && d.Replay == 0
}

// deliveryText says how one delivery is. behind is the event behind which it
// waits, if it does; paused tells whether its sink is.
func (s screen) deliveryText(d admin.Delivery, behind string, paused bool) string {
	text := d.State
	switch d.State {
	case "delivered":
		text = "delivered"
		if from := d.Received; !from.IsZero() && !d.Ended.IsZero() && d.Replay == 0 {
			text += " in " + taking(d.Ended.Sub(from))
		}
		if d.Attempts > 1 {
			text += ", at the " + ordinal(d.Attempts) + " try"
		}
	case "retrying":
		text += s.because(d.Reason) + ", " + ordinal(d.Attempts+1) + " try "
		if paused {
			text += "when the sink goes on"
		} else {
			text += s.inTime(d.Due)
		}
	case "pending":
		switch {
		case behind != "":
			text = "waits for " + behind
		case paused:
			text = "waits until the sink goes on"
		case d.Due.After(s.now):
			text = "waits, first try " + s.inTime(d.Due)
		}
	case "dead":
		text += s.because(d.Reason)
	case "dropped":
		text = "dropped"
		if n := len(d.Tries); n > 0 && strings.HasPrefix(d.Tries[n-1].Note, "moved to ") {
			text = d.Tries[n-1].Note
		}
	}
	if d.OutOfOrder {
		text += ", out of order"
	}
	if d.Replay > 0 {
		text += ", replayed"
	}
	return printable(text)
}

func (s screen) because(reason string) string {
	if reason == "" {
		return ""
	}
	return ", " + cutText(reason, 120)
}

// inTime is in 21 s, or now.
func (s screen) inTime(t time.Time) string {
	if left := t.Sub(s.now); left >= time.Second {
		return "in " + lasting(left)
	}
	return "now"
}
