package slacksink

import (
	"strings"
	"testing"
	"unicode/utf8"

	"botrelay/relay/recall"
)

// Every listed code has a phone text in which cause and bot are whole, and whose
// first 40 characters say whose turn it is.
func TestEveryListedCodeFitsAPhone(t *testing.T) {
	for _, c := range recall.Codes() {
		ev := statusEvent(t, c.With.Event(), `"`+c.Code+`"`)
		for _, inCall := range []bool{false, true} {
			text := unescape(render(alert{event: ev, life: recall.Life{InCall: inCall}}).text)
			if n := utf8.RuneCountInString(text); n > phoneLimit || !strings.Contains(text, "Bot 5b1c7f0e") {
				t.Errorf("%s: %d characters: %s", c.Code, n, text)
			}
			if front := string([]rune(text)[:40]); !strings.Contains(front, sideWord(c.Side)+": ") {
				t.Errorf("%s: the first 40 characters are %s", c.Code, front)
			}
		}
	}
}

// The dot is as urgent as the side; the catalogue's sides all have a word.
func TestDotsAndSides(t *testing.T) {
	for _, c := range []struct{ event, subCode, dot, side string }{
		{"bot.fatal", `"zoom_sdk_credentials_missing"`, red, "Yours to fix"},
		{"bot.fatal", `"bot_errored"`, red, "Recall's side"},
		{"bot.fatal", `"zoom_internal_error"`, orange, "Meeting platform's side"},
		{"bot.fatal", `"meeting_full"`, orange, "Host's side"},
		{"bot.fatal", `"zoom_quantum_flux"`, red, "Cause not known to botrelay"},
		{"bot.fatal", `null`, red, ""},
		{"bot.fatal", `"call_ended_by_host"`, orange, "Ordinary end"},
		{"bot.recording_permission_denied", `"zoom_host_not_present"`, orange, "Host's side"},
		{"bot.recording_permission_denied", `"zoom_quantum_flux"`, orange, "Cause not known to botrelay"},
		{"bot.call_ended", `"call_ended_by_host"`, white, "Ordinary end"},
		{"bot.call_ended", `"bot_kicked_from_call"`, orange, "Host's side"},
		{"bot.call_ended", `null`, orange, ""},
		{"recording.failed", `"x"`, red, ""},
		{"bot.done", `"meeting_full"`, white, ""},
	} {
		w := say(statusEvent(t, c.event, c.subCode), recall.Life{})
		if w.dot != c.dot || w.side != c.side {
			t.Errorf("%s %s: %s %q, want %s %q", c.event, c.subCode, w.dot, w.side, c.dot, c.side)
		}
	}
}
