package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay/admin"
)

// clientOf asks a handler in this process.
func clientOf(handler http.HandlerFunc) *adminClient {
	return &adminClient{http: &http.Client{Transport: handlerTransport{handler}}, base: "http://localhost", token: "token-of-the-test"}
}

// recent is a relay that has got events, the latest last.
type recent struct {
	mu      sync.Mutex
	events  []admin.Event
	queries []url.Values
}

func (r *recent) add(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.events = append(r.events, admin.Event{Seq: int64(len(r.events) + 1), Source: "recall", ID: id, Event: "bot.done", Received: evening})
	}
}

// ServeHTTP answers pages of two events, with an empty one in between.
func (r *recent) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries = append(r.queries, req.URL.Query())
	var page admin.EventPage
	from := 0
	empty := false
	if text := req.URL.Query().Get("from"); text != "" {
		if _, err := fmt.Sscanf(text, "%d", &from); err != nil {
			http.Error(w, "bad from", http.StatusBadRequest)
			return
		}
		empty = strings.HasSuffix(text, "e")
	}
	newest := slices.Clone(r.events)
	slices.Reverse(newest)
	until := from
	if !empty {
		until = min(from+2, len(newest))
		page.Events = newest[from:until]
	}
	if until < len(newest) {
		page.Next = fmt.Sprint(until)
		if !empty {
			page.Next += "e"
		}
	}
	_ = json.NewEncoder(w).Encode(page)
}

// An empty page that has a next is not the end, and a limit cuts a page.
func TestPagesGoOn(t *testing.T) {
	t.Parallel()
	r := &recent{}
	r.add("a", "b", "c", "d", "e")
	client := clientOf(r.ServeHTTP)
	for _, c := range []struct {
		limit int
		want  []string
		more  bool
	}{
		{0, []string{"e", "d", "c", "b", "a"}, false},
		{5, []string{"e", "d", "c", "b", "a"}, false},
		{4, []string{"e", "d", "c", "b"}, true},
	} {
		var got []string
		more, err := client.events(t.Context(), list{limit: c.limit}, func(ev admin.Event) error { got = append(got, ev.ID); return nil })
		if err != nil || more != c.more {
			t.Errorf("limit %d: more %v, %v", c.limit, more, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", c.limit, diff)
		}
	}
}

func TestFollowPrintsEachEventOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recent{}
		r.add("a", "b")
		var out lockedText
		e := eventList{operator: operator{env: environment{getenv: os.LookupEnv, stdout: &out}}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.goOn(ctx, clientOf(r.ServeHTTP), list{query: url.Values{}, limit: 100}) }()
		synctest.Wait()
		r.add("c", "d", "e")
		time.Sleep(3 * followEvery) // in the bubble: no real time passes
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		var got []string
		for line := range strings.Lines(out.text()) {
			fields := strings.Fields(line)
			got = append(got, fields[len(fields)-1])
		}
		if diff := cmp.Diff([]string{"ID", "a", "b", "c", "d", "e"}, got); diff != "" {
			t.Errorf("ids (-want +got):\n%s", diff)
		}
		if last := r.queries[len(r.queries)-1]; last.Get("since") == "" {
			t.Error("it looks through everything each time")
		}
	})
}

// Whoever reads what is followed may go away; then it ends.
func TestFollowEndsWithItsReader(t *testing.T) {
	t.Parallel()
	r := &recent{}
	r.add("a")
	e := eventList{operator: operator{env: environment{getenv: os.LookupEnv, stdout: goneWriter{}}}}
	err := e.goOn(t.Context(), clientOf(r.ServeHTTP), list{query: url.Values{}, limit: 100})
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("it ends with %v", err)
	}
}

type goneWriter struct{}

func (goneWriter) Write([]byte) (int, error) { return 0, errors.New("the reader is gone") }

type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What is refused, or is no relay, becomes a line that a person can use.
func TestRefusalsInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body       string
		code       int
		text, hint string
	}{
		{400, `{"error":"limit is 0","hint":"1 to 1000"}`, 2, "limit is 0", "1 to 1000"},
		{404, `{"error":"no source has an event x"}`, 1, "no source has an event x", ""},
		{409, "{\"error\":\"it \\u001b[2J exists\"}", 1, "it \ufffd[2J exists", ""},
		{401, `{"error":"the API needs the token"}`, 1, "the relay at http://localhost refuses this token", "it is admin.token of the relay's configuration; with --admin put it into $BOTRELAY_ADMIN_TOKEN"},
		{404, "404 page not found\n", 1, "what answers at http://localhost (404 Not Found) is no botrelay with this API", "see admin.listen in the configuration, or name the relay with --admin URL"},
		{200, "<html>", 1, "what answers at http://localhost (200 OK) is no botrelay with this API", "see admin.listen in the configuration, or name the relay with --admin URL"},
		{302, "", 1, "what answers at http://localhost (302 Found) is no botrelay with this API", "see admin.listen in the configuration, or name the relay with --admin URL"},
	} {
		client := clientOf(func(w http.ResponseWriter, req *http.Request) {
			if got := req.Header.Get("Authorization"); got != "Bearer token-of-the-test" {
				t.Errorf("Authorization is %q", got)
			}
			if req.URL.Path != "/api/v1/status" {
				t.Errorf("path %s", req.URL.Path)
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := client.status(t.Context())
		f, ok := errors.AsType[*failure](err)
		if !ok {
			t.Errorf("%d %s: %v", c.status, c.body, err)
			continue
		}
		if f.code != c.code || f.text != c.text || f.hint != c.hint {
			t.Errorf("%d %q:\n got %d %q %q\nwant %d %q %q", c.status, c.body, f.code, f.text, f.hint, c.code, c.text, c.hint)
		}
	}
}

// Names come from people: they must not reach another path.
func TestNamesStayInTheirPlace(t *testing.T) {
	t.Parallel()
	var paths []string
	client := clientOf(func(w http.ResponseWriter, req *http.Request) {
		paths = append(paths, req.URL.EscapedPath())
		fmt.Fprint(w, "{}")
	})
	if _, err := client.event(t.Context(), "", "../sinks?x#y", false); err != nil {
		t.Error(err)
	}
	if _, err := client.bot(t.Context(), "", "a/b"); err != nil {
		t.Error(err)
	}
	if _, err := client.changeSink(t.Context(), "a/pause", "move", admin.SinkChange{}); err != nil {
		t.Error(err)
	}
	want := []string{"/api/v1/events/-/..%2Fsinks%3Fx%23y", "/api/v1/bots/a%2Fb", "/api/v1/sinks/a%2Fpause/move"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}
