package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// backend stands in for the operator's own HTTP service in the demo. It checks
// what a careful receiver would: the signature over the raw bytes, that each
// id comes once, and that the events of a bot come in the order in which they
// were sent.
type backend struct {
	key      *svix.Webhook
	server   *http.Server
	served   chan error
	url      string
	expected func(id string) (body []byte, bot string, place int, ok bool)

	mu     sync.Mutex
	ids    map[string]time.Time // when each was received
	places map[string]int       // of the last event of each bot
	faults []string
}

func newBackend(secret string, expected func(id string) ([]byte, string, int, bool)) (*backend, error) {
	key, err := svix.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{
		key: key, expected: expected, served: make(chan error, 1),
		url: fmt.Sprintf("http://%s/hooks/recall", listener.Addr()),
		ids: map[string]time.Time{}, places: map[string]int{},
	}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
	go func() { b.served <- b.server.Serve(listener) }()
	return b, nil
}

func (b *backend) close() {
	b.server.Close()
	<-b.served
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check(r.Header, body)
	w.WriteHeader(http.StatusNoContent)
}

func (b *backend) check(header http.Header, body []byte) {
	id := header.Get("webhook-id")
	if err := b.key.Verify(body, header); err != nil {
		b.fault("the signature of %s does not hold", id)
		return
	}
	sent, bot, place, ok := b.expected(id)
	switch {
	case !ok:
		b.fault("%s was never sent", id)
	case !bytes.Equal(sent, body):
		b.fault("the body of %s was changed", id)
	case !b.ids[id].IsZero():
		b.fault("%s came twice", id)
	case b.places[bot] > place:
		b.fault("%s came after a later event of its bot", id)
	}
	if b.ids[id].IsZero() {
		b.ids[id] = time.Now()
	}
	b.places[bot] = max(b.places[bot], place)
}

func (b *backend) fault(format string, args ...any) {
	b.faults = append(b.faults, "backend: "+fmt.Sprintf(format, args...))
}

// received returns how many events have come, and what was wrong with any.
func (b *backend) received() (int, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids), slices.Clone(b.faults)
}

// logCapture takes what the log sink writes and counts the events in it.
type logCapture struct {
	mu     sync.Mutex
	events int
	faults []string
}

func (l *logCapture) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(p) {
		var event struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(line, &event); err != nil || event.ID == "" {
			l.faults = append(l.faults, "log: a line is not one JSON object with an id")
		}
		l.events++
	}
	return len(p), nil
}

func (l *logCapture) received() (int, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events, slices.Clone(l.faults)
}
