package kafkasink

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestNoDeadlineIsFinite: kafka-go takes the deadline away before SASL; a broker
// that falls silent there would block every later write for good.
func TestNoDeadlineIsFinite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := &conn{Conn: near, raw: near, dialer: newDialer(nil)}
		defer c.Close()
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read from a silent broker: got %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if took := time.Since(began); took != deadlineFloor {
			t.Errorf("Read ended after %v, want %v", took, deadlineFloor)
		}
	})
}

func TestDialAfterCloseIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := newDialer(nil)
	c, err := d.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	gone := d.close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read on a connection after close: got %v, want %v", err, net.ErrClosed)
	}
	select {
	case <-gone:
		t.Error("gone before the connection was let go of")
	default:
	}
	c.Close()
	<-gone
	if c, err := d.dial(t.Context(), "tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("dial after close: got a connection")
	}
}

func TestDialErrorKnowsWhereTheAddressIsFrom(t *testing.T) {
	d := newDialer(nil, "127.0.0.1:1")
	for address, want := range map[string]bool{"127.0.0.1:1": false, "127.0.0.1:2": true} {
		_, err := d.dial(t.Context(), "tcp", address)
		dial, ok := errors.AsType[*dialError](err)
		if !ok || dial.advertised != want {
			t.Errorf("%s: got %#v, want advertised %v", address, err, want)
		}
	}
}

// TestCloseEndsDialling: a broker that does not answer holds nobody up.
func TestCloseEndsDialling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := newDialer(&tls.Config{})
	dialled := make(chan error)
	go func() {
		_, err := d.dial(context.Background(), "tcp", l.Addr().String())
		dialled <- err
	}()
	silent, err := l.Accept() // the handshake has no answer
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	<-d.close()
	select {
	case err := <-dialled:
		if err == nil {
			t.Error("dial returned a connection")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("dial goes on after close")
	}
}
