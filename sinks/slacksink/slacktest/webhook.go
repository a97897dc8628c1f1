package slacktest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"time"
)

// payload is what an incoming webhook takes. What an app's webhook ignores
// (channel, username, icons) is not among it.
type payload struct {
	Text            string          `json:"text"`
	Blocks          json.RawMessage `json:"blocks"`
	UnfurlLinks     *bool           `json:"unfurl_links"`
	UnfurlMedia     *bool           `json:"unfurl_media"`
	ReplaceOriginal bool            `json:"replace_original"`
	DeleteOriginal  bool            `json:"delete_original"`
}

func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return // the client has gone
	}
	s.mu.Lock()
	reply := s.takeWebhook(r, body)
	s.mu.Unlock()
	s.reply(w, r, reply)
}

func (s *Server) takeWebhook(r *http.Request, body []byte) *Reply {
	if r.Method != http.MethodPost || r.URL.Path != s.options.WebhookPath {
		s.fault("%s %s is not an incoming webhook", r.Method, r.URL.Path)
		return WebhookError(http.StatusNotFound, "no_service")
	}
	d := draft{channel: WebhookChannel, at: time.Now()}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		d.fault("Content-Type is %q", r.Header.Get("Content-Type"))
	}
	var p payload
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&p); err != nil {
		s.fault("incoming webhook: %v", err)
		return WebhookError(http.StatusBadRequest, "invalid_payload")
	}
	if p.UnfurlLinks == nil || *p.UnfurlLinks || p.UnfurlMedia == nil || *p.UnfurlMedia {
		d.fault("previews of links are on")
	}
	if p.ReplaceOriginal || p.DeleteOriginal {
		d.fault("an incoming webhook cannot change a message")
	}
	d.text, d.blocks = p.Text, string(p.Blocks)
	message, code := s.accept(&d)
	if reply := s.asked(message, code); reply != nil {
		return reply
	}
	if code != "" {
		s.keepFaults(&d, "")
		return WebhookError(http.StatusBadRequest, code)
	}
	if wait := s.overBudget(d.channel, d.at); wait > 0 {
		return TooMany(wait)
	}
	s.keepFaults(&d, "")
	message.TS = s.nextTS(d.channel, d.at)
	s.messages = append(s.messages, message)
	return WebhookError(http.StatusOK, "ok")
}
