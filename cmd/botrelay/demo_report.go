package main

import (
	"fmt"
	"slices"
)

// demoRow is what one stand-in got, and what it should have got.
type demoRow struct {
	name             string
	received, wanted int
	checked          string
	faults           []string
}

func (d *demo) rows() []demoRow {
	events := len(d.script.letters)
	slack := demoRow{name: "Slack", wanted: d.script.alerts(), checked: "token, channel, blocks, 1 message/s"}
	if d.slackURL != "" {
		slack = demoRow{name: "Slack", checked: "the real one: look there"}
	} else {
		slack.received, slack.faults = len(d.slack.Messages()), d.slack.Faults()
	}
	backend := demoRow{name: "backend", wanted: events, checked: "signature, order per bot, each id once"}
	backend.received, backend.faults = d.backend.received()
	log := demoRow{name: "log", wanted: events, checked: "one JSON line per event"}
	log.received, log.faults = d.log.received()
	return []demoRow{slack, backend, log}
}

// report prints what arrived and returns a failure if anything is not as it
// should be.
func (d *demo) report() error {
	rows := d.rows()
	fmt.Fprintf(d.out, "\n          RECEIVED   WANTED  CHECKED BY THE STAND-IN\n")
	var faults []string
	for _, r := range rows {
		fmt.Fprintf(d.out, "  %-7s %8d %8d  %s\n", r.name, r.received, r.wanted, r.checked)
		if r.received != r.wanted {
			faults = append(faults, fmt.Sprintf("%s: %d received, %d wanted", r.name, r.received, r.wanted))
		}
		for _, fault := range r.faults {
			if !slices.Contains(faults, fault) {
				faults = append(faults, fault)
			}
		}
	}
	requests, duplicates, answerFaults := d.script.tally()
	faults = append(faults, answerFaults...)
	fmt.Fprintf(d.out, "\n%d requests, %d events, %s. Slowest 2xx %d ms, each after its fsync.\n",
		requests, len(d.script.letters), counted(duplicates, "duplicate"), d.script.slowest.Milliseconds())
	if len(faults) > 0 {
		for _, fault := range faults {
			fmt.Fprintf(d.out, "  wrong: %s\n", fault)
		}
		return failed("the demo found %s", counted(len(faults), "fault"))
	}
	fmt.Fprintln(d.out, "Next: copy config.example.yaml to config.yaml, then: botrelay check")
	return nil
}

// tally counts the answers: 202 for each event, 200 for each copy.
func (s *demoScript) tally() (requests, duplicates int, faults []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.letters {
		for i, status := range s.statuses[id] {
			requests++
			want := 202
			if i > 0 {
				duplicates++
				want = 200
			}
			if status != want {
				faults = append(faults, fmt.Sprintf("%s was answered %d, want %d", id, status, want))
			}
		}
	}
	return requests, duplicates, faults
}
