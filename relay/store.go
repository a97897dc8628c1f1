package relay

import (
	"context"
	"errors"
	"time"
)

// What a store answers when it does not do what it was asked.
var (
	// ErrFull: not stored; nothing finished is left to make room with.
	ErrFull = errors.New("the store is full")
	// ErrClosed: not stored; the store is closing.
	ErrClosed = errors.New("the store is closed")
	// ErrUnavailable: the outcome is unknown; the database does not answer.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrClaimLost: a settled row is gone, or its sink passed to another relay.
	ErrClaimLost = errors.New("the claim was lost")
	// ErrNoPage: the From of a Query is none that was given out.
	ErrNoPage = errors.New("no such page")
)

// Log takes events in. Receiving and the watch use it.
type Log interface {
	// Append returns once ev, its duplicate key and one delivery per target are
	// on stable storage, in one commit. A known key changes nothing and is
	// reported; a copy still being written is waited for and its outcome shared.
	// The store keeps ev, which the caller must not change afterwards; its Seq
	// is that of the Receipt.
	//
	// ErrFull and ErrClosed: not stored. ErrUnavailable and any other, ctx's
	// included: outcome unknown.
	Append(ctx context.Context, ev *Event, to ...Target) (Receipt, error)
}

// Receipt is the outcome of an Append.
type Receipt struct {
	Seq       Seq  // of the stored event; 0 when only its id is still known
	Duplicate bool // the id was known: nothing changed
	Conflict  bool // the id was known with another body; the first is kept
}

// Delivery is one event for one sink, handed out by [Queue.Claim].
type Delivery struct {
	Event            *Event
	Sink, Key, Route string
	Attempt          int           // 1 for the first
	Replay           int           // how often it was asked for again by hand
	First            time.Time     // its first attempt; zero before it
	Waited           time.Duration // sum of Settlement.Wait: what it has waited after failures of its own
	OutOfOrder       bool          // a later event of its key has gone before
	Claim            any           // the store's own; goes back unchanged with Settle
	// Lease ends when the sink passes to another relay: a send under way is then
	// given up, since the other will repeat it. Nil where that cannot happen.
	Lease context.Context
}

// Queue hands deliveries out and records their outcomes. The delivery loop
// uses it. Claim and Settle wait for the database or for room until ctx ends;
// they never return ErrUnavailable or ErrFull.
type Queue interface {
	// Claim blocks until sink has a delivery that may be tried, or ctx is done;
	// returns up to max, fewer if their bodies pass 4 MiB together. With a ctx
	// that is already done it returns what is there. For one (sink, key) it
	// never hands out two unsettled ones, nor one whose predecessor is
	// unfinished, in this process or another. What waits for its time holds back
	// its key only. A sink paused by hand has none. While both kinds wait, at
	// least a quarter and at most half of the last 16 handed out were tried
	// before. Claiming leaves no trace: what a vanished process had claimed is
	// handed out again.
	Claim(ctx context.Context, sink string, max int) ([]*Delivery, error)
	// Settle records outcomes in one durable commit. A row that is gone, or
	// whose sink passed to another relay, is ignored and reported as
	// ErrClaimLost; the others are settled all the same.
	Settle(ctx context.Context, done ...Settlement) error
}

// Verdict says what becomes of a claimed delivery.
type Verdict uint8

// The verdicts of a Settlement.
const (
	Delivered Verdict = iota + 1 // the destination acknowledged it
	Muted                        // a mute keeps it back; final
	Retry                        // again at At; its key waits
	Detach                       // again at At, alone and marked out of order; its key goes on
	Dead                         // a dead letter; its key goes on
	Release                      // not tried, nothing counted; it may be handed out again at once
)

// Settlement is the outcome of one claimed delivery.
type Settlement struct {
	*Delivery
	Verdict   Verdict
	At        time.Time     // for Retry and Detach: not before
	Wait      time.Duration // what this failure adds to Waited: the planned At − now; 0 for a probe
	Began     time.Time     // of the attempt
	Took      time.Duration
	Note      string // status, Kafka offset, Slack ts, "rolled up", or the redacted error; at most 1 KiB
	Uncounted bool   // the attempt is not counted (throttled); for Retry and Detach
}

// Memory is what a part remembers between sends, under its own name (thread
// positions, roll-ups, mutes, a pause). Durable.
type Memory interface {
	// Get returns nil for a key that is not there or is forgotten.
	Get(ctx context.Context, owner, key string) ([]byte, error)
	// Put returns once the value is on stable storage. It is forgotten keep
	// after its last Put; 0 is for good. A nil value forgets it at once.
	Put(ctx context.Context, owner, key string, value []byte, keep time.Duration) error
	// List yields the keys of owner that begin with prefix, in order, until
	// yield returns false.
	List(ctx context.Context, owner, prefix string, yield func(key string, value []byte) bool) error
}

