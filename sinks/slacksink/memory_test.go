package slacksink

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// memorySlack is a transport without sockets, for tests in virtual time.
type memorySlack struct {
	mu     sync.Mutex
	began  time.Time
	posts  []memoryPost
	agent  string
	form   url.Values                                                         // of the last post
	answer func(channel string) (status int, header http.Header, body string) // nil or status 0: taken
	hang   map[string]bool                                                    // channels that never answer
}

type memoryPost struct {
	at            time.Duration
	channel, text string
}

func (m *memorySlack) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	channel := form.Get("channel")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts = append(m.posts, memoryPost{time.Since(m.began), channel, form.Get("text")})
	m.agent, m.form = req.Header.Get("User-Agent"), form
	if m.hang[channel] {
		m.mu.Unlock()
		<-req.Context().Done()
		m.mu.Lock()
		return nil, req.Context().Err()
	}
	status, header, text := 200, http.Header{}, fmt.Sprintf(`{"ok":true,"channel":%q,"ts":"1.%06d"}`, channel, len(m.posts))
	if m.answer != nil {
		if s, h, b := m.answer(channel); s != 0 {
			status, header, text = s, h, b
		}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// sent lists what was posted, as channel and seconds since the start.
func (m *memorySlack) sent() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, p := range m.posts {
		all = append(all, fmt.Sprintf("%s %.0f", p.channel, p.at.Seconds()))
	}
	return all
}

// inMemory is a sink with three channels: its own, and one for each of two
// routes.
func inMemory(t *testing.T) (*Sink, *memorySlack) {
	t.Helper()
	o := DefaultOptions()
	o.Token, o.Channel = testToken, testChannel
	o.Routes = map[string]RouteOptions{"a": {Channel: "C00000000A"}, "b": {Channel: "C00000000B"}}
	m := &memorySlack{began: time.Now(), hang: map[string]bool{}}
	s := newSink(t, o, Deps{})
	s.client.transport = m
	return s, m
}
