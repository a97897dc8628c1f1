package outcome

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"botrelay/relay"
)

// Answer is what an HTTP destination said.
type Answer struct {
	Status     int
	RetryAfter time.Duration // between 1 s and 1 h; 0 when it gave none that can be read
	Text       string        // a short piece of the body, made safe to show; may be empty
}

// Note is what an attempt keeps of the answer, e.g. "HTTP 202" or
// "HTTP 422: unknown tenant".
func (a Answer) Note() string {
	if a.Text == "" {
		return fmt.Sprintf("HTTP %d", a.Status)
	}
	return fmt.Sprintf("HTTP %d: %s", a.Status, a.Text)
}

// Err is nil for a 2xx and else a *relay.Fault whose text is the Note.
func (a Answer) Err() error {
	if a.Status >= 200 && a.Status <= 299 {
		return nil
	}
	return &relay.Fault{
		Kind:  Kind(a.Status, a.RetryAfter > 0),
		After: a.RetryAfter,
		Cause: Cause(a.Status),
		Err:   errors.New(a.Note()),
	}
}

// Cause is what a pause for an HTTP status is called; empty where the kind of
// the failure says it.
func Cause(status int) relay.Cause {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return relay.CauseAuth
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return relay.CauseNotFound
	}
	if status >= 300 && status <= 399 {
		return relay.CauseNotFound
	}
	return ""
}

// Kind classes an HTTP status outside 2xx; retryAfter says whether the answer
// had a readable Retry-After.
//
// A status that is named nowhere below is Doubtful, other 4xx included: many of
// them (402, 407, 415, 421, 426, 428) are as likely to be said of every event as
// of one, and Refused would then turn a whole backlog into dead letters. Doubtful
// costs one bot a minute and ends as a dead letter all the same when the others
// get through.
func Kind(status int, retryAfter bool) relay.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusUnprocessableEntity:
		return relay.Refused
	case http.StatusTooManyRequests:
		return relay.Throttled
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return relay.Transient
	case http.StatusNotImplemented:
		return relay.Doubtful
	case http.StatusServiceUnavailable:
		if retryAfter {
			return relay.Throttled
		}
		return relay.Transient
	}
	if status >= 500 && status <= 599 {
		return relay.Transient
	}
	return relay.Doubtful
}
