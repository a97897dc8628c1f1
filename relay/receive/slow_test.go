package receive

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

// patient is a server whose limits are short and apart from each other.
func patient(_ *Receiver, s *Server) {
	s.HeaderTimeout = 150 * time.Millisecond
	s.ReadTimeout = 300 * time.Millisecond
	s.IdleTimeout = 150 * time.Millisecond
}

// closed waits until the server has closed the connection and returns what it
// sent before.
func closed(t *testing.T, conn net.Conn) string {
	t.Helper()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("the server did not close: %v", err)
	}
	return string(got)
}

func TestSlowClients(t *testing.T) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	request := post(path, good, goodBody)
	for _, tc := range []struct {
		name   string
		send   string
		answer string // what the answer begins with; empty: closed without one, or after net/http's own 400
	}{
		{"nothing", "", ""},
		{"half a line", "POST /web", ""},
		{"half of the headers", request[:80], ""},
		{"no body", strings.TrimSuffix(request, goodBody), "HTTP/1.1 408 "},
		{"half a body", request[:len(request)-20], "HTTP/1.1 408 "},
		{"half a chunk", post(path, with(good, "Transfer-Encoding", "chunked"), "ff\r\nabc"), "HTTP/1.1 408 "},
		{"idle after a request", request, "HTTP/1.1 202 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Options{}, patient)
			conn := s.dial(t)
			defer conn.Close()
			if _, err := io.WriteString(conn, tc.send); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			got := closed(t, conn)
			if !strings.HasPrefix(got, tc.answer) || tc.answer == "" && got != "" && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
				t.Errorf("got %q, want %q", got, tc.answer)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("closed after %v", took)
			}
		})
	}
}

// 400 clients that declare a body and send nothing hold neither the budget nor
// the others up.
func TestSlowClientsHoldNobodyUp(t *testing.T) {
	s := serve(t, Options{}, nil)
	slow := post(path, with(signed(t, secretA, "svix", "msg_1", now, goodBody), "Content-Length", "1048576"), "")
	for range 400 {
		conn := s.dial(t)
		defer conn.Close()
		if _, err := io.WriteString(conn, slow); err != nil {
			t.Fatal(err)
		}
	}
	client := &pipe{site: s}
	defer client.close()
	for range 100 {
		got := client.send(t, post(path, signed(t, secretA, "svix", "msg_2", now, goodBody), goodBody))
		if got.status != 202 && got.status != 200 {
			t.Fatalf("got %d", got.status)
		}
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	s := serve(t, Options{}, nil)
	request := post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)
	conn := s.dial(t)
	defer conn.Close()
	if _, err := io.WriteString(conn, request[:len(request)-1]); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := closed(t, conn); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("got %q, want 400", got)
	}
}

func TestExpectContinue(t *testing.T) {
	s := serve(t, Options{}, nil)
	conn := s.dial(t)
	defer conn.Close()
	request := post(path, with(signed(t, secretA, "svix", "msg_1", now, goodBody), "Expect", "100-continue"), "")
	request = strings.Replace(request, "Content-Length: 0", fmt.Sprintf("Content-Length: %d", len(goodBody)), 1)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, interim); err != nil || !strings.HasPrefix(string(interim), "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v, want 100", interim, err)
	}
	if _, err := io.WriteString(conn, goodBody); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, conn); len(got) != 1 || got[0].status != 202 {
		t.Errorf("got %+v, want one 202", got)
	}
}

// Bodies that are being stored count, and are given back.
func TestBodiesInFlight(t *testing.T) {
	const size = 1000
	s := serve(t, Options{}, func(r *Receiver, _ *Server) { r.inFlight.limit = 2 * size })
	entered, leave := make(chan struct{}), make(chan struct{})
	s.log.commit = func(context.Context, *relay.Event) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	body := goodBody + strings.Repeat(" ", size-len(goodBody))
	send := func(id string) <-chan answer {
		got := make(chan answer, 1)
		go func() { got <- s.one(t, post(path, signed(t, secretA, "svix", id, now, body), body)) }()
		return got
	}
	first := send("a")
	<-entered
	second := send("b")
	<-entered
	wantBusy(t, s.one(t, post(path, signed(t, secretA, "svix", "c", now, body), body)))
	wantBusy(t, s.one(t, post(path, with(signed(t, secretA, "svix", "d", now, body), "Transfer-Encoding", "chunked"), chunked(body))))
	close(leave)
	if a, b := <-first, <-second; a.status != 202 || b.status != 202 {
		t.Errorf("got %d and %d, want 202", a.status, b.status)
	}
	if got := s.inFlight.used.Load(); got != 0 {
		t.Errorf("%d bytes are still held", got)
	}
	if got := s.refusals(); got[ReasonBusy] != 2 {
		t.Errorf("got %v refused, want 2 busy", got)
	}
}

// Whatever becomes of a request, what its body held is given back.
func TestBudgetIsGivenBack(t *testing.T) {
	s := serve(t, Options{}, patient)
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	for _, request := range []string{
		post(path, good, goodBody),
		post(path, good, goodBody+"x"),
		post(path, with(good, "Content-Length", "70000"), strings.Repeat("x", 40000)),
		post(path, with(good, "Transfer-Encoding", "chunked"), "zz\r\n"),
		post(path, with(good, "Transfer-Encoding", "chunked"), chunked(strings.Repeat("x", 1<<20+1))),
		post(path, http.Header{}, goodBody),
	} {
		s.exchange(t, request)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if got := s.inFlight.used.Load(); got != 0 {
		t.Errorf("%d bytes are still held", got)
	}
}

// At the limit further connections wait while the others have a request under
// way; a place is free once one closes.
func TestConnectionLimit(t *testing.T) {
	s := serve(t, Options{}, func(_ *Receiver, s *Server) { s.MaxConns = 2 })
	first, second, third := s.dial(t), s.dial(t), s.dial(t)
	defer second.Close()
	defer third.Close()
	get := "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n"
	for _, conn := range []net.Conn{first, second} { // accepted in the order of dialling
		if _, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: r\r\nContent-Le"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(third, get); err != nil {
		t.Fatal(err)
	}
	if got := answersWithin(t, third, 100*time.Millisecond); len(got) != 0 {
		t.Fatalf("the third connection was served: %+v", got)
	}
	_ = first.Close()
	if got := answersWithin(t, third, 5*time.Second); len(got) != 1 || got[0].status != 200 {
		t.Fatalf("got %+v", got)
	}
}

// Connections that have had their answer and do nothing give way to others, so
// that a stranger who holds all of them keeps nobody out, and a health check
// least of all.
func TestIdleConnectionsGiveWay(t *testing.T) {
	const limit = 8
	s := serve(t, Options{}, func(_ *Receiver, s *Server) { s.MaxConns = limit })
	get := "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n"
	for i := range 3 * limit {
		conn := s.dial(t)
		defer conn.Close()
		if _, err := io.WriteString(conn, get); err != nil {
			t.Fatal(err)
		}
		if got := answersWithin(t, conn, 5*time.Second); len(got) != 1 || got[0].status != 200 {
			t.Fatalf("connection %d: got %+v", i, got)
		}
	}
}

func answersWithin(t *testing.T, conn net.Conn, d time.Duration) []answer {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	return answers(t, conn)
}
