package receive

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"botrelay/relay"
)

// 64 copies at once: one event is stored, one answer is 202, all others are 200.
func TestParallelCopies(t *testing.T) {
	s := serve(t, Options{}, nil)
	const copies, rounds = 64, 16
	request := post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)
	var mu sync.Mutex
	got := map[int]int{}
	var group sync.WaitGroup
	for range copies {
		group.Go(func() {
			client := &pipe{site: s}
			defer client.close()
			for range rounds {
				status := client.send(t, request).status
				mu.Lock()
				got[status]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if got[202] != 1 || got[200] != copies*rounds-1 {
		t.Errorf("got %v, want one 202 and %d 200", got, copies*rounds-1)
	}
	if n := len(s.log.stored()); n != 1 {
		t.Errorf("%d events stored, want 1", n)
	}
}

// A copy that arrives while the first is being written waits for that write and
// has its outcome: never a 2xx for what was not stored.
func TestCopyInFlightSharesTheOutcome(t *testing.T) {
	for _, tc := range []struct {
		name          string
		err           error
		first, second int
	}{
		{"stored", nil, 202, 200},
		{"not stored", relay.ErrFull, 503, 503},
		{"unknown", errors.New("disk gone"), 503, 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, Options{}, nil)
			entered, leave := make(chan struct{}), make(chan struct{})
			s.log.waits = make(chan struct{}, 1)
			s.log.commit = func(context.Context, *relay.Event) error {
				close(entered)
				<-leave
				return tc.err
			}
			request := post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)
			first, second := make(chan answer, 1), make(chan answer, 1)
			go func() { first <- s.one(t, request) }()
			<-entered
			go func() { second <- s.one(t, request) }()
			<-s.log.waits
			select {
			case got := <-second:
				t.Fatalf("the copy was answered %d before the write ended", got.status)
			default:
			}
			close(leave)
			if a, b := <-first, <-second; a.status != tc.first || b.status != tc.second {
				t.Errorf("got %d and %d, want %d and %d", a.status, b.status, tc.first, tc.second)
			}
		})
	}
}

// The client goes away during the commit: the commit is not cancelled, and the
// next try is a duplicate.
func TestClientThatGoesAwayDuringCommit(t *testing.T) {
	requests := make(chan context.Context, 2)
	s := serve(t, Options{}, func(r *Receiver, s *Server) {
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			requests <- req.Context()
			r.ServeHTTP(w, req)
		})
	})
	entered, leave, outcome := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.log.commit = func(ctx context.Context, _ *relay.Event) error {
		close(entered)
		<-leave
		outcome <- ctx.Err()
		return ctx.Err()
	}
	request := post(path, signed(t, secretA, "svix", "msg_1", now, goodBody), goodBody)
	conn := s.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	<-(<-requests).Done() // the server has noticed
	close(leave)
	if err := <-outcome; err != nil {
		t.Errorf("the commit was cancelled: %v", err)
	}
	if got := s.one(t, request); got.status != 200 {
		t.Errorf("the next try: got %d, want 200", got.status)
	}
}
