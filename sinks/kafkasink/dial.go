package kafkasink

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// dialTimeout bounds the connection to one of several brokers, so that the
	// next still gets a part of connectTimeout.
	dialTimeout = 3 * time.Second
	// deadlineFloor replaces "no deadline" on a connection. It is longer than
	// any part of a conversation that kafka-go leaves without one.
	deadlineFloor = 30 * time.Second
)

// dialer opens the connections to brokers and knows those that are open, since
// kafka-go closes idle ones only.
type dialer struct {
	net     net.Dialer
	tls     *tls.Config // nil: none
	brokers []string    // those of the configuration

	ctx    context.Context // ends what is being dialled
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	open   map[*conn]struct{}
	gone   chan struct{} // closed when closed and nothing is open
}

func newDialer(config *tls.Config, brokers ...string) *dialer {
	d := &dialer{
		net:     net.Dialer{Timeout: dialTimeout},
		tls:     config,
		brokers: brokers,
		open:    make(map[*conn]struct{}),
		gone:    make(chan struct{}),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// dial connects to a broker. With TLS it returns after the handshake, so that
// kafka-go goes on to the next broker when that fails. Its errors are of type
// *dialError.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	failed := func(at stage, err error) (net.Conn, error) {
		return nil, &dialError{address: address, stage: at, advertised: !slices.Contains(d.brokers, address), err: err}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	raw, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return failed(connecting, err)
	}
	c := &conn{Conn: raw, raw: raw, dialer: d}
	if d.tls != nil {
		secure := tls.Client(raw, d.configFor(address))
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return failed(securing, err)
		}
		c.Conn = secure
	}
	if !d.add(c) {
		raw.Close()
		return failed(connecting, net.ErrClosed)
	}
	return c, nil
}

// configFor names the broker at address in the TLS settings, unless they name
// one for all.
func (d *dialer) configFor(address string) *tls.Config {
	if d.tls.ServerName != "" {
		return d.tls
	}
	config := d.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address)
	return config
}

func (d *dialer) add(c *conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.open[c] = struct{}{}
	return true
}

func (d *dialer) remove(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.open[c]; !there {
		return
	}
	delete(d.open, c)
	if d.closed && len(d.open) == 0 {
		close(d.gone)
	}
}

// close cuts every connection, those in the making too, and refuses new ones. The channel is closed when
// kafka-go has let go of all of them.
func (d *dialer) close() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return d.gone
	}
	d.closed = true
	d.cancel()
	for c := range d.open {
		c.raw.Close()
	}
	if len(d.open) == 0 {
		close(d.gone)
	}
	return d.gone
}

// conn is a connection on which every wait ends. kafka-go takes the deadline
// away before SASL: a broker that falls silent there would block its control
// connection, and with it every later write, until the process ends.
type conn struct {
	net.Conn // TLS, if there is any
	raw      net.Conn
	dialer   *dialer
}

// SetDeadline sets t, or deadlineFloor from now for the zero time.
func (c *conn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		t = time.Now().Add(deadlineFloor)
	}
	return c.Conn.SetDeadline(t)
}

// Close ends the connection without a farewell, which could block.
func (c *conn) Close() error {
	c.dialer.remove(c)
	return c.raw.Close()
}
