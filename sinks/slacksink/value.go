package slacksink

import (
	"strings"
	"unicode"

	"github.com/slack-go/slack/slackutilsx"
)

const (
	valueLimit = 60  // characters of a value from a payload
	phoneLimit = 110 // characters that a phone shows of a message
	shortID    = 8   // characters of an id that people tell bots apart by
)

// clean makes one line of a text that somebody else has written: no control
// characters, no line breaks, no marks that turn the direction of reading, and
// no backtick, which would begin or end a piece of code. It does not escape.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case !unicode.IsPrint(r): // zero width, bidirectional, private use, not assigned
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return strings.Join(strings.Fields(s), " ")
}

// value is a text from a payload as a message shows it: clean and cut, not
// escaped.
func value(s string) string {
	// The rest of a long text is never seen, so it is not worth cleaning.
	return cut(clean(head(s, 16*valueLimit)), valueLimit)
}

// head is at most the first limit bytes of s, by whole characters.
func head(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// cut shortens s to limit characters, the last of them an ellipsis.
func cut(s string, limit int) string {
	n, end := 0, 0
	for i := range s {
		if n++; n == limit {
			end = i
		}
		if n > limit {
			return strings.TrimRight(s[:end], " ") + "…"
		}
	}
	return s
}

// short is the front of an id.
func short(id string) string {
	n := 0
	for i := range id {
		if n == shortID {
			return id[:i]
		}
		n++
	}
	return id
}

// escape makes text of s: Slack then finds no markup in it.
func escape(s string) string { return slackutilsx.EscapeMessage(s) }

// code is a value in fixed width, for searching and copying; empty for nothing.
func code(s string) string {
	if s = value(s); s == "" {
		return ""
	}
	return "`" + escape(s) + "`"
}

// link is a link to a page of our own choice.
func link(url, text string) string { return "<" + escape(url) + "|" + escape(text) + ">" }

// sentence is a text with a capital at its beginning.
func sentence(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}
