package relay

import (
	"strings"
	"time"
)

// Seq numbers events in commit order. If the 2xx for A was written before B
// arrived, A's Seq is the smaller; between events in flight together it is
// arbitrary.
type Seq int64

// Event is one verified webhook. It is read-only once appended: many
// goroutines share it.
type Event struct {
	Seq      Seq
	Source   string // the name of the source that verified it
	ID       string // the signed id; (Source, ID) is the duplicate key
	Received time.Time
	Raw      []byte // the body as received; nil in lists
	Fields   Fields // zero when quarantined
	Trouble  string // why it is quarantined; empty when it was understood
}

// Fields are the normalised fields of an event, the same for both body
// generations. data.* is not among them: it is read from the raw body.
type Fields struct {
	Event    string   // never empty unless the event is quarantined
	Code     Optional // as sent
	SubCode  Optional // as sent; JSON null is absent
	Side     string   // account host platform recall nobody unknown; empty is absent
	Platform string   // zoom google_meet microsoft_teams webex; empty is absent
	BotID    Optional
	Metadata []byte    // bot.metadata as raw JSON; nil when absent
	At       time.Time // when it happened, by the sender's word; zero when absent or unreadable
	Key      string    // bot id, else recording, sdk_upload, calendar or slack_team id, else the event id
}

// Optional is a text that may be absent, which is not the same as empty. The
// zero value is absent. Values compare with ==.
type Optional struct {
	text    string
	present bool
}

// Some is a present text; it may be empty.
func Some(text string) Optional { return Optional{text, true} }

// Get returns the text and whether it is present.
func (o Optional) Get() (string, bool) { return o.text, o.present }

// String returns the text, or the empty string when it is absent.
func (o Optional) String() string { return o.text }

// OrderKey is what keeps events in order: those of one (sink, OrderKey) are
// delivered one at a time, in commit order. Sources never share one.
func (e *Event) OrderKey() string { return e.Source + "/" + e.Fields.Key }

// DerivedPrefix begins the names of the events that the relay makes itself.
const DerivedPrefix = "botrelay."

// Derived tells whether the relay made the event itself.
func (e *Event) Derived() bool { return strings.HasPrefix(e.Fields.Event, DerivedPrefix) }

// OnTimeline tells whether the event belongs to its bot's timeline: bot.*
// except the logs, recording.*, and botrelay.* that have a bot. These are the
// events that [Reader.Bot] returns.
func (e *Event) OnTimeline() bool {
	name := e.Fields.Event
	if e.Fields.BotID.String() == "" || name == "bot.log" || name == "bot.output_log" {
		return false
	}
	return strings.HasPrefix(name, "bot.") || strings.HasPrefix(name, "recording.") || e.Derived()
}

// Target is one delivery wanted.
type Target struct {
	Sink  string
	Key   string    // [Event.OrderKey]: one at a time, in order, per (Sink, Key); "" = on its own
	Route string    // the first route that chose the sink: its options apply, looked up when sending
	After time.Time // not before; the zero time is now. A timer is a Target with an After and no Key
}
