package sqlitestore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"botrelay/relay"
)

// A few connections read, whoever asks: their transactions keep the log from
// shrinking, so there are few of them and each is short.
const readerLimit = 4

// readers lends connections out, one goroutine each.
type readers struct {
	open func() (*db, error)
	free chan struct{} // a token for each that may be borrowed
	over chan struct{} // closed when nobody may read any more

	mu     sync.Mutex
	idle   []*db
	closed bool
}

func newReaders(open func() (*db, error)) *readers {
	r := &readers{open: open, free: make(chan struct{}, readerLimit), over: make(chan struct{})}
	for range readerLimit {
		r.free <- struct{}{}
	}
	return r
}

// read runs f on a connection, inside one read transaction: f sees what was
// committed when it began and nothing later.
func (r *readers) read(ctx context.Context, f func(*db) error) error {
	select {
	case <-r.free:
	case <-r.over:
		return relay.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	d, err := r.take()
	if err != nil {
		r.free <- struct{}{}
		return err
	}
	defer r.give(d)
	if err := d.exec(sqlBeginRead); err != nil {
		return err
	}
	err = f(d)
	if !d.GetAutocommit() {
		// After a damaged page the end of the transaction reports it once more,
		// and ends it all the same.
		if end := d.exec(sqlRollback); err == nil && !d.GetAutocommit() {
			err = end
		}
	}
	return err
}

func (r *readers) take() (*db, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, relay.ErrClosed
	}
	if n := len(r.idle); n > 0 {
		d := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return d, nil
	}
	return r.open()
}

func (r *readers) give(d *db) {
	r.mu.Lock()
	if r.closed {
		_ = d.close() // it has only read
	} else {
		r.idle = append(r.idle, d)
	}
	r.mu.Unlock()
	r.free <- struct{}{}
}

// pause lets nobody begin to read and runs f once nobody reads, or at the
// latest when patience has passed.
func (r *readers) pause(patience <-chan time.Time, f func() error) error {
	held := 0
	defer func() {
		for range held {
			r.free <- struct{}{}
		}
	}()
	for held < readerLimit {
		select {
		case <-r.free:
			held++
		case <-patience:
			return f()
		}
	}
	return f()
}

// close waits for those who read and closes the connections. Whoever asks from
// now on is told that the store is closed.
func (r *readers) close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	close(r.over)
	for range readerLimit {
		<-r.free
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.idle {
		if err := d.close(); err != nil {
			return fmt.Errorf("close a reader: %w", err)
		}
	}
	r.idle = nil
	return nil
}
