package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Admin is the listener for people and programs that look after the relay.
type Admin struct {
	Listen string   `key:"listen" form:"listen"`
	Token  Secret   `key:"token"`          // empty: none is needed on loopback, and off it next to nothing is served
	Hosts  []string `key:"hosts"`          // names that requests may be addressed to, beside localhost, addresses and that of URL
	URL    string   `key:"url" form:"url"` // where people reach it; may be empty
}

// Names are all host names that requests may be addressed to, beside localhost
// and addresses.
func (a Admin) Names() []string {
	names := append([]string{}, a.Hosts...)
	if u, err := url.Parse(a.URL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	return names
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`)

// leastToken is how long a token has to be: whoever reaches the listener may
// try as many as it likes.
const leastToken = 16

// checkAdmin finds what would make the admin listener unreachable.
func (f *File) checkAdmin() {
	e, ok := f.readMapping(f.root).find("admin")
	if !ok || f.options.SkipSecrets && f.Faulty() {
		return
	}
	b := f.block(follow(e.value), e.key, "admin")
	token := string(f.Admin.Token)
	switch {
	case token == "" || f.options.SkipSecrets:
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		b.Errorf("token", "a token has no blanks, and letters, digits and signs of ASCII only")
	case len(token) < leastToken:
		b.Errorf("token", "the token has %d characters; %d are the least (openssl rand -hex 16 makes one)", len(token), leastToken)
	}
	for i, host := range f.Admin.Hosts {
		if !hostForm.MatchString(host) {
			b.Errorf(fmt.Sprintf("hosts[%d]", i), "%s is not a host name (write botrelay.internal)", quote(host))
		}
	}
	if u, err := url.Parse(f.Admin.URL); err == nil && (u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		b.Errorf("url", "the address of the page has no ? # or @ (write https://botrelay.internal)")
	}
	if sameListener(f.Listen, f.Admin.Listen) {
		b.Errorf("listen", "listen is %s, too", quoteLess(f.Listen))
	}
}

// sameListener tells whether two addresses cannot be listened at together. Port
// 0 is another one each time.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	any := func(host string) bool { ip := net.ParseIP(host); return host == "" || ip != nil && ip.IsUnspecified() }
	return hostA == hostB || any(hostA) || any(hostB)
}
