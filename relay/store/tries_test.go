package store

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"botrelay/relay"
)

func TestNotesAreCutBetweenLetters(t *testing.T) {
	for _, note := range []string{strings.Repeat("é", 2000), "x" + strings.Repeat("é", 2000), strings.Repeat("😀", 900) + "x"} {
		got := DecodeTries(AppendTry(nil, relay.Attempt{Note: note}))[0].Note
		if len(got) > maxNote || len(got) < maxNote-utf8.UTFMax || !utf8.ValidString(got) || !strings.HasPrefix(note, got) {
			t.Errorf("%d bytes of %d, valid %v", len(got), len(note), utf8.ValidString(got))
		}
	}
}

func FuzzDecodeTries(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(AppendTry(nil, relay.Attempt{Began: time.Unix(1, 2), Took: 3, Note: "200"}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, stored []byte) {
		tries := DecodeTries(stored)
		if len(tries) > len(stored) {
			t.Errorf("%d tries in %d bytes", len(tries), len(stored))
		}
		for _, a := range tries {
			again := DecodeTries(AppendTry(nil, a))
			if len(again) != 1 || !again[0].Began.Equal(a.Began) || !strings.HasPrefix(a.Note, again[0].Note) {
				t.Errorf("%+v comes back as %+v", a, again)
			}
		}
	})
}
