package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// open tells whether a path is served to everybody: what a load balancer and a
// container's health check ask, by whatever name they know the relay.
func open(path string) bool { return path == healthPath || path == readyPath }

// guard decides who is let in, before anything is looked at. It returns nil for
// those who are.
//
// The Host is checked against DNS rebinding: a page of a foreign name that
// resolves to this listener is same-origin with it for a browser, so neither an
// Origin nor the loopback address says anything against it.
func (s *Server) guard(req *http.Request) *refusal {
	if s.opts.Access == nil || open(req.URL.Path) {
		return nil
	}
	access := s.opts.Access()
	switch {
	case !access.Loopback && access.Token == "":
		s.sayClosed()
		return refuse(http.StatusForbidden, "off loopback the API needs a token", "set admin.token, or listen at 127.0.0.1")
	case !access.knows(req.Host):
		return refuse(http.StatusMisdirectedRequest, "the API does not answer to the host of this request",
			"add the name to admin.hosts, or set admin.url")
	case s.origins.Check(req) != nil:
		return refuse(http.StatusForbidden, "a page of another origin asked", "")
	case access.Token != "" && !bearer(req, access.Token):
		return refuse(http.StatusUnauthorized, "the API needs the token", "Authorization: Bearer, with the value of admin.token")
	}
	return nil
}

// knows tells whether host, as a request names it, is one that is meant.
func (a Access) knows(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" || net.ParseIP(name) != nil {
		return true
	}
	for _, known := range a.Hosts {
		if name == strings.ToLower(known) {
			return true
		}
	}
	return false
}

// bearer tells whether the request has the token. Hashes are compared, so that
// the time tells neither contents nor length.
func bearer(req *http.Request, token string) bool {
	values := req.Header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, given, _ := strings.Cut(values[0], " ")
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// sayClosed says once that the API is closed, where it is.
func (s *Server) sayClosed() {
	if s.opts.Access == nil {
		return
	}
	if a := s.opts.Access(); !a.Loopback && a.Token == "" {
		s.closed.Do(func() {
			s.logger.Warn("the admin listener is not on loopback and has no token: it serves health only (set admin.token)")
		})
	}
}
