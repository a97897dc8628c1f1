package httpsink

import (
	"encoding/base64"
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
	URL         string            `key:"url,required"` // http or https, without user and password
	Sign        *Sign             `key:"sign"`         // nil: not signed
	Headers     map[string]string `key:"headers"`      // sent with every request, beside those of the relay
	DenyPrivate bool              `key:"deny_private"` // refuses addresses that are not public, too
}

// Sign says how requests are signed.
type Sign struct {
	Secrets []config.Secret `key:"secrets,required"` // whsec_…; all of them sign, side by side
	Headers string          `key:"headers"`          // webhook (also ""), or svix
}

// The families of signature headers.
const (
	familyWebhook = "webhook"
	familySvix    = "svix"
)

// leastKey is the shortest key that a signature may have, in bytes.
const leastKey = 16

// parseURL reads an address that requests can be posted to. Its errors quote
// text only as far as it can be no secret.
func parseURL(text string, g guard) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return nil, notURL(text)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is not http or https", u.Scheme)
	case u.User != nil:
		return nil, errors.New("user and password cannot stand in the URL (write them as a header: Authorization)")
	case u.Hostname() == "":
		return nil, errors.New("there is no host in the URL")
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

// notURL names the remedy for the usual slip, a host without a scheme. Only a
// plain host is repeated: in anything else a secret may stand.
func notURL(text string) error {
	host, rest, _ := strings.Cut(text, "/")
	u, err := url.Parse("https://" + host)
	if err != nil || u.Hostname() == "" || u.User != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, "?#") {
		return errors.New("this is not a URL (write https://HOST/PATH)")
	}
	if rest != "" {
		return fmt.Errorf("%q is not a URL (write https://%s/…)", host+"/…", host)
	}
	return fmt.Errorf("%q is not a URL (write https://%s)", host, host)
}

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
func newSigner(secret string) (*svix.Webhook, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	switch {
	case strings.ContainsAny(secret, " \t\r\n"):
		return nil, errors.New("there is a blank in it")
	case strings.HasPrefix(secret, "v1,"):
		return nil, errors.New(`cut "v1," from the front: the secret starts with whsec_`)
	case strings.HasPrefix(secret, "whpk_"):
		return nil, errors.New("whpk_ is a public key; the secret starts with whsec_")
	case !ok:
		return nil, errors.New("the signing secret starts with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("this is not base64 after whsec_ (is the = at the end missing?)")
	}
	if len(key) < leastKey {
		return nil, fmt.Errorf("the key has %d bytes; %d are the least", len(key), leastKey)
	}
	return svix.NewWebhookRaw(key)
}

// defaultConcurrency is how many deliveries an http sink has in flight.
const defaultConcurrency = 16

func concurrency(Options) int { return defaultConcurrency }
