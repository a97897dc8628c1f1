package receive

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// The reasons of a Refusal: a closed list, fit for the label of a metric.
const (
	ReasonNoSignature  = "no_signature"
	ReasonBadSignature = "bad_signature"
	ReasonClock        = "clock"
	ReasonMalformed    = "malformed"
	ReasonTooLarge     = "too_large"
	ReasonBusy         = "busy"
	ReasonOther        = "other"
)

// Reasons lists every reason of a Refusal.
func Reasons() []string {
	return []string{ReasonNoSignature, ReasonBadSignature, ReasonClock, ReasonMalformed,
		ReasonTooLarge, ReasonBusy, ReasonOther}
}

// Refusal says why a request was not taken. As an error it holds neither a
// secret nor anything that the request brought.
type Refusal struct {
	Status int           // the HTTP status of the answer
	Reason string        // one of [Reasons]
	Detail string        // which rule, where several lead to one reason; a fixed text, or the store's error
	Off    time.Duration // for ReasonClock: how far the request's time is from this machine's; negative is past

	cause cause
}

// Error tells the rule that was broken.
func (r *Refusal) Error() string { return "request " + r.cause.what(r) }

// refuse makes the Refusal of a cause.
func refuse(c cause) *Refusal {
	return &Refusal{Status: causes[c].status, Reason: causes[c].reason, cause: c}
}

// refuseWith is refuse with the rule that was broken.
func refuseWith(c cause, detail string) *Refusal {
	r := refuse(c)
	r.Detail = detail
	return r
}

// A cause is finer than a reason: each has a remedy of its own.
type cause uint8

const (
	causeUnsigned cause = iota
	causeIncomplete
	causeHeaders
	causeClock
	causeSignature
	causeTooLarge
	causeEncoding
	causeBody
	causeSlow
	causePath
	causeMethod
	causeStarting
	causeDraining
	causeInFlight
	causeFull
	causeClosed
	causeUnavailable
	causeStoreSlow
	causeStoreError
	causePanic
	causeConflict // no refusal: a duplicate with another body, told about like one
	causeCount
)

// causes holds what each cause means for the answer and for the log. text
// follows "12 requests "; one %s in it is the Refusal's own detail.
var causes = [causeCount]struct {
	status int
	reason string
	text   string
	remedy string
	close  bool // the body is not read to its end: the connection cannot be used again
	level  slog.Level
}{
	causeUnsigned: {http.StatusUnauthorized, ReasonNoSignature, "without signature headers",
		"create the workspace secret (Recall dashboard > Developers > API Keys & Secrets)", false, slog.LevelWarn},
	causeIncomplete: {http.StatusUnauthorized, ReasonNoSignature, "with only a part of the signature headers",
		"look for a proxy that drops headers", false, slog.LevelWarn},
	causeHeaders: {http.StatusBadRequest, ReasonMalformed, "with malformed signature headers (%s)",
		"look for a proxy that adds or changes headers", false, slog.LevelWarn},
	causeClock: {http.StatusUnauthorized, ReasonClock, "whose time is off by %s",
		"check this machine's clock", false, slog.LevelWarn},
	causeSignature: {http.StatusUnauthorized, ReasonBadSignature, "whose signature fits no secret",
		"copy the endpoint's Signing Secret (bottom right)", false, slog.LevelWarn},
	causeTooLarge: {http.StatusRequestEntityTooLarge, ReasonTooLarge, "with a body over the limit",
		"raise the source's max_body if they are genuine", true, slog.LevelWarn},
	causeEncoding: {http.StatusUnsupportedMediaType, ReasonOther, "with a Content-Encoding",
		"turn off compression of requests in the proxy", false, slog.LevelWarn},
	causeBody: {http.StatusBadRequest, ReasonMalformed, "whose body ended early or was malformed",
		"look at the network and the proxy in front", true, slog.LevelWarn},
	causeSlow: {http.StatusRequestTimeout, ReasonOther, "whose body came too slowly",
		"look at the network and the proxy in front", true, slog.LevelWarn},
	causePath: {http.StatusNotFound, ReasonOther, "to unknown paths",
		"POST to the path of a source (%s)", false, slog.LevelInfo},
	causeMethod: {http.StatusMethodNotAllowed, ReasonOther, "with a method other than POST",
		"look for a redirect or a check that uses the path of a source", false, slog.LevelInfo},
	causeStarting: {http.StatusServiceUnavailable, ReasonBusy, "while starting",
		"the sender repeats them", true, slog.LevelInfo},
	causeDraining: {http.StatusServiceUnavailable, ReasonBusy, "while shutting down",
		"the sender repeats them", true, slog.LevelInfo},
	causeInFlight: {http.StatusServiceUnavailable, ReasonBusy, "while 32 MiB of bodies were in flight",
		"the sender repeats them; if it goes on, look for a flood or a slow disk", true, slog.LevelWarn},
	causeFull: {http.StatusServiceUnavailable, ReasonBusy, "while the store was full",
		"raise retention.max_disk or free space on the disk", false, slog.LevelError},
	causeClosed: {http.StatusServiceUnavailable, ReasonBusy, "while the store was closing",
		"the sender repeats them", false, slog.LevelInfo},
	causeUnavailable: {http.StatusServiceUnavailable, ReasonBusy, "while the store was unavailable (%s)",
		"look at the database", false, slog.LevelError},
	causeStoreSlow: {http.StatusServiceUnavailable, ReasonBusy, "that the store did not take in 10 s",
		"look at the disk or the database", false, slog.LevelError},
	causeStoreError: {http.StatusServiceUnavailable, ReasonBusy, "that the store did not take (%s)",
		"look at the disk or the database", false, slog.LevelError},
	causePanic: {http.StatusInternalServerError, ReasonOther, "that met a fault in botrelay",
		"report it with the stack in the log", true, slog.LevelError},
	causeConflict: {http.StatusOK, "", "with a known id and another body (%s)",
		"the first body is kept; look at what sends the second", false, slog.LevelWarn},
}

// what is the text of the cause, the Refusal's own detail in it.
func (c cause) what(r *Refusal) string {
	switch c {
	case causeClock:
		return fmt.Sprintf(causes[c].text, roughly(r.Off))
	case causeHeaders, causeUnavailable, causeStoreError, causeConflict:
		return fmt.Sprintf(causes[c].text, r.Detail)
	}
	return causes[c].text
}

// roughly is a span as people say it: in seconds, minutes, hours or days, its
// sign left out.
func roughly(d time.Duration) string {
	d = max(d, -d)
	switch {
	case d < 0: // the most negative span has no positive counterpart
		return "centuries"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
