package store

import (
	"sync"
	"time"
)

// news is what a lane has been told and has not looked at yet.
type news struct {
	unread    bool      // ready rows were committed
	look      bool      // the sink's own row may have changed
	scheduled bool      // a waiting row was committed
	due       time.Time // the earliest of those; zero is unknown
}

func (n *news) schedule(due time.Time) {
	switch {
	case !n.scheduled:
		n.due = due
	case due.IsZero() || n.due.IsZero():
		n.due = time.Time{}
	case due.Before(n.due):
		n.due = due
	}
	n.scheduled = true
}

// signals carries news to the owner of a lane without waiting for it: whoever
// commits may be what the owner waits for.
type signals struct {
	mu      sync.Mutex
	count   uint64
	changed chan struct{} // closed by the next signal; nil while nobody waits
	news    news
}

// raise adds news and wakes every waiting Claim.
func (s *signals) raise(add func(*news)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.news)
	s.wakeLocked()
}

// wake makes every waiting Claim look again.
func (s *signals) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
}

func (s *signals) wakeLocked() {
	s.count++
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// heard returns how many signals there were so far.
func (s *signals) heard() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// take returns the news and forgets them.
func (s *signals) take() news {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.news
	s.news = news{}
	return n
}

// after returns a channel that is closed by the next signal, or nil when there
// was one since heard.
func (s *signals) after(heard uint64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count != heard {
		return nil
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}
