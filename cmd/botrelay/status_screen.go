package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"botrelay/relay/admin"
	"botrelay/relay/receive"
)

// status shows the relay at a glance.
func (s screen) status(a admin.Status) {
	s.now = a.Now
	s.printf("%s\n\n", s.statusLine(a))
	s.sourceTable(a)
	s.sinkStates(a)
	s.botTally(a.Bots)
	s.relayTable(a.Relays)
}

// statusLine is what the process is, and what it works with.
func (s screen) statusLine(a admin.Status) string {
	running := "no relay is running"
	if a.Running {
		running = "up " + lasting(a.Now.Sub(a.Started))
	}
	parts := []string{"botrelay " + printable(a.Version), running}
	if a.Config.File != "" {
		file := printable(filepath.Base(a.Config.File))
		if !a.Config.Modified.IsZero() {
			file += " of " + s.at(a.Config.Modified)
		}
		parts = append(parts, file)
	}
	if a.Store != nil && a.Store.MaxBytes > 0 {
		parts = append(parts, "store "+partOfSize(a.Store.Bytes, a.Store.MaxBytes))
	}
	return strings.Join(parts, " · ")
}

// partOfSize is 0.2 of 10 GiB.
func partOfSize(n, of int64) string {
	const gib = 1 << 30
	if of < gib || n < gib/20 {
		return sizeText(n) + " of " + sizeText(of)
	}
	if of%gib == 0 {
		return fmt.Sprintf("%.1f of %d GiB", float64(n)/gib, of/gib)
	}
	return fmt.Sprintf("%.1f of %.1f GiB", float64(n)/gib, float64(of)/gib)
}

// sourceTable shows what came from each source. What only a running relay
// counts is left out where none runs.
func (s screen) sourceTable(a admin.Status) {
	quarantined := slices.ContainsFunc(a.Sources, func(x admin.SourceStatus) bool { return x.Quarantined > 0 })
	t := &table{columns: []column{{title: "SOURCE"}, {title: "LAST EVENT"}}}
	if a.Running {
		t.columns = append(t.columns, column{title: "1 H", right: true}, column{title: "REFUSED 1 H", right: true})
	}
	if quarantined {
		t.columns = append(t.columns, column{title: "QUARANTINED", right: true})
	}
	if a.Running {
		t.columns = append(t.columns, column{title: "SECRETS LAST USED", wrap: true})
	}
	for _, x := range a.Sources {
		row := []string{x.Name, s.ago(x.LastEvent)}
		if a.Running {
			row = append(row, withCommas(int(x.Events)), withCommas(int(x.Refused)))
		}
		if quarantined {
			row = append(row, withCommas(x.Quarantined))
		}
		if a.Running {
			row = append(row, s.secrets(x.Secrets))
		}
		t.add(row...)
		for _, line := range refusalLines(x.Reasons) {
			row := make([]string, len(t.columns))
			row[len(row)-1] = line
			if a.Running {
				t.add(row...)
			}
		}
	}
	if len(a.Sources) > 0 {
		s.table(t)
		s.printf("\n")
	}
}

func (s screen) secrets(list []admin.SecretStatus) string {
	var parts []string
	for _, x := range list {
		parts = append(parts, strings.ReplaceAll(x.Fingerprint+" "+s.ago(x.LastUsed), " ", glue))
	}
	return strings.Join(parts, ", ")
}

// refusalLines say why requests were refused, the most frequent first.
func refusalLines(reasons map[string]uint64) []string {
	words := map[string]string{
		receive.ReasonNoSignature: "without signature headers", receive.ReasonBadSignature: "no signature matches",
		receive.ReasonClock: "the time is off", receive.ReasonMalformed: "malformed", receive.ReasonTooLarge: "body over the limit",
		receive.ReasonBusy: "could not be taken then", receive.ReasonOther: "for other reasons",
	}
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		if reasons[a] != reasons[b] {
			return int(reasons[b]) - int(reasons[a])
		}
		return strings.Compare(a, b)
	})
	var lines []string
	for _, name := range names {
		word := words[name]
		if word == "" {
			word = name
		}
		lines = append(lines, withCommas(int(reasons[name]))+" × "+word)
	}
	return lines
}

// sinkStates shows how each sink is, with a word about those that are not well.
func (s screen) sinkStates(a admin.Status) {
	t := &table{columns: []column{
		{title: "SINK"}, {title: "STATE", state: true}, {title: "WAITING", right: true}, {title: "DEAD", right: true}, {wrap: true},
	}}
	for _, x := range a.Sinks {
		state, note := x.State, ""
		if state != admin.SinkOK {
			state, note = strings.ToUpper(state), s.trouble(x)
		}
		t.add(x.Name, state, withCommas(x.Waiting), withCommas(x.Dead), note)
	}
	s.table(t)
	s.printf("\n")
}

// trouble says in a few words why a sink is not well, and since when.
func (s screen) trouble(x admin.Sink) string {
	note := x.Note
	if !x.Since.IsZero() {
		note = strings.TrimPrefix(note+", since "+s.clock(x.Since), ", ")
	}
	return note
}

// botTally shows how the bots of the last day ended.
func (s screen) botTally(b admin.BotTally) {
	label := "BOTS 24 H  "
	if !b.Reached.IsZero() {
		label = "BOTS since " + s.at(b.Reached) + "  "
	}
	text := "none has ended"
	if b.Ended > 0 {
		text = fmt.Sprintf("%s: %s recorded", withCommas(b.Ended), withCommas(b.Recorded))
	}
	if failed := b.NotRecorded + b.Fatal; failed > 0 {
		text += fmt.Sprintf(" · %s not", withCommas(failed))
		var sides []string
		for _, side := range []string{"host", "platform", "account", "recall", "nobody", "unknown"} {
			if n := b.Sides[side]; n > 0 {
				sides = append(sides, withCommas(n)+glue+side)
			}
		}
		if len(sides) > 0 {
			text += " (" + strings.Join(sides, ", ") + ")"
		}
	}
	s.printf("%s", hanging(label, text))
}

// relayTable shows those that share a store.
func (s screen) relayTable(relays []admin.RelayStatus) {
	if len(relays) == 0 {
		return
	}
	t := &table{columns: []column{{title: "RELAY"}, {title: "VERSION"}, {title: "CONFIG"}, {title: "SERVES", wrap: true}}}
	for _, x := range relays {
		serves := strings.Join(x.Sinks, ", ")
		if serves == "" {
			serves = "-"
		}
		t.add(x.Name, x.Version, x.ConfigHash[:min(8, len(x.ConfigHash))], serves)
	}
	s.printf("\n")
	s.table(t)
}
