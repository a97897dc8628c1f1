package pgstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"botrelay/relay"
)

// nature is what an error means for whoever met it.
type nature int

const (
	ok          nature = iota
	content            // of one item: it fails however often it is tried
	again              // the server asks for another try, nothing has happened
	full               // the server's disk has no room, nothing has happened
	unavailable        // no answer, or one that another time may be different
)

// natureOf classes an error by its SQLSTATE, see
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func natureOf(err error) nature {
	if err == nil {
		return ok
	}
	answer, told := errors.AsType[*pgconn.PgError](err)
	if !told || len(answer.Code) != 5 {
		return unavailable
	}
	switch answer.Code {
	case "40001", "40P01": // serialization failure, deadlock
		return again
	case "53100": // disk full
		return full
	}
	switch answer.Code[:2] {
	case "22", "23", "54": // data exception, integrity, a limit of the program
		return content
	}
	return unavailable
}

// unavailableError is relay.ErrUnavailable with what is behind it, without the
// password.
type unavailableError struct {
	cause error
	text  string
}

func (e *unavailableError) Error() string   { return e.text }
func (e *unavailableError) Unwrap() []error { return []error{relay.ErrUnavailable, e.cause} }

// asUnavailable wraps what a call met.
func (s *Store) asUnavailable(err error) error {
	return &unavailableError{cause: err, text: relay.ErrUnavailable.Error() + ": " + s.secret.scrub(err.Error())}
}

// secret is the password in the forms in which a library may print it.
type secret struct{ forms []string }

func newSecret(password string) secret {
	if password == "" {
		return secret{}
	}
	return secret{[]string{password, url.QueryEscape(password), url.PathEscape(password)}}
}

// scrub takes the password out of a text.
func (s secret) scrub(text string) string {
	for _, form := range s.forms {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}

// errNoURL is the answer to whatever cannot be read as a URL.
var errNoURL = errors.New("store: this is not a PostgreSQL URL (write postgres://USER:PASSWORD@HOST:5432/DATABASE; " +
	"in the password write % / # ? @ : as %25 %2F %23 %3F %40 %3A)")

// parseURL reads the URL of the database.
func parseURL(text string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, errNoURL
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, explainURL(text, err)
	}
	return config, nil
}

// explainURL adds what the library found wrong, unless that has a part of what
// stands before the host.
func explainURL(text string, err error) error {
	_, why, found := strings.Cut(err.Error(), "`: ")
	_, account, _ := strings.Cut(text, "://")
	account = account[:max(0, strings.LastIndexByte(account, '@'))]
	for _, part := range strings.FieldsFunc(account, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(part) >= 3 && strings.Contains(why, part) {
			found = false
		}
	}
	if !found {
		return errNoURL
	}
	return fmt.Errorf("%w: %s", errNoURL, why)
}

// explainOpen names the place and, where there is one, the remedy.
func (s *Store) explainOpen(err error) error {
	if answer, told := errors.AsType[*pgconn.PgError](err); told {
		text := s.secret.scrub(answer.Message)
		switch answer.Code {
		case "28P01", "28000":
			return fmt.Errorf("store %s: %s (check user and password of the URL)", s.place, text)
		case "3D000":
			return fmt.Errorf("store %s: %s (create it: CREATE DATABASE … ENCODING 'UTF8')", s.place, text)
		case "42501":
			return fmt.Errorf("store %s: %s (the user must own the database, or the schema botrelay in it)", s.place, text)
		}
		return fmt.Errorf("store %s: %s (SQLSTATE %s)", s.place, text, answer.Code)
	}
	if refused, is := errors.AsType[*refusal](err); is {
		return fmt.Errorf("store %s: %w", s.place, refused)
	}
	return fmt.Errorf("store %s cannot be reached: %s", s.place, s.secret.scrub(innermost(err).Error()))
}

// innermost is the last error of a chain: what happened, without what was
// attempted.
func innermost(err error) error {
	for {
		if several, is := err.(interface{ Unwrap() []error }); is && len(several.Unwrap()) > 0 {
			err = several.Unwrap()[0]
			continue
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// refusal is why a database is not used. It says what to do.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }
