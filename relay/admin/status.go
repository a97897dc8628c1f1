package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"botrelay/relay"
	"botrelay/relay/receive"
)

// status answers the relay at a glance.
func (c *call) status() (any, error) {
	s, ctx := c.server, c.Context()
	answer := Status{
		Version: s.opts.Version, Running: s.running(), Started: s.opts.Started.UTC(), Now: s.now().UTC(),
		Config: s.opts.Config(), Wrong: []string{},
	}
	if s.opts.Usage != nil {
		usage := s.opts.Usage()
		answer.Store = &usage
	}
	var err error
	if answer.Relays, err = s.relays(ctx); err != nil {
		return nil, err
	}
	if answer.Sources, err = s.sourceStatuses(ctx); err != nil {
		return nil, err
	}
	if answer.Sinks, err = s.allSinks(ctx); err != nil {
		return nil, err
	}
	if answer.Bots, err = s.tallyBots(ctx); err != nil {
		return nil, err
	}
	answer.judge(s.opts.Ready)
	return answer, nil
}

// relaysOwner is the name under which relays that share a store remember that
// they live; the key is a relay's own random id.
const relaysOwner = "_relay"

// relays are those that share the store; none where it is one alone.
func (s *Server) relays(ctx context.Context) ([]RelayStatus, error) {
	list, err := s.living(ctx)
	if err != nil || len(list) < 2 {
		return nil, err
	}
	return list, nil
}

// sourceStatuses are the sources with what they sent within the last hour.
func (s *Server) sourceStatuses(ctx context.Context) ([]SourceStatus, error) {
	counted := map[string]receive.SourceStats{}
	if s.opts.ReceiverStats != nil {
		for _, one := range s.opts.ReceiverStats().Sources {
			counted[one.Name] = one
		}
	}
	resting, err := s.quarantined(ctx)
	if err != nil {
		return nil, err
	}
	since, before := s.hour.before(s.now(), s.opts.Started)
	list := []SourceStatus{}
	for _, name := range s.opts.Sources() {
		one := SourceStatus{Name: name, Reasons: map[string]uint64{}, Secrets: []SecretStatus{}, Quarantined: resting[name]}
		if now, ok := counted[name]; ok {
			one.Since = since.UTC()
			one.count(now, before[name])
		}
		if one.LastEvent.IsZero() {
			if one.LastEvent, err = s.lastEvent(ctx, name); err != nil {
				return nil, err
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// count takes the difference between two counts of a source.
func (one *SourceStatus) count(now, before receive.SourceStats) {
	one.LastEvent = now.LastEvent
	one.Events = now.Accepted + now.Filtered + now.Quarantined - before.Accepted - before.Filtered - before.Quarantined
	one.Duplicates = now.Duplicate - before.Duplicate
	one.Filtered = now.Filtered - before.Filtered
	for reason, n := range now.Refused {
		if n -= before.Refused[reason]; n > 0 {
			one.Reasons[reason] = n
			one.Refused += n
		}
	}
	for _, secret := range now.Secrets {
		one.Secrets = append(one.Secrets, SecretStatus{secret.Fingerprint, secret.LastUsed})
	}
}

// lastEvent is when the latest stored event of a source was received, as far as
// one page finds it.
func (s *Server) lastEvent(ctx context.Context, source string) (time.Time, error) {
	page, err := s.opts.Reader.Events(ctx, relay.Query{Source: source, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return time.Time{}, err
	}
	return page.Items[0].Received.UTC(), nil
}

// quarantined counts the events at rest that were not understood, by source, as
// far as there is time.
func (s *Server) quarantined(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	q := relay.Query{State: relay.StateQuarantined, Limit: mostItems}
	for deadline := s.now().Add(groupTime); s.now().Before(deadline); {
		page, err := s.opts.Reader.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, ev := range page.Items {
			counts[ev.Source]++
		}
		if q.From = page.Next; q.From == "" {
			break
		}
	}
	return counts, nil
}

// judge says what needs somebody.
func (a *Status) judge(ready func() error) {
	wrong := func(format string, args ...any) { a.Wrong = append(a.Wrong, fmt.Sprintf(format, args...)) }
	if a.Running && ready != nil {
		if err := ready(); err != nil {
			wrong("no events are accepted: %v", err)
		}
	}
	if a.Config.Refused != "" {
		wrong("the changed configuration was refused: %s", a.Config.Refused)
	}
	if a.Store != nil && a.Store.Filling && !a.Store.Full {
		wrong("the store is filling")
	}
	paused, orphaned, dead := 0, 0, 0
	var dying []string
	for _, sink := range a.Sinks {
		switch sink.State {
		case SinkPaused:
			paused++
		case SinkOrphaned:
			orphaned++
		}
		dead += sink.Dead
		if sink.LastDead.After(a.Now.Add(-day)) {
			dying = append(dying, sink.Name)
		}
	}
	one, many := "sink is", "sinks are"
	if paused > 0 {
		wrong("%s paused", plural(paused, one, many))
		one, many = "is", "are"
	}
	if orphaned > 0 {
		wrong("%s orphaned", plural(orphaned, one, many))
	}
	if len(dying) > 0 {
		wrong("%s (%s)", plural(dead, "dead letter", "dead letters"), strings.Join(dying, ", "))
	}
	for _, source := range a.Sources {
		if source.Refused > 0 {
			wrong("%s of %s %s refused", plural(int(source.Refused), "request", "requests"), source.Name, was(source.Refused))
		}
		if source.Quarantined > 0 {
			wrong("%s of %s %s not understood", plural(source.Quarantined, "event", "events"), source.Name, was(uint64(source.Quarantined)))
		}
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func was(n uint64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
