package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const token = "0123456789abcdef-token"

// asking is a way to ask, and the status of the refusal; 0: let in.
type asking struct {
	name   string
	access Access
	host   string
	header http.Header
	want   int
}

func askings() []asking {
	loopback := Access{Loopback: true, Hosts: []string{"botrelay.internal"}}
	withToken := Access{Loopback: true, Token: token, Hosts: []string{"botrelay.internal"}}
	public := Access{Token: token, Hosts: []string{"botrelay.internal"}}
	closed := Access{Hosts: []string{"botrelay.internal"}}
	return []asking{
		{"on loopback", loopback, "localhost:8484", nil, 0},
		{"by address", loopback, "127.0.0.1:8484", nil, 0},
		{"by address without a port", loopback, "127.0.0.1", nil, 0},
		{"by address of version 6", loopback, "[::1]:8484", nil, 0},
		{"by a name of the file", loopback, "BotRelay.internal", nil, 0},
		{"by a foreign name", loopback, "evil.example:8484", nil, 421},
		{"by a name that begins alike", loopback, "localhost.evil.example", nil, 421},
		{"by no name", loopback, "", nil, 421},
		{"by a foreign name with the token", withToken, "evil.example", http.Header{"Authorization": {"Bearer " + token}}, 421},
		{"with the token", withToken, "localhost", http.Header{"Authorization": {"Bearer " + token}}, 0},
		{"with the token, small letters", withToken, "localhost", http.Header{"Authorization": {"bearer " + token}}, 0},
		{"without the token", withToken, "localhost", nil, 401},
		{"with another token", withToken, "localhost", http.Header{"Authorization": {"Bearer x" + token}}, 401},
		{"with the beginning of the token", withToken, "localhost", http.Header{"Authorization": {"Bearer " + token[:8]}}, 401},
		{"with an empty token", withToken, "localhost", http.Header{"Authorization": {"Bearer "}}, 401},
		{"with the token as a password", withToken, "localhost", http.Header{"Authorization": {"Basic " + token}}, 401},
		{"with two tokens", withToken, "localhost", http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}, 401},
		{"with the token in the query", withToken, "localhost", nil, 401},
		{"off loopback with the token", public, "10.0.0.7:8484", http.Header{"Authorization": {"Bearer " + token}}, 0},
		{"off loopback without the token", public, "10.0.0.7:8484", nil, 401},
		{"off loopback where none is set", closed, "10.0.0.7:8484", http.Header{"Authorization": {"Bearer " + token}}, 403},
		{"off loopback with an empty one", closed, "10.0.0.7:8484", http.Header{"Authorization": {"Bearer "}}, 403},
	}
}

// TestGuard asks every endpoint in every way in which it must not be answered.
func TestGuard(t *testing.T) {
	for _, c := range askings() {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.access.Store(&c.access)
			for _, e := range endpoints() {
				path := strings.NewReplacer("{source}", "recall", "{id}", "none", "{bot}", "none", "{name}", "none").Replace(e.path)
				req := httptest.NewRequest(e.method, path, nil)
				req.Host = c.host
				for name, values := range c.header {
					req.Header[name] = values
				}
				if c.name == "with the token in the query" {
					req.URL.RawQuery = "token=" + token
				}
				w := httptest.NewRecorder()
				if c.want == 0 && e.method != "GET" {
					continue // let in by the others
				}
				b.server.ServeHTTP(w, req)
				b.check(e.method, path, w.Code, w.Body.Bytes())
				switch refused := w.Code == 401 || w.Code == 403 || w.Code == 421; {
				case open(path) && w.Code != 200:
					t.Errorf("%s: %d, want 200 for everybody", path, w.Code)
				case open(path):
				case c.want == 0 && refused, c.want != 0 && w.Code != c.want:
					t.Errorf("%s %s: answered %d %s, want %d", e.method, path, w.Code, w.Body, c.want)
				}
				if strings.Contains(w.Body.String(), token) {
					t.Errorf("%s gives the token away", path)
				}
				if w.Code == 401 && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s does not say how to authenticate", path)
				}
			}
			if said := strings.Count(b.log.String(), "serves health only"); c.access.Token == "" && !c.access.Loopback && said != 1 {
				t.Errorf("the log says %d times that the API is closed", said)
			}
			if strings.Contains(b.log.String(), token) {
				t.Error("the log has the token")
			}
		})
	}
}

// What a page of another origin can make a browser send changes nothing.
func TestForeignOriginsChangeNothing(t *testing.T) {
	b := newBench(t)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
	} {
		for _, e := range endpoints() {
			if e.method == "GET" {
				continue
			}
			path := strings.NewReplacer("{id}", "1", "{name}", "lake").Replace(e.path)
			req := httptest.NewRequest(e.method, "http://localhost:8484"+path, nil)
			for name, values := range header {
				req.Header[name] = values
			}
			b.do(req, 403, nil)
		}
	}
	req := httptest.NewRequest("POST", "http://localhost:8484/api/v1/sinks/lake/pause", nil)
	req.Header.Set("Origin", "http://localhost:8484")
	b.do(req, 200, nil)
}

func TestGETChangesNothing(t *testing.T) {
	b := newBench(t)
	for _, e := range endpoints() {
		if e.method == "GET" || e.path == root+"/replays" || e.path == root+"/replays/{id}" {
			continue
		}
		path := strings.NewReplacer("{id}", "1", "{name}", "lake").Replace(e.path)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "OPTIONS"} {
			w := b.ask(method, path, nil, 405, nil)
			if w.Header().Get("Allow") != "POST" {
				t.Errorf("%s %s allows %q", method, path, w.Header().Get("Allow"))
			}
		}
	}
	b.ask("GET", "/api/v1/none", nil, 404, nil)
	b.ask("GET", "/", nil, 404, nil)
	b.ask("GET", "/metrics", nil, 404, nil)
	if strings.Contains(b.log.String(), "changed by hand") {
		t.Errorf("something was changed:\n%s", b.log)
	}
}

func TestBodies(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{"application/json", `{}`, 200},
		{"application/json; charset=utf-8", `{"by":"kim"}`, 200},
		{"", ``, 200},
		{"text/plain", `{}`, 415},
		{"application/x-www-form-urlencoded", `by=kim`, 415},
		{"", `{}`, 415},
		{"application/json", `{"bye":"kim"}`, 400},
		{"application/json", `{"by":7}`, 400},
		{"application/json", `{} {}`, 400},
		{"application/json", `{`, 400},
		{"application/json", `[]`, 400},
		{"application/json", `{"by":"a\nb"}`, 400},
		{"application/json", `{"by":"` + strings.Repeat("x", 300) + `"}`, 400},
		{"application/json", `{"by":"` + strings.Repeat("x", bodyLimit) + `"}`, 413},
	} {
		req := httptest.NewRequest("POST", "http://localhost/api/v1/sinks/lake/resume", strings.NewReader(c.body))
		if c.kind != "" {
			req.Header.Set("Content-Type", c.kind)
		}
		b.do(req, c.want, nil)
	}
}

func TestAnswersAreNotForBrowsers(t *testing.T) {
	b := newBench(t)
	w := b.ask("GET", "/api/v1/sinks", nil, 200, nil)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
