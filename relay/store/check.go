package store

import (
	"errors"
	"fmt"

	"botrelay/relay"
)

// CheckTargets refuses what no store can keep in order. A store calls it before
// it appends; an error means that nothing is stored.
func CheckTargets(to []relay.Target) error {
	for i, t := range to {
		switch {
		case t.Sink == "":
			return errors.New("append: a target has no sink; give the sink's name")
		case t.Key != "" && !t.After.IsZero():
			return fmt.Errorf("append: the target for sink %s has a key and a time to wait for; a timer has no key", t.Sink)
		}
		for _, earlier := range to[:i] {
			if earlier.Sink == t.Sink {
				return fmt.Errorf("append: two targets for sink %s; an event has one delivery for each sink", t.Sink)
			}
		}
	}
	return nil
}
