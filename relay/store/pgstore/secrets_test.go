package pgstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"botrelay/relay/store/pgstore/pgtest"
)

// checkSecrets fails when a text has the password, in any form.
func checkSecrets(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{pgtest.Password, url.QueryEscape(pgtest.Password), url.PathEscape(pgtest.Password), "pw-9f3c"} {
		if strings.Contains(text, form) {
			t.Errorf("the password stands in\n%s", text)
		}
	}
}

func TestParseURL(t *testing.T) {
	for _, good := range []string{
		"postgres://u:p@h:5432/d", "postgresql://u@h/d?sslmode=disable", "postgres://u:p%2Fq@[::1]:1/d", "postgres://u:p@h1,h2/d",
	} {
		if _, err := parseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "data", "mysql://u:pw-9f3c@h/d", "postgres://u:pw-9f3c/x@h/d", "postgres://u:pw-9f3c#x@h:5432/d", "postgres://u:pw-9f3c@h:port/d",
		"host=h password=pw-9f3c", "postgres://u:pw-9f3c%zz@h/d", "postgres://u:pw-9f3c@h/d?sslmode=perhaps", "postgres://u:pw-9f3c x@h/d",
	} {
		_, err := parseURL(bad)
		if err == nil {
			continue // read as something else; it will not connect
		}
		if !strings.Contains(err.Error(), "postgres://USER:PASSWORD@HOST") {
			t.Errorf("%s: %v, want how a URL is written", bad, err)
		}
		checkSecrets(t, err.Error())
	}
}

func TestExplainURL(t *testing.T) {
	_, err := parseURL("postgres://u:pw-9f3c@h/d?sslmode=perhaps")
	if err == nil || !strings.Contains(err.Error(), "sslmode is invalid") {
		t.Errorf("got %v, want what is wrong", err)
	}
	checkSecrets(t, err.Error())
	leaky := errors.New("cannot parse `postgres://u:xxxxx@h/d`: invalid port \":pw-9f3c\" after host")
	if err := explainURL("postgres://u:pw-9f3c/x@h/d", leaky); err.Error() != errNoURL.Error() {
		t.Errorf("got %v, want nothing that the library said", err)
	}
}

func TestScrub(t *testing.T) {
	s := newSecret("a/b c")
	if got := s.scrub("x a/b c a%2Fb+c a%2Fb%20c y"); got != "x *** *** *** y" {
		t.Errorf("got %q", got)
	}
	if got := newSecret("").scrub("text"); got != "text" {
		t.Errorf("without a password: %q", got)
	}
}
