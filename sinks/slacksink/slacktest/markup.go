package slacktest

import (
	"regexp"
	"strings"
)

// markups are the forms that may stand between angle brackets
// (https://docs.slack.dev/messaging/formatting-message-text).
var markups = []*regexp.Regexp{
	regexp.MustCompile(`^!(here|channel|everyone)$`),
	regexp.MustCompile(`^!subteam\^S[A-Z0-9]+$`),
	regexp.MustCompile(`^@[UW][A-Z0-9]+$`),
	regexp.MustCompile(`^#[CG][A-Z0-9]+$`),
	regexp.MustCompile(`^!date\^\d+\^[^|^]*\{[a-z_]+\}[^|^]*(\^https?://[^|]+)?\|[^|]+$`),
	regexp.MustCompile(`^(https?://|mailto:)[^|\s]+(\|[^|]+)?$`),
}

// markup finds text that Slack would show otherwise than it was meant: angle
// brackets that are no markup, and ampersands that are not escaped.
func (d *draft) markup(place, text string) {
	for rest := text; ; {
		i := strings.IndexAny(rest, "<>&")
		if i < 0 {
			return
		}
		switch rest[i] {
		case '&':
			if !entity.MatchString(rest[i:]) {
				d.fault("%s: an & that is not escaped", place)
			}
			rest = rest[i+1:]
			continue
		case '>':
			d.fault("%s: a > that is not escaped", place)
			rest = rest[i+1:]
			continue
		}
		inside, after, closed := strings.Cut(rest[i+1:], ">")
		if !closed || !isMarkup(inside) {
			d.fault("%s: <%.40s> is no markup", place, inside)
		}
		rest = after
	}
}

var entity = regexp.MustCompile(`^&(amp|lt|gt);`)

func isMarkup(inside string) bool {
	for _, form := range markups {
		if form.MatchString(inside) {
			return true
		}
	}
	return false
}
