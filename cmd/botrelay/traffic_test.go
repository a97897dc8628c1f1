package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countingSink is an HTTP destination that remembers how often each id came,
// and in which order those of a bot did.
type countingSink struct {
	server *http.Server
	served chan error
	addr   string

	mu    sync.Mutex
	times map[string]int
	order map[string][]int // of each bot, the places of its events as they came
}

// newCountingSink starts one; addr may be that of an earlier one, or empty.
func newCountingSink(t *testing.T, addr string) *countingSink {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &countingSink{addr: l.Addr().String(), times: map[string]int{}, order: map[string][]int{}, served: make(chan error, 1)}
	s.server = &http.Server{Handler: s}
	go func() { s.served <- s.server.Serve(l) }()
	t.Cleanup(func() { s.server.Close(); <-s.served })
	return s
}

func (s *countingSink) url() string { return "http://" + s.addr + "/" }

func (s *countingSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	id := r.Header.Get("webhook-id")
	var bot string
	var place int
	fmt.Sscanf(strings.ReplaceAll(id, "-", " "), "msg %s %d", &bot, &place)
	s.mu.Lock()
	s.times[id]++
	if s.times[id] == 1 {
		s.order[bot] = append(s.order[bot], place)
	}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *countingSink) received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// repeated is how many deliveries came more than once, each extra counted.
func (s *countingSink) repeated() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, times := range s.times {
		n += times - 1
	}
	return n
}

// missing counts those of ids that have not come.
func (s *countingSink) missing(ids []string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, id := range ids {
		if s.times[id] == 0 {
			n++
		}
	}
	return n
}

// disorder names a bot whose events first came in another order than they were
// accepted; empty if there is none.
func (s *countingSink) disorder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bot, places := range s.order {
		for i := 1; i < len(places); i++ {
			if places[i] < places[i-1] {
				return fmt.Sprintf("%s: %v", bot, places)
			}
		}
	}
	return ""
}

// traffic posts events of many bots, those of one bot one after another, and
// remembers which were acknowledged. What is not acknowledged is posted again
// until it is, or until the traffic ends.
type traffic struct {
	url   string
	bots  int
	name  string        // begins the names of the bots
	pause time.Duration // between two events of a bot

	mu       sync.Mutex
	acked    []string
	attempts atomic.Int64
	places   map[string]int
}

// run posts until ctx ends.
func (tr *traffic) run(ctx context.Context) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: tr.bots}}
	defer client.CloseIdleConnections()
	post, err := newSender(tr.url, scriptSecret, client)
	if err != nil {
		panic(err)
	}
	if tr.places == nil {
		tr.places = map[string]int{}
	}
	var wg sync.WaitGroup
	for b := range tr.bots {
		wg.Go(func() { tr.bot(ctx, post, fmt.Sprintf("%sbot%d", tr.name, b)) })
	}
	wg.Wait()
}

func (tr *traffic) bot(ctx context.Context, post *sender, bot string) {
	for ctx.Err() == nil {
		tr.mu.Lock()
		place := tr.places[bot]
		tr.mu.Unlock()
		id := fmt.Sprintf("msg-%s-%d", bot, place)
		body := fmt.Appendf(nil, `{"event":"bot.in_call_recording","data":{"data":{"code":"in_call_recording"},"bot":{"id":%q}}}`, bot)
		tr.attempts.Add(1)
		status, err := post.post(ctx, id, body)
		if err == nil && status >= 200 && status < 300 {
			tr.mu.Lock()
			tr.acked = append(tr.acked, id)
			tr.places[bot] = place + 1
			tr.mu.Unlock()
		}
		wait := tr.pause
		if err != nil || status >= 300 {
			wait = max(wait, 5*time.Millisecond)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (tr *traffic) acknowledged() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]string(nil), tr.acked...)
}
