package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"botrelay/relay/admin"
)

// answerLimit bounds what is read of one answer.
const answerLimit = 64 << 20

// adminClient asks the admin API: that of a relay, or the same handler in this
// process. Its methods return a *failure that may be shown as it is.
type adminClient struct {
	http  *http.Client
	base  string // without the slash at its end
	token string // empty where none is needed
	// stored is true where no relay runs and this process has opened the store.
	stored bool
	// kept is how long finished events are kept; 0 where that is not known.
	kept time.Duration
}

// list is how a list is asked for: the filters, and how much of it.
type list struct {
	query url.Values
	limit int // of all pages together; 0 is no limit
}

func (c *adminClient) status(ctx context.Context) (a admin.Status, err error) {
	return a, c.get(ctx, "/status", nil, &a)
}

func (c *adminClient) sinks(ctx context.Context) (a admin.Sinks, err error) {
	return a, c.get(ctx, "/sinks", nil, &a)
}

// changeSink asks for one of pause, resume, move and discard.
func (c *adminClient) changeSink(ctx context.Context, name, verb string, change admin.SinkChange) (a admin.SinkChanged, err error) {
	return a, c.post(ctx, "/sinks/"+url.PathEscape(name)+"/"+verb, change, &a)
}

// events asks for events until there is no more, the limit is reached or use
// returns an error, which it returns. more tells whether the limit cut it off.
func (c *adminClient) events(ctx context.Context, l list, use func(admin.Event) error) (more bool, err error) {
	return pages(ctx, c, "/events", l, func(p admin.EventPage) ([]admin.Event, string) { return p.Events, p.Next }, use)
}

func (c *adminClient) bots(ctx context.Context, l list, use func(admin.Bot) error) (more bool, err error) {
	return pages(ctx, c, "/bots", l, func(p admin.BotPage) ([]admin.Bot, string) { return p.Bots, p.Next }, use)
}

func (c *adminClient) deliveries(ctx context.Context, l list, use func(admin.Delivery) error) (more bool, err error) {
	return pages(ctx, c, "/deliveries", l, func(p admin.DeliveryPage) ([]admin.Delivery, string) { return p.Deliveries, p.Next }, use)
}

// event asks for one event; an empty source is any.
func (c *adminClient) event(ctx context.Context, source, id string, payload bool) (a admin.EventDetail, err error) {
	if source == "" {
		source = "-"
	}
	query := url.Values{}
	if payload {
		query.Set("payload", "true")
	}
	return a, c.get(ctx, "/events/"+url.PathEscape(source)+"/"+url.PathEscape(id), query, &a)
}

// bot asks for one bot by its id or the beginning of it; an empty source is any.
func (c *adminClient) bot(ctx context.Context, source, id string) (a admin.BotDetail, err error) {
	query := url.Values{}
	if source != "" {
		query.Set("source", source)
	}
	return a, c.get(ctx, "/bots/"+url.PathEscape(id), query, &a)
}

func (c *adminClient) dead(ctx context.Context, sink string) (a admin.DeadGroups, err error) {
	query := url.Values{}
	if sink != "" {
		query.Set("sink", sink)
	}
	return a, c.get(ctx, "/dead", query, &a)
}

// changeDeliveries asks for retry or drop.
func (c *adminClient) changeDeliveries(ctx context.Context, verb string, change admin.DeliveryChange) (a admin.DeliveriesChanged, err error) {
	return a, c.post(ctx, "/deliveries/"+verb, change, &a)
}

func (c *adminClient) replay(ctx context.Context, request admin.ReplayRequest) (a admin.Replay, err error) {
	return a, c.post(ctx, "/replays", request, &a)
}

func (c *adminClient) replays(ctx context.Context) (a admin.ReplayList, err error) {
	return a, c.get(ctx, "/replays", nil, &a)
}

func (c *adminClient) cancelReplay(ctx context.Context, id, by string) (a admin.Replay, err error) {
	return a, c.do(ctx, http.MethodDelete, "/replays/"+url.PathEscape(id), url.Values{"by": {by}}, nil, &a)
}

func (c *adminClient) reload(ctx context.Context, by string) (a admin.Reloaded, err error) {
	return a, c.post(ctx, "/reload", admin.Change{By: by}, &a)
}

