package relay

import (
	"context"
	"log/slog"
	"time"
)

// attemptsLogged is how many attempts of one sink that did not deliver are
// logged in a minute, each with its own line.
const attemptsLogged = 30

// attemptLog keeps the failures of one sink from flooding the log.
type attemptLog struct {
	perMinute int
	began     time.Time // of this minute
	said      int
	unsaid    int
}

// admit tells whether one more may be logged, and how many were not in a minute
// that is over.
func (a *attemptLog) admit(now time.Time) (ok bool, unsaid int) {
	if now.Sub(a.began) >= time.Minute {
		unsaid = a.unsaid
		a.began, a.said, a.unsaid = now, 0, 0
	}
	if a.said >= a.perMinute {
		a.unsaid++
		return false, unsaid
	}
	a.said++
	return true, unsaid
}

// overdue returns how many were not logged in a minute that is over.
func (a *attemptLog) overdue(now time.Time) int {
	if a.unsaid == 0 || now.Sub(a.began) < time.Minute {
		return 0
	}
	n := a.unsaid
	a.unsaid = 0
	return n
}

// sayings are the lines that follow from what was recorded together. They are
// collected under the lock and said without it.
type sayings struct {
	attempts []saying
	unsaid   int
	paused   *Pause
	resumed  *Pause
	now      time.Time
	debug    bool // deliveries that went well have a line, too
}

type saying struct {
	attempt
	ruling
}

// add takes one attempt's line, unless it is one too many or none was made.
func (s *sayings) add(lines *attemptLog, a *attempt, r ruling) {
	if r.paused != nil {
		s.paused = r.paused
	}
	if r.resumed != nil {
		s.resumed = r.resumed
	}
	if a.began.IsZero() || r.postponed {
		return
	}
	if r.verdict == Delivered {
		s.unsaid += lines.overdue(s.now)
		if s.debug {
			s.attempts = append(s.attempts, saying{*a, r})
		}
		return
	}
	ok, unsaid := lines.admit(s.now)
	s.unsaid += unsaid
	if ok {
		s.attempts = append(s.attempts, saying{*a, r})
	}
}

func (s *sayings) say(log *slog.Logger, sink string) {
	for i := range s.attempts {
		s.attempts[i].say(log, sink)
	}
	if s.unsaid > 0 {
		log.Warn("more attempts were not delivered than are logged", "sink", sink, "unlogged", s.unsaid)
	}
	if s.paused != nil {
		log.Warn("sink is paused", pauseFields(sink, *s.paused)...)
	}
	if s.resumed != nil {
		log.Info("sink is back", append(pauseFields(sink, *s.resumed), "paused", s.now.Sub(s.resumed.Since))...)
	}
}

// say writes the one line that every attempt has.
func (s *saying) say(log *slog.Logger, sink string) {
	d := s.delivery
	fields := []any{
		"event", d.Event.ID, "source", d.Event.Source, "sink", sink, "attempt", d.Attempt,
		"outcome", s.outcome(), "dur", s.took,
	}
	if s.verdict != Delivered {
		fields = append(fields, "err", cut(s.ruling.note, longestNote))
	}
	if s.crash != nil {
		fields = append(fields, "stack", string(s.crash.stack))
	}
	log.Log(context.Background(), s.level(), "delivery attempted", fields...)
}

func (s *saying) outcome() string {
	switch {
	case s.verdict == Delivered:
		return "delivered"
	case s.verdict == Muted:
		return "muted"
	case s.verdict == Dead:
		return "dead"
	case s.verdict == Release:
		return "released"
	case s.uncounted:
		return "throttled"
	case s.verdict == Detach:
		return "passed"
	default:
		return "retried"
	}
}

func (s *saying) level() slog.Level {
	switch {
	case s.crash != nil:
		return slog.LevelError
	case s.verdict == Delivered:
		return slog.LevelDebug
	case s.verdict == Dead || s.verdict == Detach:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
