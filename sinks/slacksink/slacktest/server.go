package slacktest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/time/rate"
)

// Options are what a Server knows. The zero value knows no token and no
// channel; only its webhook takes messages.
type Options struct {
	Token       string   // of the app; any other is invalid_auth
	Channels    []string // ids that the app may post to
	WebhookPath string   // of the incoming webhook; empty: one of the form that Slack's have
	Unlimited   bool     // no limit of 1 message a second and channel
}

// Message is one message that was accepted.
type Message struct {
	Channel string        // its id; WebhookChannel when it came by the incoming webhook
	Text    string        // what a phone shows
	TS      string        // unique in its channel and rising
	At      time.Time     // when it was received
	EventID string        // the id in its metadata; empty without, and by webhook
	Blocks  []slack.Block // as decoded
}

// WebhookChannel is the channel of messages that came by the incoming webhook.
const WebhookChannel = "webhook"

// burst is how many messages a channel takes at once before the limit of one a
// second counts. Slack gives no number ("short bursts",
// https://docs.slack.dev/apis/web-api/rate-limits); a client should stay below.
const burst = 5

// Server is the stand-in. Its methods may be called concurrently.
type Server struct {
	options  Options
	server   *http.Server
	url      string
	served   chan error
	closing  chan struct{}
	handlers sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	interfere func(Message) *Reply
	refused   map[string]string // channel → error code
	budgets   map[string]*rate.Limiter
	lastTS    map[string]int64
	messages  []Message
	faults    []string
	dials     int
}

// New starts a Server on a free port of 127.0.0.1. Close it.
func New(o Options) (*Server, error) {
	if o.WebhookPath == "" {
		o.WebhookPath = "/services/T0STANDIN00/B0STANDIN00/standinstandinstandin000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Slack stand-in: %w", err)
	}
	s := &Server{
		options: o, url: "http://" + listener.Addr().String(),
		served: make(chan error, 1), closing: make(chan struct{}),
		refused: map[string]string{}, budgets: map[string]*rate.Limiter{}, lastTS: map[string]int64{},
	}
	s.server = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ConnState: s.count}
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// Close ends the server and every request that hangs, and waits for them. It is
// called once.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.server.Close()
	<-s.served
	s.handlers.Wait()
}

// APIURL is the address that takes the place of https://slack.com/api/.
func (s *Server) APIURL() string { return s.url + "/api/" }

// WebhookURL is the address of the incoming webhook.
func (s *Server) WebhookURL() string { return s.url + s.options.WebhookPath }

// Messages returns what was accepted so far, in order of receipt.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Faults returns every violation so far: what was refused because the client
// did it wrong, and what Slack would have shown wrong.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// Connections returns how many connections were opened so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// RefuseChannel makes every post to a channel be answered with an error of
// Slack's, such as is_archived; the empty code lifts it. It is no fault of the
// client.
func (s *Server) RefuseChannel(channel, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[channel] = code
}

func (s *Server) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.mu.Lock()
		s.dials++
		s.mu.Unlock()
	}
}

func (s *Server) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}