func (c *adminClient) backup(ctx context.Context, folder, by string) (a admin.BackedUp, err error) {
	return a, c.post(ctx, "/backup", admin.BackupRequest{Folder: folder, By: by}, &a)
}

// pageLimit is how many items one page may have.
const pageLimit = 1000

// pages asks for one page after the other.
func pages[P, T any](ctx context.Context, c *adminClient, path string, l list, split func(P) ([]T, string), use func(T) error) (more bool, err error) {
	query := url.Values{}
	for name, values := range l.query {
		query[name] = values
	}
	for left := l.limit; ; {
		size := pageLimit
		if l.limit > 0 {
			size = min(size, left)
		}
		query.Set("limit", fmt.Sprint(size))
		var page P
		if err := c.get(ctx, path, query, &page); err != nil {
			return false, err
		}
		items, next := split(page)
		for _, item := range items {
			if err := use(item); err != nil {
				return false, err
			}
		}
		left -= len(items)
		if next == "" || l.limit > 0 && left <= 0 {
			return next != "", nil
		}
		query.Set("from", next)
	}
}

func (c *adminClient) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, into)
}

func (c *adminClient) post(ctx context.Context, path string, body, into any) error {
	return c.do(ctx, http.MethodPost, path, nil, body, into)
}

// do asks one question. path stands below /api/v1.
func (c *adminClient) do(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return failed("ask %s: %v", path, err)
		}
		content = bytes.NewReader(text)
	}
	address := c.base + "/api/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return failed("ask %s: %v", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return failed("no answer from %s: %v", c.base, rootCause(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return failed("the answer from %s broke off: %v", c.base, rootCause(err))
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return c.refused(answer, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return c.stranger(answer)
	}
	return nil
}

// refused turns an answer that is none into what a person should read.
func (c *adminClient) refused(answer *http.Response, text []byte) error {
	var problem admin.Problem
	if err := json.Unmarshal(text, &problem); err != nil || problem.Error == "" {
		return c.stranger(answer)
	}
	f := &failure{code: 1, text: printable(problem.Error), hint: printable(problem.Hint), status: answer.StatusCode}
	switch answer.StatusCode {
	case http.StatusBadRequest:
		f.code = 2
	case http.StatusUnauthorized:
		f.text = "the relay at " + c.base + " wants its token"
		if c.token != "" {
			f.text = "the relay at " + c.base + " refuses this token"
		}
		f.hint = "it is admin.token of the relay's configuration; with --admin put it into $BOTRELAY_ADMIN_TOKEN"
	}
	return f
}

// stranger is the end of a conversation with something that is no relay.
func (c *adminClient) stranger(answer *http.Response) error {
	return failed("what answers at %s (%s) is no botrelay with this API", c.base, answer.Status).
		withHint("see admin.listen in the configuration, or name the relay with --admin URL")
}

// hasStatus tells whether err is the API's refusal with this status.
func hasStatus(err error, status int) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.status == status
}

// handlerTransport answers requests by a handler in this process.
type handlerTransport struct{ handler http.Handler }

// RoundTrip calls the handler and returns what it has written.
func (t handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	inner := req.Clone(req.Context())
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	inner.RequestURI = req.URL.RequestURI()
	inner.RemoteAddr = "this process"
	w := &writtenAnswer{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, inner)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req,
	}, nil
}

// writtenAnswer is a ResponseWriter that keeps what is written.
type writtenAnswer struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

func (w *writtenAnswer) Header() http.Header { return w.header }

func (w *writtenAnswer) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
}

func (w *writtenAnswer) Write(text []byte) (int, error) {
	w.begun = true
	return w.body.Write(text)
}

// cleanAddress checks what --admin names.
func cleanAddress(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", usageError("--admin wants the address of a relay's admin listener (write http://127.0.0.1:8484)")
	case u.User != nil:
		return "", usageError("no name and password in --admin: the token is read from $BOTRELAY_ADMIN_TOKEN")
	case u.RawQuery != "" || u.Fragment != "":
		return "", usageError("--admin wants no ? and no # (write %s://%s)", u.Scheme, u.Host)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
