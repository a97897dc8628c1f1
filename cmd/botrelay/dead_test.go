package main

import (
	"testing"
	"time"

	"botrelay/relay/admin"
)

func TestDeadScreen(t *testing.T) {
	t.Parallel()
	a := admin.DeadGroups{
		Groups: []admin.DeadGroup{
			{Sink: "backend", Reason: "HTTP 422: unknown tenant", Events: 41, Bots: 12, Since: before(2*day + 6*time.Hour)},
			{Sink: "backend", Reason: "given up after 72 h: HTTP 500", Events: 318, Bots: 103, Since: before(5 * day)},
		},
		Total: 359, Complete: true, Oldest: before(5 * day), Expires: evening.Add(25 * day),
	}
	checkScreen(t, shown(func(s screen) { s.deadGroups(a) }), `
SINK     REASON                                     EVENTS  BOTS  SINCE
backend  HTTP 422: unknown tenant                       41    12  2 days
backend  given up after 72 h: HTTP 500                 318   103  5 days

359 dead letters in 2 groups. Kept 30 days, the oldest goes in 25 days.
Look:   botrelay dead ls --sink backend --reason 'HTTP 422*'     one line each
Again:  botrelay dead retry --sink backend --reason 'HTTP 422*'  asks first
`)
	changed := admin.DeliveriesChanged{
		Events: 41, Bots: 12, Sinks: []string{"backend"}, First: time.Date(2026, time.March, 2, 9, 14, 0, 0, time.UTC),
		Last: time.Date(2026, time.March, 4, 11, 2, 0, 0, time.UTC),
	}
	checkScreen(t, shown(func(s screen) { s.printf("%s", hanging("", s.retryPlan(changed)+" Retry? [y/N]")) }), `
41 events of 12 bots, 2 March 09:14 to 4 March 11:02, go to backend again with
their old ids, oldest first. Their bots' later events have already been
delivered, so these arrive out of order. Retry? [y/N]
`)
}

func TestPatternOfReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"HTTP 422: unknown tenant":      "HTTP 422*",
		"given up after 72 h: HTTP 500": "given up after 72 h: HTTP 500",
		"HTTP 404":                      "HTTP 404",
		"partition # is *gone*":         "partition *",
		"a * b":                         `a \* b`,
	} {
		if got := patternOf(reason); got != want {
			t.Errorf("patternOf(%q) = %q, want %q", reason, got, want)
		}
	}
}

func TestReplayScreen(t *testing.T) {
	t.Parallel()
	r := admin.Replay{
		DryRun: true, Request: admin.ReplayRequest{To: []string{"newlake"}, Rate: 200},
		Plan: admin.ReplayPlan{
			Events: 11204, Bots: 2019, Sinks: []string{"newlake"}, Complete: true, Seconds: 56.02,
			First: time.Date(2026, time.March, 3, 15, 10, 0, 0, time.UTC), Last: time.Date(2026, time.March, 4, 15, 10, 0, 0, time.UTC),
		},
	}
	got := shown(func(s screen) {
		s.replayPlan(r, func(string) string { return "kafka" }, "Dry run: say --yes to do it.")
	})
	const first = "11,204 events of 2,019 bots, 3 March 15:10 to 4 March 15:10, go to newlake (kafka),"
	checkWide(t, got, `
`+first+`
oldest first, ids as they were, not above 200/s: about 56 s.
Nothing goes to any other sink. Dry run: say --yes to do it.
`, first)
}

func TestDeadListScreen(t *testing.T) {
	t.Parallel()
	list := []admin.Delivery{{
		Ref: admin.Ref{Source: "recall", ID: "msg_2kFqX4mT02kFqX4mT02kFqX4mT0", Sink: "backend"}, Event: "bot.call_ended",
		Bot: "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31", Ended: before(2 * day), Reason: "HTTP 422: unknown tenant",
	}}
	checkScreen(t, shown(func(s screen) { s.deadList(list) }), `
DIED           EVENT           BOT       REASON
2 March 15:35  bot.call_ended  5b1c7f0e  HTTP 422: unknown tenant
               msg_2kFqX4mT02kFqX4mT02kFqX4mT0
`)
}

func TestReplaysScreen(t *testing.T) {
	t.Parallel()
	list := []admin.Replay{
		{
			ID: "2", State: admin.ReplayRunning, Created: before(time.Minute), Events: 4000, Queued: 3990, Remaining: 36,
			Plan: admin.ReplayPlan{Events: 11204, Sinks: []string{"newlake"}},
		},
		{
			ID: "1", State: admin.ReplayFailed, Created: before(day), Events: 12, Error: "the store is full",
			Plan: admin.ReplayPlan{Events: 40, Sinks: []string{"lake", "backend"}},
		},
	}
	checkScreen(t, shown(func(s screen) { s.replays(list) }), `
REPLAY  ASKED FOR      STATE               EVENTS  OF      QUEUED  TO
2       4 March 15:34  running, 36 s left   4,000  11,204   3,990  newlake
1       3 March 15:35  failed                  12      40       0  lake, backend
1: the store is full
`)
}
