package outcome

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                                  0,
		"0":                                 time.Second,
		"1":                                 time.Second,
		"120":                               2 * time.Minute,
		" 120\t":                            2 * time.Minute,
		"0120":                              2 * time.Minute,
		"3600":                              time.Hour,
		"3601":                              time.Hour,
		"99999999":                          time.Hour,
		"9223372036854775808":               time.Hour,
		strings.Repeat("9", 400):            time.Hour,
		"-1":                                0,
		"+1":                                0,
		"1.5":                               0,
		"1e3":                               0,
		"١":                                 0,
		"soon":                              0,
		"Wed, 04 Mar 2026 12:00:30 GMT":     30 * time.Second,
		"Wednesday, 04-Mar-26 12:00:30 GMT": 30 * time.Second,
		"Wed Mar  4 12:00:30 2026":          30 * time.Second,
		"Wed, 04 Mar 2026 11:00:00 GMT":     time.Second,
		"Fri, 31 Dec 9999 23:59:59 GMT":     time.Hour,
		"Wed, 04 Mar 2026 12:00:30 CET":     0,
		"2026-03-04T12:00:30Z":              0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, noon); got != want {
			t.Errorf("RetryAfter(%.40q) = %v, want %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-5", "99999999999999999999", "Wed, 04 Mar 2026 12:00:30 GMT", "Wed, 04 Mar 0000 12:00:30 GMT", "\x00"} {
		f.Add(seed, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		got := RetryAfter(http.Header{"Retry-After": {value}}, time.Unix(unix, 0))
		if got != 0 && (got < leastRetryAfter || got > mostRetryAfter) {
			t.Errorf("RetryAfter(%q) = %v", value, got)
		}
	})
}
