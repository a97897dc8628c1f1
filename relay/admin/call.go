package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"botrelay/relay"
)

// bodyLimit bounds the body of a request: some thousand refs.
const bodyLimit = 1 << 20

// refusal is a request that is not done: the status and what to tell.
type refusal struct {
	status int
	Problem
}

func (r *refusal) Error() string { return r.Problem.Error }

func refuse(status int, text, hint string) *refusal {
	return &refusal{status, Problem{Error: text, Hint: hint}}
}

// badRequest is a fault of the request itself.
func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, fmt.Sprintf(format, args...), "")
}

func notFound(format string, args ...any) *refusal {
	return refuse(http.StatusNotFound, fmt.Sprintf(format, args...), "")
}

func conflict(text, hint string) *refusal { return refuse(http.StatusConflict, text, hint) }

func (r *refusal) withHint(format string, args ...any) *refusal {
	r.Hint = fmt.Sprintf(format, args...)
	return r
}

// call is one request on its way through a handler.
type call struct {
	*http.Request
	server *Server
	query  url.Values
}

// serveMux finds handlers by the table.
func (s *Server) serveMux(table []endpoint) *http.ServeMux {
	mux := http.NewServeMux()
	byPath := map[string]map[string]*endpoint{}
	for i := range table {
		e := &table[i]
		if byPath[e.path] == nil {
			byPath[e.path] = map[string]*endpoint{}
		}
		byPath[e.path][e.method] = e
	}
	for path, methods := range byPath {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			method := req.Method
			if method == http.MethodHead {
				method = http.MethodGet
			}
			e := methods[method]
			if e == nil {
				var allowed []string
				for m := range methods {
					allowed = append(allowed, m)
				}
				slices.Sort(allowed)
				w.Header().Set("Allow", strings.Join(allowed, ", "))
				s.write(w, http.StatusMethodNotAllowed, Problem{Error: req.Method + " is not for this path"})
				return
			}
			s.answer(w, req, e)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.write(w, http.StatusNotFound, Problem{Error: "there is nothing at this path", Hint: "what there is: " + documentPath})
	})
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if r := s.guard(req); r != nil {
		if r.status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Bearer realm="botrelay"`)
		}
		s.write(w, r.status, r.Problem)
		return
	}
	s.mux.ServeHTTP(w, req)
}

// answer calls the handler of an endpoint and writes what it returns.
func (s *Server) answer(w http.ResponseWriter, req *http.Request, e *endpoint) {
	req.Body = http.MaxBytesReader(w, req.Body, bodyLimit)
	c := &call{Request: req, server: s}
	if e.method != http.MethodGet {
		longAnswer(w)
	}
	var err error
	if c.query, err = url.ParseQuery(req.URL.RawQuery); err != nil {
		err = badRequest("the query cannot be read")
	} else if !open(e.path) {
		err = e.checkQuery(c.query)
	}
	var answer any
	if err == nil {
		answer, err = e.handle(c)
	}
	if err != nil {
		r := s.refusalOf(c, err)
		s.write(w, r.status, r.Problem)
		return
	}
	status, answer := e.good(answer)
	s.write(w, status, answer)
}

// refusalOf turns an error into an answer. What is not meant for whoever asked
// goes to the log.
func (s *Server) refusalOf(c *call, err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	switch {
	case errors.Is(err, relay.ErrNoPage):
		return badRequest("from is not the next of a page").withHint("leave it out for the first page")
	case errors.Is(err, relay.ErrFull):
		return refuse(http.StatusServiceUnavailable, "the store is full", "make room: see status")
	case errors.Is(err, relay.ErrClosed), errors.Is(err, relay.ErrUnavailable):
		return refuse(http.StatusServiceUnavailable, "the store is not available", "try again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusServiceUnavailable, "there was no time to answer", "try again")
	}
	s.logger.Error("a request of the API could not be answered", "method", c.Method, "path", c.URL.Path, "err", err)
	return refuse(http.StatusInternalServerError, "the store could not be asked", "the relay's log says why")
}

// write sends an answer as JSON.
func (s *Server) write(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		s.logger.Error("an answer of the API could not be encoded", "err", err)
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // whoever asked may have gone
}

// body reads the JSON body of a request; an empty one leaves into as it is.
func (c *call) body(into any) error {
	raw, err := io.ReadAll(c.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes", tooLarge.Limit), "")
	}
	if err != nil {
		return badRequest("the body could not be read")
	}
	if len(raw) == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the body is not declared as JSON", "Content-Type: application/json")
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the body is not what is expected here: %s", strings.TrimPrefix(err.Error(), "json: ")).
			withHint("see %s", documentPath)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("there is text behind the body's end")
	}
	return nil
}

// longestBy bounds what people write about themselves and their reasons.
const longestBy = 200

// checkText refuses a text that would spoil a line.
func checkText(name, text string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if len(text) > longestBy || strings.ContainsFunc(text, bad) {
		return badRequest("%s is not one line of at most %d characters", name, longestBy)
	}
	return nil
}

// audit logs a change that somebody asked for: who, what, how many.
func (c *call) audit(what, by string, fields ...any) {
	fields = append([]any{"what", what, "by", by, "from", c.RemoteAddr}, fields...)
	c.server.logger.Info("changed by hand", fields...)
}
