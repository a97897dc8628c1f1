package slacksink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"botrelay/sinks/internal/outcome"
)

const (
	longestDial = 5 * time.Second
	handshake   = 5 * time.Second
	keepsIdle   = 50 * time.Second
	headerLimit = 64 << 10
	answerLimit = 64 << 10 // bytes of an answer, which has under 4 KiB; what is cut here is no yes of Slack's
)

// client posts messages, by token or by incoming webhook. It may be used
// concurrently.
type client struct {
	token     string
	apiURL    string // ends in a slash: slack-go puts the method right behind it
	webhook   string
	agent     string
	hide      *outcome.Hider
	transport http.RoundTripper
}

func newClient(o Options, version string) *client {
	c := &client{
		token: string(o.Token), webhook: string(o.WebhookURL), agent: "botrelay/" + version,
		apiURL: strings.TrimRight(o.APIURL, "/") + "/", hide: outcome.NewHider(secretsOf(o)...),
	}
	dialer := &net.Dialer{Timeout: longestDial}
	c.transport = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    handshake,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4, // the channels of one sink are few
		IdleConnTimeout:        keepsIdle,
		MaxResponseHeaderBytes: headerLimit,
	}
	return c
}

// secretsOf lists what Slack knows and may repeat in an answer. Of a webhook
// the path is the secret, and each long piece of it.
func secretsOf(o Options) []string {
	all := []string{string(o.Token), string(o.WebhookURL)}
	_, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(string(o.WebhookURL), "https://"), "http://"), "/")
	all = append(all, path)
	for _, piece := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/?&=;", r) }) {
		if piece != "services" && piece != "workflows" && piece != "triggers" {
			all = append(all, piece)
		}
	}
	return all
}

func (c *client) close() {
	if t, ok := c.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// post sends m to channel once; a webhook has its own. ts is Slack's name for
// the message, empty by webhook. The error is a *refusal when Slack answered,
// and a *relay.Fault otherwise.
func (c *client) post(ctx context.Context, channel string, m message, raw []byte) (ts string, err error) {
	x := &exchange{client: c}
	doer := &http.Client{
		Transport:     x,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.webhook != "" {
		err = slack.PostWebhookCustomHTTPContext(ctx, c.webhook, doer, m.forWebhook())
	} else {
		api := slack.New(c.token, slack.OptionAPIURL(c.apiURL), slack.OptionHTTPClient(doer))
		_, ts, err = api.PostMessageContext(ctx, channel, m.options()...)
	}
	hide := c.hide.For(raw)
	switch {
	case x.err != nil:
		return "", outcome.Network(x.err, hide)
	case x.status == 0 && err != nil: // the request could not be made
		return "", outcome.Network(err, hide)
	case c.webhook != "":
		return "", x.webhookAnswer(hide)
	}
	return ts, x.apiAnswer(ts, err, hide)
}

// exchange is the transport of one post. It keeps the answer, which slack-go
// does not hand out whole, and reads it to its end, without which no connection
// is used twice.
type exchange struct {
	client *client
	status int
	header http.Header
	body   []byte
	err    error // what the transport said instead of an answer
}

var errBrokenOff = errors.New("the answer broke off")

// RoundTrip implements http.RoundTripper.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", x.client.agent)
	resp, err := x.client.transport.RoundTrip(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	x.body, err = io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil && x.status == http.StatusOK { // any other status says enough
		x.err = errBrokenOff
		if cause := req.Context().Err(); cause != nil {
			x.err = cause
		}
		return nil, x.err
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
}

// retryAfter is what the answer asked for; 0 when it asked for nothing.
func (x *exchange) retryAfter() time.Duration { return outcome.RetryAfter(x.header, time.Now()) }
