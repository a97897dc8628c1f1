package admin

import (
	"encoding/json"
	"time"
)

// Bot is one bot as its stored events tell.
type Bot struct {
	Source    string          `json:"source"`
	ID        string          `json:"id"`
	LastEvent time.Time       `json:"last_event"`         // when its latest event happened
	LastName  string          `json:"last_name"`          // its name
	State     string          `json:"state"`              // the last main state, e.g. in_waiting_room; empty when none was received
	Since     time.Time       `json:"since,omitzero"`     // when that began
	Outcome   string          `json:"outcome,omitempty"`  // recorded not_recorded fatal; absent while it goes on
	Words     string          `json:"words"`              // state and outcome for people
	Failed    bool            `json:"failed"`             // ended by bot.fatal, or without a recording event
	SubCode   string          `json:"sub_code,omitempty"` // with which it ended
	Side      string          `json:"side,omitempty"`     // whose side that is
	Platform  string          `json:"platform,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"` // bot.metadata of its latest event that has some
}

// BotPage is the answer to GET bots: the one with the latest event first.
type BotPage struct {
	Bots []Bot `json:"bots"`
	Paging
}

// BotDetail is one bot with its timeline.
type BotDetail struct {
	Bot
	Dashboard string `json:"dashboard,omitempty"` // its page at Recall

	SetOut      time.Time `json:"set_out,omitzero"`
	InCall      time.Time `json:"in_call,omitzero"`  // let in
	Recorded    time.Time `json:"recorded,omitzero"` // the first recording event
	Ended       time.Time `json:"ended,omitzero"`
	Waited      float64   `json:"waited"`       // seconds in the waiting room, once that is over
	RecordedFor float64   `json:"recorded_for"` // seconds in bot.in_call_recording

	Code     *CodeText       `json:"code,omitempty"` // what the sub code means, if it is known
	Timeline []TimelineEntry `json:"timeline"`
}

// CodeText is the catalogue's reading of a sub code.
type CodeText struct {
	Code        string `json:"code"`
	Side        string `json:"side"`
	Platform    string `json:"platform,omitempty"`
	Title       string `json:"title"`
	Explanation string `json:"explanation,omitempty"`
	NextStep    string `json:"next_step,omitempty"`
	URL         string `json:"url,omitempty"`
	Seen        string `json:"seen,omitempty"` // the month of Recall's text
}

// TimelineEntry is one event of a bot, in the order in which they took place.
type TimelineEntry struct {
	Event
	Deliveries []Delivery `json:"deliveries"`
	// WaitsFor is, by sink, the id of the event behind which its pending
	// delivery waits.
	WaitsFor map[string]string `json:"waits_for,omitempty"`
}
