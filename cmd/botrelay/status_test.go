package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay/admin"
)

// evening is the moment of the examples: 4 March 2026, a little before three.
var evening = time.Date(2026, time.March, 4, 15, 35, 2, 0, time.UTC)

func before(d time.Duration) time.Time { return evening.Add(-d) }

// companySinks are the sinks of the example company on a bad afternoon.
func companySinks() []admin.Sink {
	return []admin.Sink{
		{Name: "bots", Type: "slack", Alert: true, State: admin.SinkOK, LastOK: before(12 * time.Second), Note: "C07STAGING1: archived"},
		{
			Name: "lake", Type: "kafka", State: admin.SinkPaused, Waiting: 1204, Oldest: before(33 * time.Minute), LastOK: before(33 * time.Minute),
			Note: "wrong password (SASL)", Cause: "auth", Since: evening.Add(-33*time.Minute - 2*time.Second), NextProbe: evening.Add(20 * time.Second),
		},
		{
			Name: "backend", Type: "http", State: admin.SinkOK, Waiting: 38, Retrying: 9, Oldest: before(4 * time.Minute),
			LastOK: before(time.Second), Dead: 359, Note: "9 bots: HTTP 503",
		},
		{Name: "pager", Type: "http", Alert: true, State: admin.SinkOK, LastOK: before(32 * time.Minute), Note: "stands in for bots"},
		{
			Name: "old-lake", Type: "kafka", State: admin.SinkOrphaned, Waiting: 33402, Oldest: before(3 * day), LastOK: before(3 * day),
			Note: "not in config.yaml",
		},
	}
}

func companyStatus() admin.Status {
	return admin.Status{
		Version: "1.4.2", Running: true, Started: before(12*day + time.Hour), Now: evening,
		Config: admin.ConfigStatus{File: "/etc/botrelay/config.yaml", Modified: time.Date(2026, time.March, 3, 16, 20, 0, 0, time.UTC)},
		Store:  &admin.StoreStatus{Bytes: 210 << 20, MaxBytes: 10 << 30},
		Sources: []admin.SourceStatus{
			{Name: "recall", LastEvent: before(2 * time.Second), Events: 2214, Secrets: []admin.SecretStatus{
				{Fingerprint: "3fa9", LastUsed: before(2 * time.Second)}, {Fingerprint: "81bc"},
			}},
			{
				Name: "recall-staging", LastEvent: before(6 * time.Minute), Events: 31, Refused: 12,
				Reasons: map[string]uint64{"bad_signature": 12},
				Secrets: []admin.SecretStatus{{Fingerprint: "c0de", LastUsed: before(6 * time.Minute)}},
			},
		},
		Sinks: companySinks(),
		Bots: admin.BotTally{
			Since: before(day), Ended: 2014, Recorded: 1641, NotRecorded: 300, Fatal: 73,
			Sides: map[string]int{"host": 49, "platform": 315, "account": 6, "unknown": 3},
		},
		Wrong: []string{
			"1 sink is paused", "1 is orphaned", "359 dead letters (backend)", "12 requests of recall-staging were refused",
		},
	}
}

// shown is what a screen of the afternoon shows.
func shown(show func(screen)) string {
	var out strings.Builder
	show(screen{out: &out, now: evening, zone: time.UTC})
	return out.String()
}

func checkScreen(t *testing.T, got, want string) { t.Helper(); checkWide(t, got, want) }

// checkWide is checkScreen where some lines hold what cannot be broken.
func checkWide(t *testing.T, got, want string, wide ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(strings.TrimPrefix(want, "\n"), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("not as it should be (-want +got):\n%s", diff)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if textWidth(line) > screenWidth && !slices.Contains(wide, line) {
			t.Errorf("over %d columns: %q", screenWidth, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("blanks at the end: %q", line)
		}
	}
}

func TestStatusScreen(t *testing.T) {
	t.Parallel()
	checkScreen(t, shown(func(s screen) { s.status(companyStatus()) }), `
botrelay 1.4.2 · up 12 days · config.yaml of 3 March 16:20 · store 0.2 of 10 GiB

SOURCE          LAST EVENT  1 H    REFUSED 1 H  SECRETS LAST USED
recall          2 s ago     2,214            0  3fa9 2 s ago, 81bc never
recall-staging  6 min ago      31           12  c0de 6 min ago
                                                12 × no signature matches

SINK      STATE     WAITING  DEAD
bots      ok              0     0
lake      PAUSED      1,204     0  wrong password (SASL), since 15:02
backend   ok             38   359
pager     ok              0     0
old-lake  ORPHANED   33,402     0  not in config.yaml

BOTS 24 H  2,014: 1,641 recorded · 373 not (49 host, 315 platform, 6 account,
           3 unknown)
`)
}

func TestSinksScreen(t *testing.T) {
	t.Parallel()
	checkScreen(t, shown(func(s screen) { s.sinks(companySinks()) }), `
SINK      TYPE   STATE    WAITING  OLDEST  LAST OK   DEAD  NOTE
bots      slack  ok             0  -       12 s ago     0  C07STAGING1: archived
lake      kafka  paused     1,204  33 min  33 min       0  wrong password (SASL)
backend   http   ok            38  4 min   1 s ago    359  9 bots: HTTP 503
pager     http   ok             0  -       32 min       0  stands in for bots
old-lake  kafka  orphaned  33,402  3 days  3 days       0  not in config.yaml

lake is asked again every 60 s. Now: botrelay sinks resume lake
old-lake keeps its events. To lake: botrelay sinks move old-lake lake
                           Away:    botrelay sinks discard old-lake
`)
}
