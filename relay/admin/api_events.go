package admin

import (
	"encoding/json"
	"time"
)

// Event is one stored event without its payload.
type Event struct {
	Seq      int64     `json:"seq"` // its number in the store
	Source   string    `json:"source"`
	ID       string    `json:"id"`
	Received time.Time `json:"received"`
	At       time.Time `json:"at,omitzero"` // when it happened, by the sender's word

	Event    string          `json:"event,omitempty"` // empty when quarantined
	Code     *string         `json:"code,omitempty"`
	SubCode  *string         `json:"sub_code,omitempty"`
	Side     string          `json:"side,omitempty"`
	Platform string          `json:"platform,omitempty"`
	Bot      string          `json:"bot,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"` // bot.metadata, as sent

	Trouble string `json:"trouble,omitempty"` // why it is quarantined
}

// EventPage is the answer to GET events, newest first.
type EventPage struct {
	Events []Event `json:"events"`
	Paging
}

// Paging says how a list goes on.
type Paging struct {
	Next    string    `json:"next,omitempty"`   // the from of the next page; absent at the end
	Reached time.Time `json:"reached,omitzero"` // how far back this page has looked
}

// EventDetail is one event with its deliveries.
type EventDetail struct {
	Event
	Deliveries []Delivery `json:"deliveries"`
	// Payload is the body as received, if the request asked for it and it is
	// still there: Base64 with payload_base64 when it is not UTF-8.
	Payload       *string `json:"payload,omitempty"`
	PayloadBase64 bool    `json:"payload_base64,omitempty"`
	PayloadGone   bool    `json:"payload_gone,omitempty"` // it was removed to make room
}

// Delivery is one event for one sink.
type Delivery struct {
	Ref
	Route      string    `json:"route,omitempty"`
	State      string    `json:"state"` // pending retrying delivered dead dropped muted
	Attempts   int       `json:"attempts"`
	Replay     int       `json:"replay,omitempty"` // how often it was asked for again by hand
	First      time.Time `json:"first,omitzero"`   // its first attempt
	Due        time.Time `json:"due,omitzero"`     // the next try
	Ended      time.Time `json:"ended,omitzero"`
	OutOfOrder bool      `json:"out_of_order,omitempty"`
	Reason     string    `json:"reason,omitempty"` // of dead and retrying: as dead letters are grouped
	Tries      []Attempt `json:"tries"`            // the first and the last four

	// Of its event, where the answer is a list of deliveries.
	Seq      int64     `json:"seq,omitempty"`
	Event    string    `json:"event,omitempty"`
	Bot      string    `json:"bot,omitempty"`
	Received time.Time `json:"received,omitzero"`
}

// Attempt is one try at a delivery.
type Attempt struct {
	Began time.Time `json:"began"`
	Took  float64   `json:"took"` // seconds
	Note  string    `json:"note,omitempty"`
}

// DeliveryPage is the answer to GET deliveries: newest event first, dead
// letters the latest death first.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Paging
}

// DeadGroups is the answer to GET dead: dead letters by sink and reason.
type DeadGroups struct {
	Groups []DeadGroup `json:"groups"` // by sink, the largest first
	Total  int         `json:"total"`  // dead letters at rest, grouped or not
	// Complete is false when there was no time to look at all of them: the
	// latest deaths are in the groups.
	Complete bool      `json:"complete"`
	Oldest   time.Time `json:"oldest,omitzero"`  // death of the oldest in the groups
	Expires  time.Time `json:"expires,omitzero"` // when that one goes
}

// DeadGroup is the dead letters of one sink and reason.
type DeadGroup struct {
	Sink   string    `json:"sink"`
	Reason string    `json:"reason"` // the class and the first 80 characters of the answer, digits masked beyond the status
	Events int       `json:"events"`
	Bots   int       `json:"bots"`
	Since  time.Time `json:"since"` // the first death
	Last   time.Time `json:"last"`  // the last death
}

// DeliveryChange is the body of POST deliveries/retry and deliveries/drop:
// either Refs, or Sink with more to select by.
type DeliveryChange struct {
	Refs []Ref `json:"refs,omitempty"`

	Sink   string `json:"sink,omitempty"`
	State  string `json:"state,omitempty"`  // dead, if empty; retrying (due now) and pending (drop only) go by refs or here
	Reason string `json:"reason,omitempty"` // a pattern over reasons
	Since  string `json:"since,omitempty"`  // receipt of the event
	Until  string `json:"until,omitempty"`

	DryRun bool   `json:"dry_run,omitempty"` // tell what it would be, change nothing
	By     string `json:"by,omitempty"`
}

// DeliveriesChanged is what became of it, or would.
type DeliveriesChanged struct {
	DryRun     bool         `json:"dry_run"`
	Deliveries int          `json:"deliveries"` // how many were selected
	Events     int          `json:"events"`     // theirs
	Bots       int          `json:"bots"`
	First      time.Time    `json:"first,omitzero"` // receipt of the oldest
	Last       time.Time    `json:"last,omitzero"`  // receipt of the newest
	Sinks      []string     `json:"sinks"`
	Changed    int          `json:"changed"`
	Kept       []KeptReason `json:"kept"` // those that were left alone, by reason
	// More is true when there are more than one request takes: the same request
	// again goes on.
	More bool `json:"more"`
}

// KeptReason counts what was left alone for one reason.
type KeptReason struct {
	Why   string `json:"why"`
	Count int    `json:"count"`
}
