package admin

import "time"

// ReplayRequest is the body of POST replays: what, whither and how.
//
// What is one of IDs, or Bot, or a time, with Where over it; Since alone is
// enough. Whither is exactly one of To, Again and Reroute.
type ReplayRequest struct {
	// RequestID names the request: a second one with the same id is answered
	// with the job of the first. 1 to 64 of A-Z a-z 0-9 . _ -
	RequestID string `json:"request_id,omitempty"`

	IDs         []EventRef `json:"ids,omitempty"`
	Bot         string     `json:"bot,omitempty"`
	Source      string     `json:"source,omitempty"`
	Where       []string   `json:"where,omitempty"` // FIELD=PATTERN, all fields must hold
	Since       string     `json:"since,omitempty"` // receipt: RFC 3339, or an age like 24h
	Until       string     `json:"until,omitempty"`
	Quarantined bool       `json:"quarantined,omitempty"` // those alone; else they are left out

	To      []string `json:"to,omitempty"`      // these sinks
	Again   bool     `json:"again,omitempty"`   // the sinks that each event went to
	Reroute bool     `json:"reroute,omitempty"` // by the routes of today

	Rate   int    `json:"rate,omitempty"`    // events a second at most; 200
	NewIDs bool   `json:"new_ids,omitempty"` // under ID_replay_N, for a receiver that drops known ids
	DryRun bool   `json:"dry_run,omitempty"` // tell what it would be, change nothing
	By     string `json:"by,omitempty"`
}

// EventRef names one event.
type EventRef struct {
	Source string `json:"source,omitempty"` // may be left out when only one source has the id
	ID     string `json:"id"`
}

// The states of a replay.
const (
	ReplayRunning   = "running"
	ReplayDone      = "done"
	ReplayCancelled = "cancelled"
	ReplayFailed    = "failed"
)

// Replay is one job, or what it would be.
type Replay struct {
	ID      string    `json:"id,omitempty"` // absent in a dry run
	DryRun  bool      `json:"dry_run"`
	State   string    `json:"state"` // running done cancelled failed
	Error   string    `json:"error,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Request ReplayRequest `json:"request"` // with since and until as times
	Plan    ReplayPlan    `json:"plan"`

	Events    int          `json:"events"`           // done so far, those that were skipped included
	Queued    int          `json:"queued"`           // deliveries queued so far
	Skipped   []KeptReason `json:"skipped"`          // deliveries and events that were left alone, by reason
	OnTheWay  int          `json:"on_the_way"`       // queued and not ended yet
	Reached   time.Time    `json:"reached,omitzero"` // receipt of the latest event done
	Remaining float64      `json:"remaining"`        // seconds at least, by the rate
}

// ReplayPlan is what a replay selects.
type ReplayPlan struct {
	Events int       `json:"events"`
	Bots   int       `json:"bots"`
	First  time.Time `json:"first,omitzero"` // receipt of the oldest
	Last   time.Time `json:"last,omitzero"`  // receipt of the newest
	Sinks  []string  `json:"sinks"`          // whither; of again and reroute, those that were found
	// Complete is false when there was no time to count all: there are more.
	Complete bool     `json:"complete"`
	Seconds  float64  `json:"seconds"` // how long it takes at least, by the rate
	Notes    []string `json:"notes"`   // what is particular about it
}

// ReplayList is the answer to GET replays, the latest first.
type ReplayList struct {
	Replays []Replay `json:"replays"`
}
