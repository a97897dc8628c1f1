package receive

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limitedListener accepts no more than a number of connections that are open
// together.
type limitedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	close  func() error
	// full, if set, is called with true when no place is left and with false
	// when a quarter is free again: connections that do nothing must not keep
	// others out.
	full    func(bool)
	crowded atomic.Bool

	logger *slog.Logger
	told   time.Time // of the last failure that was logged; one goroutine accepts
}

func newLimitedListener(ln net.Listener, limit int, logger *slog.Logger) *limitedListener {
	l := &limitedListener{Listener: ln, slots: make(chan struct{}, limit), closed: make(chan struct{}), logger: logger}
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return ln.Close()
	})
	return l
}

// Accept waits for a place, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.crowd(true)
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		l.tell(err)
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(l.release)}, nil
}

func (l *limitedListener) release() {
	<-l.slots
	if len(l.slots) <= cap(l.slots)*3/4 {
		l.crowd(false)
	}
}

// crowd tells of a change once.
func (l *limitedListener) crowd(full bool) {
	if l.full != nil && l.crowded.CompareAndSwap(!full, full) {
		l.full(full)
	}
}

// tell logs, once a minute, what keeps connections from being accepted: too
// many open files, above all. net/http tries again by itself and would say it
// between what strangers do.
func (l *limitedListener) tell(err error) {
	if errors.Is(err, net.ErrClosed) || !l.told.IsZero() && time.Since(l.told) < tellEvery {
		return
	}
	l.told = time.Now()
	l.logger.Error("connections cannot be accepted", "err", err)
}

// Close ends an Accept that waits for a place, too.
func (l *limitedListener) Close() error { return l.close() }

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets net/http end its side first: an answer to a request whose
// body was not read would otherwise be lost to a reset.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
