package config

import (
	"log/slog"
	"time"
)

// Secret is a text that no output shows: every way of printing it gives
// <secret>. Convert it to a string to use it.
type Secret string

const redacted = "<secret>"

// String hides the secret.
func (Secret) String() string { return redacted }

// GoString hides the secret.
func (Secret) GoString() string { return redacted }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from every encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Size is a number of bytes, written as 512KiB or 10GiB.
type Size int64

// Rate is a number of events in a time, written as 10/s or 60/m. The zero Rate
// is no limit.
type Rate struct {
	Events int
	Per    time.Duration
}
