package outcome

import (
	"net/http"
	"strings"
	"time"
)

// The bounds of what a destination may ask for. Below the first a loop would
// spin, above the second a slip of the destination would stop a sink for days.
const (
	leastRetryAfter = time.Second
	mostRetryAfter  = time.Hour
)

// RetryAfter reads the Retry-After of an answer that arrived at now: seconds or
// an HTTP date (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3), held
// between 1 s and 1 h. It returns 0 for anything else, which is as if the
// header was not there.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.Trim(header.Get("Retry-After"), " \t")
	if value == "" {
		return 0
	}
	if wait, ok := seconds(value); ok {
		return wait
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), leastRetryAfter), mostRetryAfter)
}

// seconds reads digits of any number: more of them than an integer holds are
// still a wish to wait long.
func seconds(value string) (time.Duration, bool) {
	var wait time.Duration
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		wait = min(wait*10+time.Duration(c-'0')*time.Second, mostRetryAfter)
	}
	return max(wait, leastRetryAfter), true
}
