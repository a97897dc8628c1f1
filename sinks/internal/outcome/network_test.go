package outcome

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

const secretPath = "/hooks/SECRET-IN-THE-PATH"

// TestNetworkOfRealErrors takes the errors that net/http gives, not imitations.
func TestNetworkOfRealErrors(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
		if r.URL.Path != "/hang" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	}))
	defer plain.Close()

	for name, tt := range map[string]struct {
		url  string
		kind relay.Kind
		text string // a part of it
	}{
		"refused":                     {"http://" + freeAddress(t) + secretPath, relay.Unreachable, "connection refused"},
		"certificate":                 {secure.URL + secretPath, relay.Broken, "certificate"},
		"TLS 1.1":                     {old.URL + secretPath, relay.Broken, "protocol version"},
		"https at an http port":       {strings.Replace(plain.URL, "http", "https", 1) + secretPath, relay.Broken, "HTTP response to HTTPS client"},
		"closed without an answer":    {plain.URL + secretPath, relay.Transient, "the connection was closed without an answer"},
		"no answer":                   {plain.URL + "/hang?key=SECRET-IN-THE-PATH", relay.Transient, "no answer in time"},
		"host name that is not there": {"http://nowhere.invalid" + secretPath, relay.Unreachable, "lookup nowhere.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{DialContext: (&net.Dialer{Resolver: noNames()}).DialContext}
			defer transport.CloseIdleConnections()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if strings.Contains(tt.url, "/hang") {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, tt.url, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&http.Client{Transport: transport}).Do(req)
			if err == nil {
				t.Fatal("no error")
			}
			f := Network(err, nil)
			if f.Kind != tt.kind || !strings.Contains(f.Error(), tt.text) {
				t.Errorf("got kind %d %q, want %d with %q", f.Kind, f, tt.kind, tt.text)
			}
			for _, shown := range []string{f.Error(), fmt.Sprintf("%+v %#v", f, f), fmt.Sprintf("%+v %#v", f.Err, f.Err)} {
				if strings.Contains(shown, "SECRET") {
					t.Errorf("the URL is shown: %s", shown)
				}
			}
		})
	}
}

// noNames is a resolver that has no server to ask.
func noNames() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
}

// freeAddress is a loopback address at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNetwork(t *testing.T) {
	dialTimeout := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443}, Err: context.DeadlineExceeded}
	reset := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: 51234}, Err: errors.New("connection reset by peer")}
	own := &relay.Fault{Kind: relay.Broken, After: time.Minute, Err: errors.New("not there")}
	for name, tt := range map[string]struct {
		err  error
		kind relay.Kind
		text string
	}{
		"dial timeout":     {dialTimeout, relay.Unreachable, "dial tcp 10.0.0.1:443: context deadline exceeded"},
		"no local port":    {reset, relay.Transient, "read: connection reset by peer"},
		"of the dial hook": {&net.OpError{Op: "dial", Err: own}, relay.Broken, "not there"},
		"URL in a URL": {&url.Error{Op: "Post", URL: "http://a/SECRET", Err: &url.Error{Op: "Get", URL: "SECRET", Err: errors.New("bad")}},
			relay.Transient, "bad"},
		"hostile server": {errors.New("malformed HTTP response \"\x1b\n\""), relay.Transient, `malformed HTTP response "\x1b "`},
	} {
		t.Run(name, func(t *testing.T) {
			f := Network(fmt.Errorf("wrapped: %w", tt.err), nil)
			if name == "hostile server" || name == "URL in a URL" {
				f = Network(tt.err, nil)
			}
			if f.Kind != tt.kind || f.Error() != tt.text {
				t.Errorf("got kind %d %q, want %d %q", f.Kind, f, tt.kind, tt.text)
			}
		})
	}
	if f := Network(own, nil); f.After != time.Minute {
		t.Errorf("After: got %v", f.After)
	}
	if f := Network(&url.Error{Err: context.Canceled}, nil); !errors.Is(f, context.Canceled) || errors.Is(f, context.DeadlineExceeded) {
		t.Errorf("%v: context errors are not kept apart", f)
	}
}
