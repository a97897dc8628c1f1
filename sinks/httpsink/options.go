package httpsink

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	svix "github.com/svix/svix-webhooks/go"

	"botrelay/relay/config"
)

// Options are the keys of an http sink.
type Options struct {
	config.SinkCommon
	URL         string            `key:"url,required" form:"url"` // http or https, without user and password
	Sign        *Sign             `key:"sign"`                    // nil: not signed
	Headers     map[string]string `key:"headers"`                 // sent with every request, beside those of the relay
	DenyPrivate bool              `key:"deny_private"`            // refuses addresses that are not public, too
}

// Sign says how requests are signed.
type Sign struct {
	Secrets []config.Secret `key:"secrets,required" form:"signing"` // whsec_…; all of them sign, side by side
	Headers string          `key:"headers" oneof:"webhook svix"`    // empty: webhook
}

// family is a set of names of the signature headers.
type family struct{ id, timestamp, signature string }

var (
	webhookFamily = family{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}
	svixFamily    = family{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}
)

// DefaultOptions are what holds where the file says nothing.
func DefaultOptions() Options { return Options{SinkCommon: config.DefaultSinkCommon()} }

// Configure reads the block of a sink, and what routes say over it, which can
// be nothing. Faults are recorded in the blocks; with one, the Options are not
// for use.
func Configure(b *config.Block, routes map[string]*config.Block) Options {
	o := DefaultOptions()
	b.Decode(&o)
	if o.URL != "" {
		if _, err := parseURL(o.URL, guard{denyPrivate: o.DenyPrivate}); err != nil {
			b.Errorf("url", "%v", err)
		}
	}
	for _, f := range checkHeaders(o.Headers) {
		b.Errorf("headers."+f.name, "%s", f.message)
	}
	for _, block := range routes {
		block.Decode(&struct{}{})
	}
	return o
}

// parseURL reads an address that requests can be posted to.
func parseURL(text string, g guard) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errNotURL // that of url.Parse repeats the text
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errNotURL
	case u.User != nil:
		return nil, errors.New("user and password cannot stand in the URL (write them as a header: Authorization)")
	case u.Fragment != "":
		return nil, errors.New("a # and what follows it is never sent (remove it, or write %23)")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := g.refuses(ip); why != "" {
			return nil, fmt.Errorf("%s is %s", ip, why)
		}
	}
	return u, nil
}

var errNotURL = errors.New("this is not a URL (write https://…)")

// reserved are the headers that an operator cannot set, and why. Names with
// a prefix of the relay's own are reserved, too.
var reserved = map[string]string{
	"host": "the URL decides it", "content-length": "the body decides it",
	"content-type": "it is application/json", "user-agent": "it names the relay", "idempotency-key": "it is the event's id",
	"connection": "it belongs to the connection", "keep-alive": "it belongs to the connection",
	"proxy-connection": "it belongs to the connection", "proxy-authenticate": "it belongs to the connection",
	"proxy-authorization": "it belongs to the connection", "te": "it belongs to the connection",
	"trailer": "it belongs to the connection", "transfer-encoding": "it belongs to the connection",
	"upgrade": "it belongs to the connection", "http2-settings": "it belongs to the connection",
	"expect": "it belongs to the connection",
}

var ownPrefixes = []string{"botrelay-", "webhook-", "svix-"}

// checkHeaders returns what is wrong with each header, in order of their names.
func checkHeaders(headers map[string]string) (faults []headerFault) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lower := strings.ToLower(name)
		fault := func(format string, args ...any) {
			faults = append(faults, headerFault{name, fmt.Sprintf(format, args...)})
		}
		switch first, twice := seen[lower]; {
		case !isToken(name):
			fault("%q is not the name of a header", name)
		case twice:
			fault("%s is %s again: case does not count", name, first)
		case reserved[lower] != "":
			fault("%s cannot be set: %s", name, reserved[lower])
		case slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(lower, p) }):
			fault("%s cannot be set: the relay has its own headers that begin so", name)
		case strings.ContainsFunc(headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }):
			fault("the value of %s has characters that a header cannot carry (percent-encode them)", name)
		}
		seen[lower] = name
	}
	return faults
}

type headerFault struct{ name, message string }

// isToken is https://www.rfc-editor.org/rfc/rfc9110#name-tokens.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// newSigner makes the signer of one secret. Its errors hold no part of it.
func newSigner(secret config.Secret) (*svix.Webhook, error) {
	if why := config.CheckSigningSecret(secret); why != "" {
		return nil, errors.New(why)
	}
	return svix.NewWebhook(string(secret))
}
