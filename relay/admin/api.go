package admin

import "time"

// Problem is the answer of every request that is not done: what is wrong, and
// what to do about it.
type Problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// Ref names one delivery.
type Ref struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Sink   string `json:"sink"`
}

// Status is the relay at a glance.
type Status struct {
	Version string    `json:"version"`
	Running bool      `json:"running"` // false: no relay holds the store; what follows is what is stored
	Started time.Time `json:"started,omitzero"`
	Now     time.Time `json:"now"`

	Config ConfigStatus  `json:"config"`
	Store  *StoreStatus  `json:"store,omitempty"`
	Relays []RelayStatus `json:"relays,omitempty"` // those that share the store, if there are several

	Sources []SourceStatus `json:"sources"`
	Sinks   []Sink         `json:"sinks"`
	Bots    BotTally       `json:"bots"` // that ended in the last 24 h

	// Wrong is what needs somebody, a line each; with none all is well.
	Wrong []string `json:"wrong"`
}

// ConfigStatus is the configuration that is in force.
type ConfigStatus struct {
	File     string    `json:"file"`
	Modified time.Time `json:"modified,omitzero"`
	Hash     string    `json:"hash,omitempty"` // of its contents, in hex
	// Refused says why the latest change was not taken; empty while the file in
	// force is the latest.
	Refused string `json:"refused,omitempty"`
}

// StoreStatus is the room that the store takes, in bytes.
type StoreStatus struct {
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"` // what it may take
	Filling  bool  `json:"filling"`   // what may not be removed takes 80 % of that
	Full     bool  `json:"full"`      // new events are refused
	Early    int64 `json:"early"`     // events that lost their body or went before their time, since the start
}

// RelayStatus is one of several relays that share a store.
type RelayStatus struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	ConfigHash string   `json:"config_hash"`
	Sinks      []string `json:"sinks"` // those that it serves
}

// SourceStatus is what one source has sent.
type SourceStatus struct {
	Name      string    `json:"name"`
	LastEvent time.Time `json:"last_event,omitzero"`
	// Since is when the counts begin: an hour ago, or the start of the relay.
	Since       time.Time         `json:"since,omitzero"`
	Events      uint64            `json:"events"`      // answered 2xx since then, duplicates aside
	Duplicates  uint64            `json:"duplicates"`  // since then
	Filtered    uint64            `json:"filtered"`    // since then
	Refused     uint64            `json:"refused"`     // since then
	Reasons     map[string]uint64 `json:"reasons"`     // of refused, those that are not 0
	Quarantined int               `json:"quarantined"` // resting now, whenever they came
	Secrets     []SecretStatus    `json:"secrets"`
}

// SecretStatus tells whether a secret is in use.
type SecretStatus struct {
	Fingerprint string    `json:"fingerprint"` // the first four hex digits of its SHA-256
	LastUsed    time.Time `json:"last_used,omitzero"`
}

// BotTally counts the bots that ended in a time.
type BotTally struct {
	Since       time.Time      `json:"since"`
	Ended       int            `json:"ended"`
	Recorded    int            `json:"recorded"`
	NotRecorded int            `json:"not_recorded"` // no recording event was received
	Fatal       int            `json:"fatal"`
	Sides       map[string]int `json:"sides"`            // of the last two together: whose side
	Reached     time.Time      `json:"reached,omitzero"` // set when there was no time to look back to since
}

// The states of a sink.
const (
	SinkOK       = "ok"
	SinkPaused   = "paused"
	SinkOrphaned = "orphaned" // not in the configuration, with deliveries left
)

// Sink is one destination with what waits for it.
type Sink struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`  // empty when orphaned
	Where string `json:"where,omitempty"` // where it goes, without secrets
	Alert bool   `json:"alert"`           // takes alerts: slack, or http with body
	State string `json:"state"`           // ok paused orphaned

	Waiting  int       `json:"waiting"`  // pending and retrying
	Retrying int       `json:"retrying"` // those of waiting that have failed before
	Dead     int       `json:"dead"`
	Oldest   time.Time `json:"oldest,omitzero"` // receipt of the oldest that waits
	LastOK   time.Time `json:"last_ok,omitzero"`
	LastDead time.Time `json:"last_dead,omitzero"`

	Note   string    `json:"note,omitempty"`   // in a few words: why it is paused, what keeps failing
	Reason string    `json:"reason,omitempty"` // of a pause: the failure, without secrets
	Cause  string    `json:"cause,omitempty"`  // of a pause: auth not_found tls unreachable hand
	Since  time.Time `json:"since,omitzero"`   // of a pause
	By     string    `json:"by,omitempty"`     // of a pause by hand: who

	NextProbe      time.Time `json:"next_probe,omitzero"`      // when a paused sink is asked again
	ThrottledUntil time.Time `json:"throttled_until,omitzero"` // the destination asked for a rest
	InFlight       int       `json:"in_flight"`
}

// Sinks is the answer to GET sinks: those of the configuration in its order,
// then orphaned ones.
type Sinks struct {
	Sinks []Sink `json:"sinks"`
}

// SinkChange is the body of a change of one sink. To is needed by move alone.
type SinkChange struct {
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"` // of a pause, shown with it
	By     string `json:"by,omitempty"`     // who asks, for the log
}

// SinkChanged is what became of it.
type SinkChanged struct {
	Sink       Sink `json:"sink"`
	Deliveries int  `json:"deliveries"` // moved or discarded
}

// Reloaded is the answer to POST reload. With faults nothing has changed.
type Reloaded struct {
	Taken    bool     `json:"taken"`
	File     string   `json:"file"`
	Faults   []string `json:"faults"`   // located, in file order
	Warnings []string `json:"warnings"` // likewise
	Notes    []string `json:"notes"`    // what was taken, and what needs a restart
}

// BackupRequest is the body of POST backup.
type BackupRequest struct {
	Folder string `json:"folder"` // on the relay's machine; must not exist
	By     string `json:"by,omitempty"`
}

// BackedUp is what was copied.
type BackedUp struct {
	Folder string    `json:"folder"`
	Events int       `json:"events"`
	Bytes  int64     `json:"bytes"`
	AsOf   time.Time `json:"as_of"`
}

// Change is the body of a change that needs no more than who asks.
type Change struct {
	By string `json:"by,omitempty"`
}

// Health is the answer of the health paths.
type Health struct {
	OK bool `json:"ok"`
}
