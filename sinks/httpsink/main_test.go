package httpsink

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"botrelay/relay/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretOne = "whsec_Q0FOQVJZLU9ORS1zaWduaW5nLWtleS1vbmU="
	secretTwo = "whsec_Q0FOQVJZLVRXTy1zaWduaW5nLWtleS10d28="
)

// destination is a server that records what it received.
type destination struct {
	*httptest.Server
	accepted    atomic.Int64
	connections atomic.Int64

	mu     sync.Mutex
	bodies [][]byte
	last   http.Header
}

// serve starts a destination on loopback. answer runs after the body is read.
func serve(t testing.TB, answer http.HandlerFunc) *destination {
	d := &destination{}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.bodies, d.last = append(d.bodies, body), r.Header.Clone()
		d.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}))
	d.Config.ErrorLog = log.New(io.Discard, "", 0)
	d.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			d.connections.Add(1)
		}
	}
	d.Start()
	t.Cleanup(d.Close)
	return d
}

func (d *destination) accept(w http.ResponseWriter, _ *http.Request) {
	d.accepted.Add(1)
	w.WriteHeader(http.StatusAccepted)
}

func (d *destination) received() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([][]byte(nil), d.bodies...)
}

func (d *destination) header() http.Header {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// open makes a sink that is closed with the test.
func open(t testing.TB, o Options) *Sink {
	t.Helper()
	s, err := New(o, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func to(url string) Options {
	o := DefaultOptions()
	o.URL = url
	return o
}

func signed(o Options, family string, secrets ...config.Secret) Options {
	o.Sign = &Sign{Secrets: secrets, Headers: family}
	return o
}

// hang keeps a request until the client goes or the test ends.
func hang(t *testing.T) http.HandlerFunc {
	end, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-end.Done():
		}
	}
}
