package httpsink

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"

	"botrelay/relay"
	"botrelay/sinks/internal/headers"
	"botrelay/sinks/internal/outcome"
)

const (
	longestDial  = 5 * time.Second
	handshake    = 5 * time.Second
	keepsIdle    = 50 * time.Second // below the 60 s of common load balancers, so that the relay closes first
	headerLimit  = 64 << 10         // bytes of an answer's header
	readsAnswer  = time.Second      // how long the body of an answer is waited for; the status is known by then
	contentType  = "application/json"
	agentPrefix  = "botrelay/"
	secretPieces = 12 // a piece of the URL this long may be a token
)

// Sink posts events to one address. Its methods may be called concurrently.
type Sink struct {
	url       *url.URL
	fixed     http.Header // the operator's, and what is the same for every event
	family    family
	signers   []*svix.Webhook
	hide      *outcome.Hider
	transport *http.Transport
}

var (
	_ relay.Sink = (*Sink)(nil)
	_ io.Closer  = (*Sink)(nil)
)

// New makes a sink of o. It dials nothing. version is the relay's, for
// User-Agent. Its errors are those that Configure reports with their places.
// Close it after the last Send.
func New(o Options, version string) (*Sink, error) {
	g := guard{denyPrivate: o.DenyPrivate}
	u, err := parseURL(o.URL, g)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	s := &Sink{url: u, family: webhookFamily, fixed: http.Header{}}
	for _, f := range checkHeaders(o.Headers) {
		err = errors.Join(err, fmt.Errorf("headers: %s", f.message))
	}
	for name, value := range o.Headers {
		s.fixed.Set(name, value)
	}
	s.fixed.Set("Content-Type", contentType)
	s.fixed.Set("User-Agent", agentPrefix+version)
	if o.Sign != nil {
		if o.Sign.Headers == "svix" {
			s.family = svixFamily
		}
		for i, secret := range o.Sign.Secrets {
			signer, fault := newSigner(secret)
			if fault != nil {
				err = errors.Join(err, fmt.Errorf("sign.secrets[%d]: %w", i, fault))
				continue
			}
			s.signers = append(s.signers, signer)
		}
	}
	if err != nil {
		return nil, err
	}
	s.hide = outcome.NewHider(secretsOf(o, u)...)
	s.transport = newTransport(o, g)
	return s, nil
}

// secretsOf lists what the destination knows and may repeat in an answer.
func secretsOf(o Options, u *url.URL) []string {
	var all []string
	if o.Sign != nil {
		for _, secret := range o.Sign.Secrets {
			all = append(all, string(secret), strings.TrimPrefix(string(secret), "whsec_"))
		}
	}
	for _, value := range o.Headers {
		all = append(all, value)
	}
	all = append(all, u.RequestURI(), u.Path)
	for _, piece := range strings.FieldsFunc(u.RequestURI(), func(r rune) bool { return strings.ContainsRune("/?&=;", r) }) {
		if len(piece) >= secretPieces {
			all = append(all, piece)
		}
	}
	return all
}

func newTransport(o Options, g guard) *http.Transport {
	connections := cmp.Or(o.Concurrency, relay.DefaultConcurrency)
	// Ends before the attempt does, so that it is known that nothing was sent.
	dial := min(longestDial, cmp.Or(o.Timeout, relay.DefaultTimeout)*2/3)
	dialer := &net.Dialer{Timeout: dial, ControlContext: g.control}
	return &http.Transport{
		Proxy:                  nil, // its address would be the one that the guard sees
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    handshake,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		MaxConnsPerHost:        connections,
		IdleConnTimeout:        keepsIdle,
		MaxResponseHeaderBytes: headerLimit,
	}
}

// Send posts d and returns once the destination has answered. A 2xx is an
// acknowledgement; whatever else is answered is classed by package outcome.
func (s *Sink) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := s.request(ctx, d, time.Now())
	if err != nil {
		return "", err
	}
	// RoundTrip, not a Client: no redirects, no cookies, no URL in the errors.
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return "", outcome.Network(err, s.hide.For(d.Event.Raw))
	}
	if resp.Body != http.NoBody {
		defer time.AfterFunc(readsAnswer, cancel).Stop()
	}
	answer := outcome.Read(resp, time.Now(), s.hide.For(d.Event.Raw))
	if err := answer.Err(); err != nil {
		return "", err
	}
	return answer.Note(), nil
}

// Close closes the connections that are idle. Sends in flight go on.
func (s *Sink) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func (s *Sink) request(ctx context.Context, d *relay.Delivery, now time.Time) (*http.Request, error) {
	h, err := s.header(d, now)
	if err != nil {
		return nil, err
	}
	raw := d.Event.Raw
	req := &http.Request{
		Method: http.MethodPost, URL: s.url, Host: s.url.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(raw)), ContentLength: int64(len(raw)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}
	if len(raw) == 0 {
		req.Body, req.GetBody = http.NoBody, nil
	}
	return req.WithContext(ctx), nil
}

// header makes the headers of one attempt at now.
func (s *Sink) header(d *relay.Delivery, now time.Time) (http.Header, error) {
	own := headers.Of(d)
	h := make(http.Header, len(s.fixed)+len(own)+4)
	maps.Copy(h, s.fixed)
	// One array for all values: each header has a piece of it.
	values := make([]string, 0, len(own)+4)
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for _, o := range own {
		set(http.CanonicalHeaderKey(o.Name), encode(o.Value))
	}
	id := encode(d.Event.ID)
	set("Idempotency-Key", id)
	set(s.family.id, id)
	if len(s.signers) == 0 {
		return h, nil
	}
	signatures := make([]string, len(s.signers))
	for i, signer := range s.signers {
		signature, err := signer.Sign(id, now, d.Event.Raw)
		if err != nil {
			return nil, fmt.Errorf("sign the request: %w", err)
		}
		signatures[i] = signature
	}
	set(s.family.timestamp, strconv.FormatInt(now.Unix(), 10))
	set(s.family.signature, strings.Join(signatures, " "))
	return h, nil
}

// encode writes whatever is not visible ASCII as %XX, and so the percent sign
// itself: a receiver that decodes gets the value back.
func encode(value string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c <= '~' && c != '%' }
	for i := range len(value) {
		if plain(value[i]) {
			continue
		}
		out := append(make([]byte, 0, len(value)+16), value[:i]...)
		for _, c := range []byte(value[i:]) {
			if plain(c) {
				out = append(out, c)
			} else {
				out = append(out, '%', hex[c>>4], hex[c&15])
			}
		}
		return string(out)
	}
	return value
}
