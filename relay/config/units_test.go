package config

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	durations := map[string]time.Duration{
		"90s": 90 * time.Second, "15m": 15 * time.Minute, "6h": 6 * time.Hour, "7d": 7 * day, "1h30m": 90 * time.Minute,
		"250ms": 250 * time.Millisecond, "0s": 0, "1d12h": 36 * time.Hour, "1m1m": 2 * time.Minute,
		"": -1, "5": -1, "m": -1, "1.5h": -1, "-1s": -1, "1h30": -1, "1 h": -1, "1us": -1, "1H": -1, "9223372037s": -1, "200000d": -1,
	}
	for text, want := range durations {
		if got, ok := parseDuration(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("duration %q: got %v %v, want %v", text, got, ok, want)
		}
	}
	sizes := map[string]Size{
		"10B": 10, "512KiB": 512 << 10, "1MiB": 1 << 20, "10GiB": 10 << 30, "1KB": 1e3, "2MB": 2e6, "3GB": 3e9, "0B": 0,
		"": -1, "10": -1, "KiB": -1, "1.5MiB": -1, "10TiB": -1, "10 MiB": -1, "9999999999GiB": -1, "10k": -1,
	}
	for text, want := range sizes {
		if got, ok := parseSize(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("size %q: got %v %v, want %v", text, got, ok, want)
		}
	}
	rates := map[string]Rate{
		"10/s": {10, time.Second}, "60/m": {60, time.Minute}, "1/h": {1, time.Hour},
		"": {}, "10": {}, "/s": {}, "0/s": {}, "10/d": {}, "1.5/s": {}, "10s": {}, "99999999999/s": {}, "10/s/s": {},
	}
	for text, want := range rates {
		if got, ok := parseRate(text); ok != (want != Rate{}) || got != want {
			t.Errorf("rate %q: got %v %v, want %v", text, got, ok, want)
		}
	}
	if _, ok := parseDuration("9223372036s"); !ok {
		t.Error("the longest duration is refused")
	}
}

// TestHintsAreAccepted: what a message tells people to write can be written.
func TestHintsAreAccepted(t *testing.T) {
	durations := map[string]string{
		"5 min": "5m", "10": "10s", "2 hours": "2h", "30 days": "30d", "5S": "5s", "100 millis": "100ms",
		"1.5h": "90m", "0.5m": "30s", "soon": "15m", "5 x": "5s",
	}
	for text, want := range durations {
		if got := durationHint(text); got != want {
			t.Errorf("duration %q: got %s, want %s", text, got, want)
		} else if _, ok := parseDuration(got); !ok {
			t.Errorf("duration %q: the hint %s is not accepted", text, got)
		}
	}
	sizes := map[string]string{"10": "10MiB", "10gb": "10GB", "5 kib": "5KiB", "7k": "7KiB", "2G": "2GiB", "much": "10MiB"}
	for text, want := range sizes {
		if got := sizeHint(text); got != want {
			t.Errorf("size %q: got %s, want %s", text, got, want)
		} else if _, ok := parseSize(got); !ok {
			t.Errorf("size %q: the hint %s is not accepted", text, got)
		}
	}
	rates := map[string]string{"10": "10/s", "10/sec": "10/s", "60 per min": "10/s", "60/min": "60/m", "0": "10/s", "5/hour": "5/h"}
	for text, want := range rates {
		if got := rateHint(text); got != want {
			t.Errorf("rate %q: got %s, want %s", text, got, want)
		} else if _, ok := parseRate(got); !ok {
			t.Errorf("rate %q: the hint %s is not accepted", text, got)
		}
	}
}
