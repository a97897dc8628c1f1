package sqlitestore

import (
	"context"
	"time"

	"botrelay/relay"
)

// How often the writer looks around when nobody asks for anything, and how
// soon it tries again what found no room.
const (
	idleLook = 30 * time.Second
	retryIn  = time.Second
)

// Run writes until ctx ends, and then what is waiting by then, and returns nil.
// Any other return is a failed write, a failed sync or damage: the process must
// end, since what the disk holds is known again only after a new start. Run is
// called once.
func (s *Store) Run(ctx context.Context) error {
	counts, endCounting := context.WithCancel(ctx)
	defer endCounting()
	snapshot, err := s.countFrom(counts)
	if err == nil {
		counted := make(chan struct{})
		go func() {
			defer close(counted)
			if err := snapshot(); err != nil && counts.Err() == nil {
				s.fail(s.explainRead(err))
			}
		}()
		s.running.Store(true)
		err = s.write(ctx)
		s.running.Store(false)
		endCounting()
		<-counted
		if err == nil {
			err = s.failedWith()
		}
	}
	if err != nil {
		s.fail(err)
	}
	s.queue.close(relay.ErrClosed)
	why := err
	if why == nil {
		why = relay.ErrClosed
	}
	s.writer.abandon(why)
	return err
}

// write is the loop of the writer.
func (s *Store) write(ctx context.Context) error {
	w := s.writer
	for {
		if err := s.failedWith(); err != nil {
			return err
		}
		s.linger(ctx)
		group := s.queue.take(w.waiting, len(w.waiting))
		w.waiting = nil
		if len(group) > 0 {
			if err := w.run(group); err != nil {
				return err
			}
		} else if ctx.Err() != nil {
			return nil
		}
		wait, err := w.keepHouse()
		if err != nil {
			return err
		}
		if err := s.pause(ctx, wait); err != nil {
			return err
		}
		if ctx.Err() != nil {
			s.queue.close(relay.ErrClosed)
			if len(w.waiting) > 0 {
				return nil // there is no room, and nobody to wait for it
			}
		}
	}
}

// linger waits a little while nothing but outcomes waits, so that they share a
// commit with what comes.
func (s *Store) linger(ctx context.Context) {
	if !s.queue.lingers() {
		return
	}
	timer, stop := s.opts.Clock.NewTimer(lingerFor)
	defer stop()
	for s.queue.lingers() {
		select {
		case <-s.queue.wake:
		case <-timer:
			return
		case <-ctx.Done():
			return
		case <-s.failed:
			return
		}
	}
}

// pause waits until there is something to do.
func (s *Store) pause(ctx context.Context, wait time.Duration) error {
	if wait == 0 || ctx.Err() != nil {
		return nil
	}
	wake := s.queue.wake
	if len(s.writer.waiting) > 0 {
		wake = nil // what waits for room goes first
	}
	select {
	case <-wake:
		return nil
	default:
	}
	timer, stop := s.opts.Clock.NewTimer(wait)
	defer stop()
	select {
	case <-wake:
	case <-timer:
	case <-ctx.Done():
	case <-s.failed:
		return s.failedWith()
	}
	return nil
}
