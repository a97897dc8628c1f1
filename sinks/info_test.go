package sinks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInfosHoldNoSecret(t *testing.T) {
	plan := NewPlan(load(`
  hook: {type: slack, webhook_url: "https://hooks.slack.com/services/T0/B0/CANARY"}
  bots: {type: slack, token: "xoxb-CANARY", channel: C0123456789}
  lake: {type: kafka, brokers: "k:9092", topic: ev}
  backend: {type: http, url: "https://a.example:8443/CANARY?x=CANARY"}
  console: {type: log}
  void: {type: discard}
`, `
  - {name: all, to: [hook, bots, lake, backend, console, void]}
`, false))
	want := []Info{
		{"hook", "slack", "the incoming webhook's channel", true},
		{"bots", "slack", "C0123456789", true},
		{"lake", "kafka", "topic ev", false},
		{"backend", "http", "https://a.example:8443", false},
		{"console", "log", "standard output", false},
		{"void", "discard", "nowhere", false},
	}
	if diff := cmp.Diff(want, plan.Infos()); diff != "" {
		t.Errorf("infos (-want +got):\n%s", diff)
	}
}
