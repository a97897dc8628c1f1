package sinktest

import (
	"testing"

	"botrelay/relay"
)

// Behaviour is how a destination treats what it is sent.
type Behaviour string

const (
	// Accept acknowledges everything.
	Accept Behaviour = "accept"
	// Refuse will never take the event. Its answer, where it has words, should
	// repeat the secrets and the body that it was sent.
	Refuse Behaviour = "refuse"
	// Throttle says that it is too fast.
	Throttle Behaviour = "throttle"
	// Deny refuses the credentials.
	Deny Behaviour = "deny"
	// Down: nobody listens at the address.
	Down Behaviour = "down"
	// Hang takes the request and never answers.
	Hang Behaviour = "hang"
	// CloseEarly takes the request and closes the connection without an answer.
	CloseEarly Behaviour = "close early"
)

// Subject is a sink together with a view of its destination.
type Subject struct {
	Sink relay.Sink
	// Acknowledged returns how many messages the destination has acknowledged
	// so far. It may be called at any time. nil where nothing can be counted.
	Acknowledged func() int
	// Bodies returns the bodies that the destination received, in any order.
	// nil for a sink that does not pass the body on.
	Bodies func() [][]byte
}

// Harness describes one sink to Run.
type Harness struct {
	// New returns a fresh sink whose destination behaves so. What has to be
	// closed is closed by t.Cleanup, and must end while a request hangs.
	New func(t *testing.T, b Behaviour) Subject
	// Secrets are canaries that New has put wherever the sink keeps a secret:
	// none may appear in an error or a note.
	Secrets []string
	// Without names the behaviours that this destination cannot have, and why.
	Without map[Behaviour]string
	// Kinds holds what this sink makes of a behaviour where it differs from the
	// usual class.
	Kinds map[Behaviour]relay.Kind
}

// usual is the class of each failure. A destination that is down or closes
// early may be seen as either of two.
var usual = map[Behaviour][]relay.Kind{
	Refuse:     {relay.Refused},
	Throttle:   {relay.Throttled},
	Deny:       {relay.Broken, relay.Doubtful},
	Down:       {relay.Unreachable},
	Hang:       {relay.Transient},
	CloseEarly: {relay.Transient, relay.Unreachable},
}

func (h Harness) kinds(b Behaviour) []relay.Kind {
	if kind, ok := h.Kinds[b]; ok {
		return []relay.Kind{kind}
	}
	return usual[b]
}
