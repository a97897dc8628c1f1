package httpsink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/sinks/internal/outcome"
	"botrelay/sinks/internal/sinktest"
)

// TestEveryStatus sends against a real server, since net/http treats some
// statuses in its own way. 1xx other than 101 are no answers: the server goes on
// to 200.
func TestEveryStatus(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.Header.Get("X-Status"))
		w.WriteHeader(status)
	})
	s := open(t, to(server.URL))
	for status := 100; status < 600; status++ {
		s.fixed.Set("X-Status", strconv.Itoa(status))
		note, err := s.Send(t.Context(), sinktest.Delivery(0))
		answered := status
		if status < 200 && status != http.StatusSwitchingProtocols {
			answered = http.StatusOK
		}
		text := fmt.Sprintf("HTTP %d", answered)
		if answered/100 == 2 {
			if err != nil || note != text {
				t.Errorf("%d: got %q, %v", status, note, err)
			}
			continue
		}
		want := outcome.Kind(answered, false)
		if f := relay.Classify(err); err == nil || f.Kind != want || err.Error() != text {
			t.Errorf("%d: got %v, want kind %d", status, err, want)
		}
	}
}

func TestRetryAfterOfAnAnswer(t *testing.T) {
	for status, want := range map[int]relay.Kind{429: relay.Throttled, 503: relay.Throttled, 500: relay.Transient} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999")
			w.WriteHeader(status)
		})
		_, err := open(t, to(server.URL)).Send(t.Context(), sinktest.Delivery(0))
		if f := relay.Classify(err); err == nil || f.Kind != want || f.After != time.Hour {
			t.Errorf("%d: got kind %d after %v", status, f.Kind, f.After)
		}
	}
}

// TestRedirectsAreNotFollowed: 307 and 308 would carry body and signature to
// another host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.Header().Set("Set-Cookie", "a=b")
			w.WriteHeader(status)
		})
		s := open(t, to(server.URL))
		for range 2 {
			if _, err := s.Send(t.Context(), sinktest.Delivery(0)); relay.Classify(err) == nil || relay.Classify(err).Kind != relay.Doubtful {
				t.Errorf("%d: got %v", status, err)
			}
		}
		if cookie := server.header().Get("Cookie"); cookie != "" {
			t.Errorf("%d: a cookie was kept: %s", status, cookie)
		}
	}
	if n := elsewhere.connections.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// bomb is a small gzip of many zeros.
func bomb(t *testing.T) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.CopyN(z, zeros{}, 2<<20); err != nil {
		t.Error(err)
	}
	if err := z.Close(); err != nil {
		t.Error(err)
	}
	return out.Bytes()
}

// drip answers a byte now and then, and never ends.
func drip(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.Copy(w, zeros{})
	}
}

// TestHostileAnswers: none may hold a Send up, or take memory.
func TestHostileAnswers(t *testing.T) {
	packed := bomb(t)
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		kind   relay.Kind
		good   bool
	}{
		"endless, accepted": {endless(200), 0, true},
		"endless, refused":  {endless(422), relay.Refused, false},
		"slow, accepted":    {drip(202), 0, true},
		"slow, failing":     {drip(500), relay.Transient, false},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(400)
			_, _ = w.Write(packed)
		}, relay.Refused, false},
		"huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("a", 8<<20))
		}, relay.Transient, false},
		"flood of 1xx": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100_000 {
				w.Header().Set("Link", "</a>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
			}
		}, relay.Transient, false},
		"short body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			_, _ = io.WriteString(w, "ten bytes.")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, to(serve(t, tt.answer).URL))
			began := time.Now()
			note, err := s.Send(t.Context(), sinktest.Delivery(0))
			if took := time.Since(began); took > readsAnswer+2*time.Second {
				t.Errorf("took %v", took)
			}
			if len(note) > 1024 || err != nil && len(err.Error()) > 1024 {
				t.Errorf("%d bytes of note, error %.80v", len(note), err)
			}
			if (err == nil) != tt.good || !tt.good && relay.Classify(err).Kind != tt.kind {
				t.Errorf("got %q, %v", note, err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestConnectionsAreReused: answers with a body, good and bad, leave their
// connection to the next.
func TestConnectionsAreReused(t *testing.T) {
	const sends, concurrency = 1000, 8
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); len(body)%2 == 0 {
			w.WriteHeader(500)
		}
		_, _ = w.Write(bytes.Repeat([]byte("words "), 5000))
	})
	o := to(server.URL)
	o.Concurrency = concurrency
	s := open(t, o)
	for round := range sends / concurrency {
		// All connections are idle between two rounds, so each must be kept.
		var group sync.WaitGroup
		for n := range concurrency {
			group.Go(func() {
				d := sinktest.Delivery(round)
				d.Event.Raw = d.Event.Raw[:len(d.Event.Raw)-n%2]
				_, err := s.Send(t.Context(), d)
				if f := relay.Classify(err); f != nil && !strings.HasPrefix(f.Error(), "HTTP 500: words") {
					t.Errorf("Send: %v", err)
				}
			})
		}
		group.Wait()
	}
	if got := len(server.received()); got != sends {
		t.Errorf("%d requests, want %d", got, sends)
	}
	if n := server.connections.Load(); n > concurrency {
		t.Errorf("%d connections for %d sends, want %d at most", n, sends, concurrency)
	}
}