// Ref names one delivery.
type Ref struct {
	Source, ID, Sink string
	// Route is for Requeue alone: the route whose options apply from now on.
	// Empty leaves it as it is; of a new delivery, the sink's own options apply.
	// That of a Status is empty.
	Route string
}

// Attempt is one try at a delivery.
type Attempt struct {
	Began time.Time
	Took  time.Duration
	Note  string
}

// The states of a delivery as people see them.
const (
	StatePending   = "pending"
	StateRetrying  = "retrying"
	StateDelivered = "delivered"
	StateDead      = "dead"
	StateDropped   = "dropped"
	StateMuted     = "muted"
)

// What became of an event that has no delivery: it stands where a [Query] of
// events has the state of deliveries.
const (
	StateFiltered    = "filtered"    // understood, and wanted by no route
	StateQuarantined = "quarantined" // not understood
)

// BuiltInPrefix begins the names of the sinks that the relay has without being
// told: their deliveries are timers, which no person has asked for. No name in
// the configuration begins so.
const BuiltInPrefix = "_"

// Status is one delivery as people see it.
type Status struct {
	Ref
	Route, State      string
	Attempts, Replay  int
	First, Due, Ended time.Time
	OutOfOrder        bool
	Tries             []Attempt // the first and the last four
}

// Query selects events or deliveries, newest first. Empty fields select all.
type Query struct {
	Source, Sink, State, Event, Bot string
	Since, Until                    time.Time         // of receipt; Until itself is not in it
	OldestFirst                     bool              // the other way round; of events alone
	Match                           func(*Event) bool // called with no body unless the caller asked for one event
	Limit                           int
	From                            string // Next of the page before; anything else may be answered ErrNoPage
}

// Page is a part of an answer. It ends at its limit or after 50 ms of looking.
type Page[T any] struct {
	Items   []T
	Next    string    // "" only at the end
	Reached time.Time // how far back it looked
}

// BotRef names one bot.
type BotRef struct{ Source, Bot string }

// Backlog is what waits for one sink.
type Backlog struct {
	Sink                    string
	Pending, Retrying, Dead int
	Oldest, LastOK          time.Time
	Paused                  bool
}

// Reader answers questions about what is stored: API, command line, watch and
// Slack use it. What it returns is the caller's to read, not to change.
type Reader interface {
	// Event returns nil without an error when there is none.
	Event(ctx context.Context, source, id string) (*Event, []Status, error)
	// Events returns headers without bodies, newest first. A Sink and a State
	// select events that have such a delivery; the State may also be
	// StateFiltered or StateQuarantined. Timers are not looked at.
	Events(ctx context.Context, q Query) (Page[*Event], error)
	Deliveries(ctx context.Context, q Query) (Page[Status], error)
	// Bot returns the events of one bot for which OnTimeline holds, in commit
	// order, without bodies.
	Bot(ctx context.Context, source, bot string) ([]*Event, error)
	// Bots returns up to limit bots whose id begins with prefix and that have a
	// timeline, in order of source and id, without looking at their events. An id
	// over 256 bytes stands as the sha256:… that Bot takes, too.
	Bots(ctx context.Context, prefix string, limit int) ([]BotRef, error)
	Sinks(ctx context.Context) ([]Backlog, error)
}

// Done is what became of one ref of an Operator call.
type Done struct {
	Ref
	Changed bool   // false: there was nothing to do; Why says why
	Why     string // for a person
}

// Operator is what a person may change. Each call is durable when it returns;
// one Done per ref, in order.
type Operator interface {
	// Requeue sends a finished or new delivery again, at the end of the queue,
	// in order among the replayed ones of its key and holding nobody else up. A
	// retrying one is due now, in its place. A pending or claimed one is left
	// alone.
	Requeue(ctx context.Context, refs ...Ref) ([]Done, error)
	// Drop ends what is not delivered, at once; a claimed one is shown as
	// delivered if it still gets through.
	Drop(ctx context.Context, refs ...Ref) ([]Done, error)
	// Move takes the unfinished deliveries of one sink to another, as replayed
	// ones, and returns how many.
	Move(ctx context.Context, from, to string) (int, error)
	// Discard ends the unfinished deliveries of one sink, as Drop does, and
	// returns how many. What comes in meanwhile is left.
	Discard(ctx context.Context, sink string) (int, error)
	// Pause stops or resumes a sink by hand. Every relay obeys; it survives
	// restarts.
	Pause(ctx context.Context, sink string, paused bool) error
}
