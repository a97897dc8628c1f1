package admin

import (
	"context"
	"sync"
	"time"

	"botrelay/relay/receive"
)

// sampleEvery is how often the receiver's counters are noted, and samples how
// many notes make an hour.
const (
	sampleEvery = time.Minute
	samples     = 60
)

// hour remembers what the receiver had counted, so that the counts of the last
// hour are a difference.
type hour struct {
	mu    sync.Mutex
	notes []note // oldest first, at most an hour and a minute
}

type note struct {
	at    time.Time
	stats map[string]receive.SourceStats
}

// sample notes the counters until ctx ends.
func (s *Server) sample(ctx context.Context) {
	if s.opts.ReceiverStats == nil {
		return
	}
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		s.hour.note(s.now(), s.opts.ReceiverStats())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *hour) note(now time.Time, stats receive.Stats) {
	n := note{at: now, stats: map[string]receive.SourceStats{}}
	for _, one := range stats.Sources {
		n.stats[one.Name] = one
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, n)
	if extra := len(h.notes) - samples - 1; extra > 0 {
		h.notes = append([]note(nil), h.notes[extra:]...)
	}
}

// before is what had been counted an hour ago. Where there is no note so old,
// the process has counted everything since its start.
func (h *hour) before(now, started time.Time) (since time.Time, stats map[string]receive.SourceStats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notes) > samples || len(h.notes) > 0 && now.Sub(h.notes[0].at) >= time.Hour {
		return h.notes[0].at, h.notes[0].stats
	}
	return started, nil
}
