package admin

import (
	"context"
	"strings"
	"sync"
	"time"

	"botrelay/relay"
	"botrelay/relay/recall"
)

const (
	day = 24 * time.Hour
	// tallyTime is how long one tally looks: as many bots as a company runs in a
	// day take a small part of it.
	tallyTime = 250 * time.Millisecond
	// tallyKeep is how long a tally is good enough for the next who asks.
	tallyKeep = 5 * time.Second
)

// tallyCache keeps the last tally, and lets one at a time be made.
type tallyCache struct {
	mu   sync.Mutex
	made time.Time
	last BotTally
}

// tallyBots counts the bots that ended in the last 24 hours.
func (s *Server) tallyBots(ctx context.Context) (BotTally, error) {
	c := &s.tally
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.now()
	if age := now.Sub(c.made); !c.made.IsZero() && age >= 0 && age < tallyKeep {
		return c.last, nil
	}
	t := BotTally{Since: now.Add(-day).UTC(), Sides: map[string]int{}}
	if err := s.countBots(ctx, &t, now.Add(tallyTime)); err != nil {
		return BotTally{}, err
	}
	c.last, c.made = t, now
	return t, nil
}

// countBots goes down through the events of the time. A bot whose beginning
// lies before it, or beyond where there was time to look, is read whole.
func (s *Server) countBots(ctx context.Context, t *BotTally, deadline time.Time) error {
	lives := map[relay.BotRef][]*relay.Event{}
	q := relay.Query{Since: t.Since, Limit: mostItems, Match: func(ev *relay.Event) bool {
		if ev.OnTimeline() && !simulated(ev) {
			ref := relay.BotRef{Source: ev.Source, Bot: ev.Fields.BotID.String()}
			lives[ref] = append(lives[ref], ev)
		}
		return false
	}}
	for {
		page, err := s.opts.Reader.Events(ctx, q)
		if err != nil {
			return err
		}
		if q.From = page.Next; q.From == "" {
			break
		}
		if s.now().After(deadline) {
			t.Reached = page.Reached.UTC()
			break
		}
	}
	for ref, events := range lives {
		life := recall.Fold(events)
		if life.Outcome() == "" {
			continue
		}
		if life.SetOut.IsZero() && s.now().Before(deadline) {
			whole, err := s.opts.Reader.Bot(ctx, ref.Source, ref.Bot)
			if err != nil {
				return err
			}
			life = recall.Fold(whole)
		}
		if !life.Ended.Before(t.Since) {
			t.add(life)
		}
	}
	return nil
}

func (t *BotTally) add(life recall.Life) {
	t.Ended++
	switch life.Outcome() {
	case recall.OutcomeRecorded:
		t.Recorded++
		return
	case recall.OutcomeFatal:
		t.Fatal++
	default:
		t.NotRecorded++
	}
	t.Sides[endSide(life)]++
}

// simulated tells whether an event is one of botrelay simulate, whose bots
// count nowhere.
func simulated(ev *relay.Event) bool {
	return strings.HasPrefix(ev.ID, simulatedID)
}

// simulatedID begins the ids of what botrelay simulate sends.
const simulatedID = "sim_"
