package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// pauseOwner is the name under which the delivery loop remembers pauses; the
// key is the sink's name.
const pauseOwner = "_loop"

const (
	longestWhy  = 200  // bytes of Pause.Why
	longestNote = 1024 // bytes of Settlement.Note
)

// errUnreadablePause is a remembered pause that is not one.
var errUnreadablePause = errors.New("unreadable pause")

// Pause is why a sink does not get anything at present. The loop begins and
// ends it by what the sink answers; a pause by hand is the store's.
type Pause struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"`   // the failure that led to it, redacted by the sink; at most 200 bytes
	Cause Cause     `json:"cause"` // the failure's class
}

// Pauses returns the sinks that are paused, by name, as the memory has them. It
// is the same on every relay that shares the store, and holds pauses of sinks
// that have left the configuration.
func Pauses(ctx context.Context, m Memory) (map[string]Pause, error) {
	paused := map[string]Pause{}
	var broken error
	err := m.List(ctx, pauseOwner, "", func(sink string, value []byte) bool {
		var p Pause
		p, broken = decodePause(sink, value)
		paused[sink] = p
		return broken == nil
	})
	if err == nil {
		err = broken
	}
	if err != nil {
		return nil, fmt.Errorf("list paused sinks: %w", err)
	}
	return paused, nil
}

// readPause returns nil when the sink is not paused.
func readPause(ctx context.Context, m Memory, sink string) (*Pause, error) {
	value, err := m.Get(ctx, pauseOwner, sink)
	if err != nil {
		return nil, fmt.Errorf("read the pause of sink %s: %w", sink, err)
	}
	if value == nil {
		return nil, nil
	}
	p, err := decodePause(sink, value)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// writePause replaces what is remembered; nil forgets it.
func writePause(ctx context.Context, m Memory, sink string, p *Pause) error {
	var value []byte
	if p != nil {
		var err error
		if value, err = json.Marshal(p); err != nil {
			return fmt.Errorf("encode the pause of sink %s: %w", sink, err)
		}
	}
	if err := m.Put(ctx, pauseOwner, sink, value, 0); err != nil {
		return fmt.Errorf("remember the pause of sink %s: %w", sink, err)
	}
	return nil
}

func decodePause(sink string, value []byte) (Pause, error) {
	var p Pause
	if err := json.Unmarshal(value, &p); err != nil {
		return Pause{}, fmt.Errorf("%w of sink %s: %w", errUnreadablePause, sink, err)
	}
	return p, nil
}

// cut shortens a text to limit bytes without breaking a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
