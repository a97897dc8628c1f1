package admin

import (
	"context"
	"log/slog"
	"time"

	"botrelay/relay"
	"botrelay/relay/receive"
)

// Options are what a Server works with. Reader, Operator, Memory and Log are
// needed; the rest is absent where a command serves the store without a relay,
// and then what depends on it is absent from the answers or refused with a
// line that says so.
type Options struct {
	Reader   relay.Reader
	Operator relay.Operator
	Memory   relay.Memory
	Log      relay.Log // takes what a replay sends under new ids

	// Routes are the routes of today, for replays that route anew. It is called
	// for each event, so that a reload counts at once.
	Routes func(*relay.Event) []relay.Target
	// Sources are the names of the configured sources, in their order.
	Sources func() []string
	// Sinks are the configured sinks, in their order.
	Sinks func() []SinkInfo
	// Dashboard is the page of a bot at Recall; empty where it is not known.
	Dashboard func(source, bot string) string

	// LoopState and ProbeNow are the delivery loop's, see [relay.Loop]. Both are
	// nil where no relay runs.
	LoopState func(sink string) (relay.State, bool)
	ProbeNow  func(sink string) bool
	// ReceiverStats are the receiver's counters; nil where no relay runs.
	ReceiverStats func() receive.Stats
	// Ready says why the relay accepts nothing now, for /readyz; nil is: it does.
	Ready func() error
	// Usage is the room that the store takes; nil where it has no bounds.
	Usage func() StoreStatus
	// Backup copies the store into a new folder; nil where a store has none.
	Backup func(ctx context.Context, folder string) (BackedUp, error)
	// Reload takes the configuration anew. Faults stand in the answer; the error
	// says that it could not be tried. Nil where no relay runs.
	Reload func(ctx context.Context) (Reloaded, error)
	// Config tells of the configuration in force.
	Config func() ConfigStatus
	// RetentionDead is how long dead letters are kept.
	RetentionDead time.Duration

	// Access says who may ask; it is called for each request, so that a reload
	// counts at once. Nil lets everybody in who can reach the handler: for
	// commands, which call it in their own process.
	Access func() Access

	// Alone tells that no other relay shares the store, so that replays which
	// were under way at the last start go on at once.
	Alone   bool
	Version string
	Started time.Time        // of the relay; zero where none runs
	Now     func() time.Time // nil is time.Now
	Logger  *slog.Logger     // nil discards
}

// Access says who may ask.
type Access struct {
	// Token has to come with each request, as a bearer; empty: none is needed on
	// loopback, and off it nothing but the health paths is served.
	Token string
	// Loopback tells whether the listener can be reached from this machine only.
	Loopback bool
	// Hosts are the names, beside localhost and any address, that a request may
	// be addressed to.
	Hosts []string
}

// SinkInfo describes one configured sink.
type SinkInfo struct {
	Name  string
	Type  string
	Where string // where it goes, without secrets
	Alert bool   // takes alerts: slack, or http with body
	Note  string // what a person should know, in a few words
}
