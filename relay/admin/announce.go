package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"botrelay/relay"
)

// A relay says that it lives more often than the others believe it.
const (
	announceEvery = 10 * time.Second
	announceKept  = 30 * time.Second
)

// Announce tells the relays that share a store, until ctx ends, that this one
// lives, by which version and configuration, and which sinks it knows. now is
// asked each time; its Name is ignored: a process has a random one. Announce
// takes itself back at the end.
func Announce(ctx context.Context, memory relay.Memory, now func() RelayStatus) error {
	name := rand.Text()
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		status := now()
		status.Name = name
		value, err := json.Marshal(status)
		if err != nil {
			return err
		}
		if err := memory.Put(ctx, relaysOwner, name, value, announceKept); err != nil {
			return ignoreEnd(ctx, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			// Without this the others believe for up to 30 s more that it lives.
			_ = memory.Put(last, relaysOwner, name, nil, 0)
			return nil
		}
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// living are all relays that share the store and live, this one included if it
// announces itself.
func (s *Server) living(ctx context.Context) ([]RelayStatus, error) {
	var list []RelayStatus
	err := s.opts.Memory.List(ctx, relaysOwner, "", func(name string, value []byte) bool {
		r := RelayStatus{Sinks: []string{}}
		if json.Unmarshal(value, &r) == nil {
			r.Name = name
			list = append(list, r)
		}
		return true
	})
	return list, err
}

// knownElsewhere tells whether a living relay knows the sink.
func knownElsewhere(relays []RelayStatus, sink string) bool {
	return slices.ContainsFunc(relays, func(r RelayStatus) bool { return slices.Contains(r.Sinks, sink) })
}
