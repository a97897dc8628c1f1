package pgstore

import (
	"log/slog"
	"time"

	"botrelay/relay/store"
)

// Options say where the store is and what it keeps. URL alone is required.
type Options struct {
	// URL is the database, postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the
	// parameters of libpq. It is a secret: no error and no log line has its
	// password.
	URL string
	// RetentionEvents is how long finished events are kept, 0 is 7 days;
	// RetentionDead is the same for dead letters and quarantined events, 0 is 30
	// days. Unfinished deliveries are kept whatever their age.
	RetentionEvents, RetentionDead time.Duration
	// Version is the version of botrelay, for the line that refuses a newer store.
	Version string
	// Clock is the store's time; nil is the machine's. Leases do not go by it.
	Clock store.Clock
	// Logger hears what an operator should know; nil is slog.Default.
	Logger *slog.Logger

	// LeaseTime is how long a sink stays this relay's after the start of its last
	// renewal, and how long another relay's must have been seen unchanged before
	// it is taken over; 0 is 30 s. A third of it passes between renewals. All
	// relays of a database have the same.
	LeaseTime time.Duration
	// PausedLeaseTime is after how long a sink that cannot be reached is let go
	// while another relay lives, which may reach it; 0 is 5 min.
	PausedLeaseTime time.Duration
	// Boot tells how long the machine has been running, suspended or not; nil
	// asks the system.
	Boot func() time.Duration

	running  func() time.Duration // what the wall clock is held against; Boot unless a test says otherwise
	callTime time.Duration        // how long a call may take; shorter in tests
}

func (o Options) withDefaults() Options {
	if o.RetentionEvents <= 0 {
		o.RetentionEvents = 7 * 24 * time.Hour
	}
	if o.RetentionDead <= 0 {
		o.RetentionDead = 30 * 24 * time.Hour
	}
	if o.Version == "" {
		o.Version = "(unknown version)"
	}
	if o.Clock == nil {
		o.Clock = store.SystemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.LeaseTime <= 0 {
		o.LeaseTime = 30 * time.Second
	}
	if o.PausedLeaseTime <= 0 {
		o.PausedLeaseTime = 5 * time.Minute
	}
	if o.Boot == nil {
		o.Boot = runningTime
	}
	if o.callTime == 0 {
		o.callTime = callTime
	}
	if o.running == nil {
		o.running = o.Boot
	}
	return o
}
