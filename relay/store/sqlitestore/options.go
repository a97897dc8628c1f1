package sqlitestore

import (
	"log/slog"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"botrelay/relay/store"
)

// Options say where the store lies and what it keeps. Dir alone is required.
type Options struct {
	// Dir is the folder. It is created, for its owner alone, if it is missing.
	Dir string
	// MaxDisk is the most bytes that the store takes; 0 is 10 GiB. It takes less
	// when the disk would otherwise be left with less than its floor: 5 % of it,
	// at least 128 MiB, at most 2 GiB.
	MaxDisk int64
	// RetentionEvents is how long finished events are kept, 0 is 7 days;
	// RetentionDead is the same for dead letters and quarantined events, 0 is 30
	// days. Unfinished deliveries are kept whatever their age.
	RetentionEvents, RetentionDead time.Duration
	// Version is the version of botrelay, for the line that refuses a newer store.
	Version string
	// Clock is the store's time; nil is the machine's.
	Clock store.Clock
	// Logger hears what an operator should know; nil is slog.Default.
	Logger *slog.Logger

	// Disk tells how much of the disk that dir lies on is free and how large it
	// is, in bytes; nil asks the system.
	Disk func(dir string) (free, total int64, err error)
	// Boot tells how long the machine has been running, sleep included and
	// whatever its wall clock says; nil asks the system.
	Boot func() time.Duration
	// VFS is the file system that SQLite writes to; nil is the machine's. Tests
	// put one here that remembers, cuts and breaks.
	VFS vfs.VFS

	synchronous string // FULL unless a test wants to see what less costs
}

func (o Options) withDefaults() Options {
	if o.MaxDisk <= 0 {
		o.MaxDisk = 10 << 30
	}
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
	if o.Disk == nil {
		o.Disk = diskSpace
	}
	if o.Boot == nil {
		o.Boot = bootClock()
	}
	if o.synchronous == "" {
		o.synchronous = "FULL"
	}
	return o
}

// monotonicClock tells how long it has been since it was made.
func monotonicClock() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}
