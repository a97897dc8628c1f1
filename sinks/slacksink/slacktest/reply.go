package slacktest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Reply is an answer instead of the one that Slack would give.
type Reply struct {
	Status  int // 0: 200
	Header  http.Header
	Body    string
	Endless bool // Body is repeated until the client goes away
	Hang    bool // no answer at all
	Cut     bool // the connection is closed without an answer
	Accept  bool // the message is taken all the same, as with Slack's fatal_error
}

// Interfere lets f see each post once its form is decoded, and answer instead
// of the checks: nil leaves it to them. A nil f ends it. f must not call the
// Server.
func (s *Server) Interfere(f func(Message) *Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interfere = f
}

// APIError is the answer of a method that failed, HTTP 200 with ok false.
func APIError(code string) *Reply {
	body, err := json.Marshal(map[string]any{"ok": false, "error": code})
	if err != nil {
		panic(err) // a string can be marshalled
	}
	return &Reply{Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: string(body)}
}

// WebhookError is the answer of an incoming webhook that failed: a status and a
// word (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
func WebhookError(status int, word string) *Reply {
	return &Reply{Status: status, Header: http.Header{"Content-Type": {"text/plain"}}, Body: word}
}

// TooMany is HTTP 429 with a Retry-After in seconds.
func TooMany(seconds int) *Reply {
	return &Reply{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}, Body: "rate_limited"}
}

// write sends the reply; it panics with http.ErrAbortHandler to cut the
// connection.
func (r *Reply) write(w http.ResponseWriter, gone, closing <-chan struct{}) {
	if r.Hang {
		select {
		case <-gone:
		case <-closing:
		}
	}
	if r.Hang || r.Cut {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), r.Header)
	w.WriteHeader(max(r.Status, http.StatusOK))
	_, err := io.WriteString(w, r.Body)
	for r.Endless && err == nil {
		_, err = io.WriteString(w, strings.Repeat(r.Body+" ", 1<<10))
	}
}
