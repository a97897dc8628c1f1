package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseMoment reads what --since and --until take: an age (2h, 7d, 1h30m), a
// time of day (14:00, the latest one), today, yesterday, a date, or a date and
// time, with or without a zone. What names no zone is in zone.
func parseMoment(text string, now time.Time, zone *time.Location) (time.Time, error) {
	local := now.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	switch text {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if age, ok := parseAge(text); ok {
		return now.Add(-age), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			at = time.Date(local.Year(), local.Month(), local.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone)
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
	} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time (write 2h, 14:00, yesterday, or 2026-03-04T15:02Z)", text)
}

// longestAge is more than anything is kept.
const longestAge = 100 * 365 * day

// parseAge reads 90s, 15m, 2h, 7d and sums of them such as 1h30m.
func parseAge(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day}
	var sum time.Duration
	rest := text
	for rest != "" {
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(rest[:end], 10, 32)
		if err != nil || end == len(rest) {
			return 0, false
		}
		unit, ok := units[rest[end]]
		if !ok || time.Duration(n) > (longestAge-sum)/unit {
			return 0, false
		}
		sum, rest = sum+time.Duration(n)*unit, rest[end+1:]
	}
	return sum, text != ""
}

// lasting is a time in one unit: 12 s, 33 min, 5 h, 3 days.
func lasting(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(d, 0)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d days", d/day)
	}
}

// taking is how long something took: 0.4 s, 12 s, 3 min.
func taking(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	}
	return lasting(d)
}

// gap is the time between two events: +0.3s, +10s, +20min, +2h30min.
func gap(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + strings.TrimPrefix(gap(-d), "+")
	case d < time.Second:
		return fmt.Sprintf("+%.1fs", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("+%ds", int(d.Round(time.Second)/time.Second))
	}
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes < 120:
		return fmt.Sprintf("+%dmin", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("+%dh", minutes/60)
	}
	return fmt.Sprintf("+%dd", minutes/60/24)
}

// ordinal is 1st, 2nd, 3rd, 4th, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
