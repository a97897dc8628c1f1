package relay

import (
	"context"
	"errors"
	"time"
)

// Sink is a named destination. Its name, its concurrency and its rate are the
// delivery loop's affair: a Sink knows how to send one delivery.
type Sink interface {
	// Send returns nil once the destination has acknowledged d, or there is
	// nothing to say to it. It returns soon after ctx ends, does not try again
	// by itself, and may be called concurrently. It must not change d. note is
	// kept with the attempt: a status, an offset, a Slack ts.
	//
	// A *Fault in the error says what kind of failure it was; any other error
	// is transient. No error holds a secret, a URL with one, or a payload.
	Send(ctx context.Context, d *Delivery) (note string, err error)
}

// Batcher is a Sink that takes what is ready together: distinct keys, oldest
// first, one batch at a time.
type Batcher interface {
	Sink
	// SendBatch returns one Result for each delivery, in the same order.
	SendBatch(ctx context.Context, ds []*Delivery) []Result
}

// Result is the outcome of one delivery of a batch.
type Result struct {
	Note string
	Err  error
}

// Kind classes the failure of a try.
type Kind uint8

// The kinds of a Fault. An error without a Fault is transient: its key waits
// and is tried again with a growing delay.
const (
	// Transient is what an error without a Fault is.
	Transient Kind = iota
	// Refused: this event will never be taken. A dead letter now; its key goes on.
	Refused
	// Broken: it cannot concern one event (credentials, TLS, a fixed address
	// that is gone). The sink pauses at once.
	Broken
	// Throttled: too fast. The key waits, no attempt is counted.
	Throttled
	// Doubtful: it may concern this event or all (HTTP 404 and its like). Tried
	// again after a minute; refused if it comes back while other keys get
	// through, and counted towards a pause as any failure.
	Doubtful
	// Postponed: not tried, since it was not its turn (a budget of the sink's
	// own, an earlier one of its batch). The key waits for After, nothing is
	// counted, and nothing is learnt about the destination.
	Postponed
	// Unreachable: there was no connection (refused, DNS, dial timeout), so
	// nothing was sent.
	Unreachable
)

// Fault is the failure of a try together with its class. Sinks return it,
// wrapped or not.
type Fault struct {
	Kind  Kind
	After time.Duration // the destination's own Retry-After; 0 when it gave none
	Cause Cause         // what a pause for it is called; empty where the kind says it
	Err   error         // what happened, without secrets; never nil
}

// Cause classes a pause for people and rules: the sub code of
// botrelay.sink_down.
type Cause string

// The causes of a pause.
const (
	CauseAuth        Cause = "auth"        // HTTP 401 and 403, SASL, revoked tokens
	CauseNotFound    Cause = "not_found"   // HTTP 3xx, 404, 405, 410, 501, a channel or topic that is gone
	CauseTLS         Cause = "tls"         // no common protocol, or a certificate that does not hold
	CauseUnreachable Cause = "unreachable" // no connection, or nothing but failures
)

// Error is the text of the cause.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Classify returns the Fault in err, or one of kind Transient around it. It
// returns nil for a nil error.
func Classify(err error) *Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return &Fault{Kind: f.Kind, After: f.After, Cause: f.Cause, Err: err}
	}
	return &Fault{Kind: Transient, Err: err}
}
