package outcome

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	textLimit   = 120 // characters of a destination's own words
	errorLimit  = 200 // characters of a client's error
	secretLeast = 6   // a shorter value is too common to be told from other words
	echoWindow  = 40  // a run of this many bytes of the event in an answer is an echo of it; an id is shorter
)

// Hidden stands where a secret was.
const Hidden = "<secret>"

// Hider keeps what must not be shown out of texts that a destination or a
// library has written. The nil Hider hides nothing.
type Hider struct {
	secrets []string
	payload []byte
}

// NewHider returns a Hider of the given secrets and of each of their words, so
// that the token of "Bearer TOKEN" is known, too, as they stand and as JSON or a
// URL may write them. Values under 6 bytes are left out.
func NewHider(secrets ...string) *Hider {
	h := &Hider{}
	for _, s := range secrets {
		for _, word := range append(strings.Fields(s), s) {
			if len(word) >= secretLeast {
				h.secrets = append(h.secrets, word, strings.ReplaceAll(word, "/", `\/`), url.QueryEscape(word), url.PathEscape(word))
			}
		}
	}
	// The longest first, so that no rest of one stays behind.
	slices.SortFunc(h.secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	h.secrets = slices.Compact(h.secrets)
	return h
}

// For returns a Hider that also drops a text that echoes the body of an event,
// which must not change while it is in use.
func (h *Hider) For(payload []byte) *Hider {
	if h == nil {
		h = &Hider{}
	}
	return &Hider{secrets: h.secrets, payload: payload}
}

// Text makes one short line out of s: secrets hidden, an echo of the payload
// dropped, anything unprintable escaped.
func (h *Hider) Text(s string) string {
	return h.line(s, textLimit)
}

func (h *Hider) line(s string, limit int) string {
	if h != nil {
		for _, secret := range h.secrets {
			s = strings.ReplaceAll(s, secret, Hidden)
		}
	}
	s = strings.Join(strings.Fields(s), " ")
	if h != nil && echoes(s, h.payload, limit) {
		return ""
	}
	return cut(escape(s), limit)
}

// echoes tells whether the first limit characters of s repeat a piece of the
// payload. Blanks and backslashes count for nothing: an echo may be indented, or
// a JSON text inside another. What lies beyond is not shown, and looking for all
// of a long answer in a long body would take a processor for a second.
func echoes(s string, body []byte, limit int) bool {
	if len(body) < echoWindow {
		return false
	}
	if most := utf8.UTFMax*limit + echoWindow; len(s) > most {
		s = s[:most]
	}
	s, payload := bare(s), bare(string(body))
	for i := 0; i+echoWindow <= len(s); i++ {
		if strings.Contains(payload, s[i:i+echoWindow]) {
			return true
		}
	}
	return false
}

func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\\' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// said returns the words in an answer: the usual field of a JSON error when it
// is one, else the body itself.
func said(body []byte) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return string(body)
	}
	for _, name := range []string{"message", "detail", "error_description", "error", "title", "reason"} {
		var text string
		if json.Unmarshal(object[name], &text) == nil && text != "" {
			return text
		}
	}
	return string(body)
}

// escape writes what a terminal or a log viewer would act upon (control
// characters, bidirectional marks, invalid UTF-8) as Go escapes.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i] + "…"
		}
	}
	return s
}
