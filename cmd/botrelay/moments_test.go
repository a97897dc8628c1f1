package main

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine has no time zones")
	}
	for _, c := range []struct {
		text string
		zone *time.Location
		want string // empty: refused
	}{
		{"2h", time.UTC, "2026-03-04T13:35:02Z"},
		{"1h30m", time.UTC, "2026-03-04T14:05:02Z"},
		{"7d", time.UTC, "2026-02-25T15:35:02Z"},
		{"14:00", time.UTC, "2026-03-04T14:00:00Z"},
		{"16:00", time.UTC, "2026-03-03T16:00:00Z"}, // the latest that has passed
		{"16:00", berlin, "2026-03-04T15:00:00Z"},
		{"14:00:30", time.UTC, "2026-03-04T14:00:30Z"},
		{"yesterday", time.UTC, "2026-03-03T00:00:00Z"},
		{"yesterday", berlin, "2026-03-02T23:00:00Z"},
		{"today", time.UTC, "2026-03-04T00:00:00Z"},
		{"2026-03-04T15:02Z", berlin, "2026-03-04T15:02:00Z"},
		{"2026-03-04T15:02:03.5+01:00", time.UTC, "2026-03-04T14:02:03.5Z"},
		{"2026-03-04T15:02", berlin, "2026-03-04T14:02:00Z"},
		{"2026-03-04", time.UTC, "2026-03-04T00:00:00Z"},
		{"", time.UTC, ""},
		{"2", time.UTC, ""},
		{"h", time.UTC, ""},
		{"-2h", time.UTC, ""},
		{"2 h", time.UTC, ""},
		{"25:00", time.UTC, ""},
		{"999999999d", time.UTC, ""},
		{"2147483647h2147483647h", time.UTC, ""},
		{"tomorrow", time.UTC, ""},
	} {
		got, err := parseMoment(c.text, evening, c.zone)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%q is taken as %v", c.text, got)
		case c.want != "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && got.UTC().Format(time.RFC3339Nano) != c.want:
			t.Errorf("%q is %v, want %s", c.text, got.UTC(), c.want)
		}
	}
}

func TestDurationsInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{lasting(12 * time.Second), "12 s"}, {lasting(33 * time.Minute), "33 min"}, {lasting(47 * time.Hour), "47 h"},
		{lasting(3 * day), "3 days"}, {lasting(-time.Second), "0 s"},
		{taking(400 * time.Millisecond), "0.4 s"}, {taking(12 * time.Second), "12 s"}, {taking(-time.Second), "0.0 s"},
		{gap(300 * time.Millisecond), "+0.3s"}, {gap(9786 * time.Millisecond), "+10s"}, {gap(20*time.Minute + 6*time.Millisecond), "+20min"},
		{gap(3 * time.Hour), "+3h"}, {gap(-5 * time.Second), "-5s"},
		{ordinal(1), "1st"}, {ordinal(2), "2nd"}, {ordinal(3), "3rd"}, {ordinal(7), "7th"}, {ordinal(11), "11th"}, {ordinal(112), "112th"}, {ordinal(121), "121st"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{"2h", "14:00", "yesterday", "2026-03-04T15:02Z", "1h30m", "7d", "2026-03-04", "9999999999d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseMoment(text, evening, time.UTC)
		if err == nil && at.After(evening.AddDate(0, 0, 1)) && len(text) < len("2026-03-04") {
			t.Errorf("%q is in the future: %v", text, at)
		}
	})
}
