package receive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"go.uber.org/goleak"

	"botrelay/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Test secrets; each is a canary, too: none may show up in a log.
var (
	secretA = "whsec_" + base64.StdEncoding.EncodeToString([]byte("test-only-key-A-24-bytes"))
	secretB = "whsec_" + base64.StdEncoding.EncodeToString([]byte("test-only-key-B-24-bytes"))
)

// now is the time of the tests' receivers, unless they say otherwise.
var now = time.Unix(1772636402, 0)

const (
	goodBody = `{"event":"bot.done","data":{"data":{"code":"done","sub_code":null},"bot":{"id":"b-1","metadata":{"tenant":"payload-canary"}}}}`
	path     = "/webhooks/recall"
)

// signed returns the three headers of one family for a body.
func signed(t testing.TB, secret, family, id string, at time.Time, body string) http.Header {
	t.Helper()
	webhook, err := svix.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := webhook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set(family+"-id", id)
	header.Set(family+"-timestamp", strconv.FormatInt(at.Unix(), 10))
	header.Set(family+"-signature", signature)
	return header
}

// post is the bytes of a request with the headers and the body as they are.
func post(target string, header http.Header, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: relay\r\n", target)
	for name, lines := range header {
		for _, line := range lines {
			fmt.Fprintf(&b, "%s: %s\r\n", name, line)
		}
	}
	if header["Content-Length"] == nil && header["Transfer-Encoding"] == nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// with returns header with more lines.
func with(header http.Header, pairs ...string) http.Header {
	header = header.Clone()
	for i := 0; i < len(pairs); i += 2 {
		header[pairs[i]] = append(header[pairs[i]], pairs[i+1])
	}
	return header
}

// without returns header with some names left out.
func without(header http.Header, names ...string) http.Header {
	header = header.Clone()
	for _, name := range names {
		delete(header, name)
	}
	return header
}

// site is a receiver behind a real socket.
type site struct {
	*Receiver
	log  *memoryLog
	addr string
	logs *syncBuffer
	stop func() error // ends Serve and returns its outcome
}

// syncBuffer is a log that many goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func verifier(t testing.TB, secrets ...string) *Verifier {
	t.Helper()
	v, err := NewVerifier(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func toLake(ev *relay.Event) []relay.Target {
	return []relay.Target{{Sink: "lake", Key: ev.OrderKey(), Route: "all"}}
}

// serve starts a site with one source named recall. change may adjust receiver
// and server before they run.
func serve(t *testing.T, o Options, change func(*Receiver, *Server)) *site {
	t.Helper()
	log := newMemoryLog(t)
	s := &site{log: log, logs: &syncBuffer{}}
	if o.Sources == nil {
		o.Sources = []Source{{Name: "recall", Path: path, Verifier: verifier(t, secretA)}}
	}
	if o.Log == nil {
		o.Log = log
	}
	if o.Routes == nil {
		o.Routes = toLake
	}
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	o.Logger = slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	receiver, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Receiver = receiver
	server := &Server{Handler: receiver, Logger: o.Logger}
	if change != nil {
		change(receiver, server)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var outcome error
	group.Go(func() { receiver.Run(ctx) })
	group.Go(func() { outcome = server.Serve(ctx, ln) })
	s.stop = sync.OnceValue(func() error {
		cancel()
		group.Wait()
		return outcome
	})
	t.Cleanup(func() { _ = s.stop() })
	return s
}

// answer is what came back for one request.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool
}

// exchange sends bytes on a new connection, ends its side if half is set, and
// returns every answer until the server closes or, if it keeps the connection,
// the first. "100 Continue" counts as an answer.
func (s *site) exchange(t testing.TB, request string) []answer {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("write: %v", err) // the server may close before it has read everything
	}
	return answers(t, conn)
}

func (s *site) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answers reads answers up to one that closes; after one that does not, only
// what comes within a short while.
func answers(t testing.TB, conn net.Conn) []answer {
	t.Helper()
	var all []answer
	reader := bufio.NewReader(conn)
	for {
		got, err := readAnswer(reader)
		if err != nil {
			return all
		}
		all = append(all, got)
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

func readAnswer(reader *bufio.Reader) (answer, error) {
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), response.Close}, err
}

// one is exchange for a request that has one answer.
func (s *site) one(t testing.TB, request string) answer {
	t.Helper()
	all := s.exchange(t, request)
	if len(all) != 1 {
		t.Fatalf("got %d answers, want 1: %+v", len(all), all)
	}
	return all[0]
}

// refusals returns the counts by reason that are not 0, those of no source
// under "/".
func (s *site) refusals() map[string]uint64 {
	stats := s.Stats()
	sums := map[string]uint64{}
	for reason, n := range stats.Unknown {
		sums["/"+reason] = n
	}
	for _, source := range stats.Sources {
		for reason, n := range source.Refused {
			sums[reason] += n
		}
	}
	maps.DeleteFunc(sums, func(_ string, n uint64) bool { return n == 0 })
	return sums
}
