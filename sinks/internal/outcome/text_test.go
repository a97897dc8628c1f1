package outcome

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestHider(t *testing.T) {
	const token = "tok/en+with=signs"
	payload := []byte(`{"event": "bot.fatal", "data": {"bot": {"id": "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31", "metadata": {"name": "Ada Lovelace, countess"}}}}`)
	hide := NewHider("Bearer "+token, "abc", "longer-"+token).For(payload)
	for name, tt := range map[string]struct{ in, want string }{
		"token":                  {"bad " + token, "bad <secret>"},
		"whole value":            {"got Bearer " + token + "!", "got <secret>!"},
		"longest first":          {"no longer-" + token, "no <secret>"},
		"as JSON":                {`bad tok\/en+with=signs`, "bad <secret>"},
		"as URL":                 {"bad tok%2Fen%2Bwith%3Dsigns", "bad <secret>"},
		"short values are words": {"abc", "abc"},
		"an id is no echo":       {"no bot 5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31", "no bot 5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"},
		"echo":                   {"cannot read " + string(payload), ""},
		"echo in a JSON text":    {`{"got":"{\"event\": \"bot.fatal\", \"data\": {\"bot\": {\"id\"`, ""},
		"indented echo":          {strings.ReplaceAll(string(payload), " ", "\n  "), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hide.Text(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add("plain", "secret-secret")
	f.Add("a\x1b[0m\u202e\xff", "x\xffyyyyy")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := NewHider(secret).Text(text)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > textLimit+1 {
			t.Errorf("Text(%q) = %q", text, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
			t.Errorf("Text(%q) = %q is not printable", text, got)
		}
	})
}
