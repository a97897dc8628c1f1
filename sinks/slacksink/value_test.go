package slacksink

import (
	"strings"
	"testing"
	"time"
)

func TestValue(t *testing.T) {
	long := strings.Repeat("x", 59)
	for in, want := range map[string]string{
		"":                           "",
		"acme":                       "acme",
		"  a\r\n\tb\u2028c\x00d  ":   "a b c d",
		"\u202egnp.exe\u2066\u200b":  "gnp.exe",
		"`code`":                     "'code'",
		long + "y":                   long + "y",
		long + "yz":                  long + "…",
		strings.Repeat("é", 61):      strings.Repeat("é", 59) + "…",
		strings.Repeat("w ", 40):     strings.TrimSpace(strings.Repeat("w ", 30)[:59]) + "…",
		"a\xffb":                     "a�b",
		strings.Repeat("\n", 1<<20):  "",
		"🔴":                          "🔴",
		"<!channel> & <https://x|y>": "<!channel> & <https://x|y>",
	} {
		if got := value(in); got != want {
			t.Errorf("value(%.40q) = %q, want %q", in, got, want)
		}
	}
}

func TestCodeIsEscapedAndClosed(t *testing.T) {
	if got := code("a`<!here>"); got != "`a'&lt;!here&gt;`" {
		t.Errorf("got %s", got)
	}
	if got := code(" \n"); got != "" {
		t.Errorf("nothing gives %q", got)
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{testBot: "5b1c7f0e", "bot_123": "bot_123", "ééééééééé": "éééééééé"} {
		if got := short(in); got != want {
			t.Errorf("short(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSpoken(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                     "less than 1 s",
		999 * time.Millisecond:                "less than 1 s",
		17 * time.Second:                      "17 s",
		time.Minute:                           "1 min",
		7*time.Minute + 12*time.Second:        "7 min 12 s",
		time.Hour + 59*time.Second:            "1 h",
		2*time.Hour + 5*time.Minute:           "2 h 5 min",
		3*24*time.Hour + 4*time.Hour + 30*1e9: "3 d 4 h",
	} {
		if got := spoken(d); got != want {
			t.Errorf("spoken(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-04T16:00:19.4+01:00": "<!date^1772636419^{date_short_pretty} {time_secs}|2026-03-04 15:00:19 UTC>",
		"1969-12-31T23:59:59Z":        "1969-12-31 23:59:59 UTC",
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := clock(at); got != want {
			t.Errorf("clock(%s) = %s, want %s", text, got, want)
		}
	}
}