// TestIdleConnectionClosedByTheServer: the race between a server that closes an
// idle connection and a request on it costs no attempt.
func TestIdleConnectionClosedByTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	var serving sync.WaitGroup
	defer serving.Wait()
	defer l.Close()
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				// The first request of a connection is answered, the second only read.
				for answered := false; ; answered = true {
					if !readRequest(c) {
						return
					}
					requests.Add(1)
					if answered {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
		}
	})
	s := open(t, to("http://"+l.Addr().String()))
	for n := range 5 {
		if _, err := s.Send(t.Context(), sinktest.Delivery(n)); err != nil {
			t.Errorf("Send %d: %v", n, err)
		}
	}
	if got := requests.Load(); got != 9 {
		t.Errorf("%d requests, want 9: one on the first connection, two for each later Send", got)
	}
	_ = s.Close() // so that the server's last connection ends
}

// readRequest reads a request with a Content-Length up to its end.
func readRequest(c net.Conn) bool {
	var got []byte
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		got = append(got, buffer[:n]...)
		if err != nil {
			return false
		}
		head, body, ok := bytes.Cut(got, []byte("\r\n\r\n"))
		if !ok {
			continue
		}
		_, after, _ := bytes.Cut(head, []byte("Content-Length: "))
		length, _, _ := bytes.Cut(after, []byte("\r\n"))
		if want, _ := strconv.Atoi(string(length)); len(body) >= want {
			return true
		}
	}
}

// TestFreshConnectionIsTriedOnce: what a destination may have taken in is not
// sent again by the sink itself.
func TestFreshConnectionIsTriedOnce(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := open(t, to(server.URL)).Send(t.Context(), sinktest.Delivery(0)); err == nil {
		t.Error("Send returned nil")
	}
	if got := len(server.received()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// TestProxyOfTheEnvironmentIsIgnored: the guard would see the proxy's address
// in place of the destination's.
func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	if s := open(t, to("http://a.example/")); s.transport.Proxy != nil {
		t.Error("the transport has a proxy")
	}
}

func TestDeadlineIsNamed(t *testing.T) {
	server := serve(t, hang(t))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := open(t, to(server.URL)).Send(ctx, sinktest.Delivery(0))
	if err == nil || err.Error() != "no answer in time" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestTLS posts over TLS to a server that speaks HTTP/2, and to one whose
// certificate nobody vouches for.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	_, err := open(t, to(server.URL)).Send(t.Context(), sinktest.Delivery(0))
	if f := relay.Classify(err); err == nil || f.Kind != relay.Broken {
		t.Errorf("unknown authority: got %v", err)
	}
	s := open(t, to(server.URL))
	s.transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	s.transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	if note, err := s.Send(t.Context(), sinktest.Delivery(0)); err != nil || note != "HTTP 200" {
		t.Errorf("got %q, %v", note, err)
	}
}

func BenchmarkSend(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	for name, o := range map[string]Options{"plain": to(server.URL), "signed": signed(to(server.URL), "", secretOne)} {
		b.Run(name, func(b *testing.B) {
			s := open(b, o)
			d := sinktest.Delivery(0)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Send(b.Context(), d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
