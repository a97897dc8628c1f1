package slacksink

import (
	"fmt"
	"time"
)

// spoken is a duration as people say it, its two largest units: 17 s, 7 min
// 12 s, 1 h 5 min, 3 d.
func spoken(d time.Duration) string {
	if d < time.Second {
		return "less than 1 s"
	}
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "less than 1 s"
}

// clock is a time that Slack shows in the zone of its reader, and in UTC where
// it cannot (https://docs.slack.dev/messaging/formatting-message-text#date-formatting).
func clock(t time.Time) string {
	utc := t.UTC().Format("2006-01-02 15:04:05 UTC")
	if t.Unix() < 0 || t.Year() > 9999 { // a slip of the sender's; Slack shows none of it
		return utc
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), utc)
}
