package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// bodyLimit is far above any message that Slack takes.
const bodyLimit = 1 << 20

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/chat.postMessage", s.postMessage)
	mux.HandleFunc("POST /api/auth.test", s.authTest)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) { s.reply(w, r, s.unknownMethod(r)) })
	mux.HandleFunc("/", s.webhook)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			panic(http.ErrAbortHandler)
		}
		defer s.handlers.Done()
		mux.ServeHTTP(w, r)
	})
}

// begin counts a request that Close waits for.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.handlers.Add(1)
	}
	return !s.closed
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, reply *Reply) {
	reply.write(w, r.Context().Done(), s.closing)
}

func (s *Server) unknownMethod(r *http.Request) *Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault("%s %s is not a method of this stand-in", r.Method, r.URL.Path)
	return APIError("unknown_method")
}

// draft is a post as it was sent.
type draft struct {
	channel, text, blocks, metadata string
	faults                          []string // wrong, but not refused by Slack
	at                              time.Time
}

func (d *draft) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}

// formFields are the arguments that chat.postMessage takes
// (https://docs.slack.dev/reference/methods/chat.postMessage). username, icons
// and as_user are left out: an alert has the name of its app.
var formFields = map[string]bool{
	"token": true, "channel": true, "text": true, "blocks": true, "metadata": true, "unfurl_links": true,
	"unfurl_media": true, "thread_ts": true, "reply_broadcast": true, "mrkdwn": true,
}

func (s *Server) postMessage(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	s.mu.Lock()
	reply := s.takePost(r, form, err)
	s.mu.Unlock()
	s.reply(w, r, reply)
}

func (s *Server) takePost(r *http.Request, form url.Values, err error) *Reply {
	if err != nil {
		s.fault("chat.postMessage: %v", err)
		return APIError("invalid_form_data")
	}
	if code := s.checkToken(r, form); code != "" {
		return APIError(code)
	}
	d := draft{
		channel: form.Get("channel"), text: form.Get("text"), blocks: form.Get("blocks"),
		metadata: form.Get("metadata"), at: time.Now(),
	}
	for name, values := range form {
		if !formFields[name] {
			d.fault("%q is not an argument of chat.postMessage", name)
		}
		if len(values) != 1 {
			d.fault("%q is there %d times", name, len(values))
		}
	}
	for _, flag := range []string{"unfurl_links", "unfurl_media"} {
		if form.Get(flag) != "false" {
			d.fault("%s is %q: an alert has no previews", flag, form.Get(flag))
		}
	}
	message, code := s.accept(&d)
	if reply := s.asked(message, code); reply != nil {
		return reply
	}
	if code == "" {
		code = s.channelTrouble(d.channel)
	}
	if code != "" {
		s.keepFaults(&d, message.EventID)
		return APIError(code)
	}
	if wait := s.overBudget(d.channel, d.at); wait > 0 {
		return TooMany(wait)
	}
	s.keepFaults(&d, message.EventID)
	message.TS = s.nextTS(d.channel, d.at)
	s.messages = append(s.messages, message)
	body, err := json.Marshal(map[string]any{
		"ok": true, "channel": d.channel, "ts": message.TS,
		"message": map[string]any{"type": "message", "subtype": "bot_message", "text": d.text, "ts": message.TS},
	})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return &Reply{Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: string(body)}
}

// asked lets Interfere answer.
func (s *Server) asked(m Message, code string) *Reply {
	if s.interfere == nil {
		return nil
	}
	reply := s.interfere(m)
	if reply != nil && reply.Accept && code == "" {
		m.TS = s.nextTS(m.Channel, m.At)
		s.messages = append(s.messages, m)
	}
	return reply
}

func (s *Server) keepFaults(d *draft, id string) {
	for _, f := range d.faults {
		s.fault("message %s for %s: %s", id, d.channel, f)
	}
}

// channelTrouble is the error code of a channel that cannot be posted to.
func (s *Server) channelTrouble(channel string) string {
	if code := s.refused[channel]; code != "" {
		return code
	}
	if slices.Contains(s.options.Channels, channel) {
		return ""
	}
	s.fault("channel %q is not known", channel)
	return "channel_not_found"
}

// overBudget returns the seconds to wait, 0 when the channel takes a message
// now.
func (s *Server) overBudget(channel string, now time.Time) int {
	if s.options.Unlimited {
		return 0
	}
	budget := s.budgets[channel]
	if budget == nil {
		budget = rate.NewLimiter(1, burst)
		s.budgets[channel] = budget
	}
	if budget.AllowN(now, 1) {
		return 0
	}
	s.fault("more than 1 message a second for %s", channel)
	return 1
}

func (s *Server) nextTS(channel string, now time.Time) string {
	micros := max(now.UnixMicro(), s.lastTS[channel]+1)
	s.lastTS[channel] = micros
	return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
}

func (s *Server) authTest(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	s.mu.Lock()
	code := "invalid_form_data"
	if err == nil {
		code = s.checkToken(r, form)
	}
	s.mu.Unlock()
	if code != "" {
		s.reply(w, r, APIError(code))
		return
	}
	s.reply(w, r, &Reply{
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body: `{"ok":true,"url":"https://stand-in.slack.com/","team":"Stand-in","user":"botrelay",` +
			`"team_id":"T0STANDIN00","user_id":"U0STANDIN00","bot_id":"B0STANDIN00"}`,
	})
}

// checkToken finds the token in the form or in the header, as Slack does.
func (s *Server) checkToken(r *http.Request, form url.Values) (code string) {
	token, inHeader := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !inHeader {
		token = form.Get("token")
	}
	switch {
	case token == "":
		s.fault("%s without a token", r.URL.Path)
		return "not_authed"
	case token != s.options.Token:
		s.fault("%s with a wrong token", r.URL.Path)
		return "invalid_auth"
	}
	return ""
}

func readForm(r *http.Request) (url.Values, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("Content-Type is %q", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	return url.ParseQuery(string(body))
}
