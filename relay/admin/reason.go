package admin

import (
	"regexp"
	"strings"

	"botrelay/relay"
)

// longestReason is how many characters of an answer a reason keeps.
const longestReason = 80

// class is the front of a note that says what kind of failure it was: how it
// was given up, and the status. Its digits count.
var class = regexp.MustCompile(`^(?:given up after [0-9]+ [a-z]+(?: [0-9]+ [a-z]+)*: )?(?:HTTP [0-9]{3}\b(?:: )?)?`)

var digits = regexp.MustCompile(`[0-9]+`)

// reasonOf is what failures are grouped by: the class of the last one and the
// first 80 characters of the answer, digits masked. Numbers tell one event from
// another, not one cause from another.
func reasonOf(st relay.Status) string {
	if len(st.Tries) == 0 {
		return "not known"
	}
	return reasonOfNote(st.Tries[len(st.Tries)-1].Note)
}

func reasonOfNote(note string) string {
	note, _, _ = strings.Cut(note, "\n")
	front := class.FindString(note)
	rest := []rune(digits.ReplaceAllString(note[len(front):], "#"))
	text := strings.TrimSpace(front + string(rest[:min(len(rest), longestReason)]))
	if text == "" {
		return "not known"
	}
	return text
}

// shortened is a text that somebody has sent, for a message.
func shortened(text string) string {
	const most = 80
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
