package sqlitestore

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func TestTriesKeepTheFirstAndTheLastFour(t *testing.T) {
	var stored []byte
	var all []relay.Attempt
	for i := range 9 {
		a := relay.Attempt{Began: time.Unix(int64(i+1), 5), Took: time.Duration(i) * time.Millisecond, Note: strings.Repeat("n", i)}
		all = append(all, a)
		stored = addTry(stored, a)
		want := all
		if len(all) > 5 {
			want = append([]relay.Attempt{all[0]}, all[len(all)-4:]...)
		}
		if diff := cmp.Diff(want, decodeTries(stored)); diff != "" {
			t.Errorf("after %d tries: %s", i+1, diff)
		}
	}
}

func TestNotesAreCutBetweenLetters(t *testing.T) {
	for _, note := range []string{strings.Repeat("é", 2000), "x" + strings.Repeat("é", 2000), strings.Repeat("😀", 900) + "x"} {
		got := decodeTries(addTry(nil, relay.Attempt{Note: note}))[0].Note
		if len(got) > maxNote || len(got) < maxNote-utf8.UTFMax || !utf8.ValidString(got) || !strings.HasPrefix(note, got) {
			t.Errorf("%d bytes of %d, valid %v", len(got), len(note), utf8.ValidString(got))
		}
	}
}

func FuzzDecodeTries(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(addTry(nil, relay.Attempt{Began: time.Unix(1, 2), Took: 3, Note: "200"}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, stored []byte) {
		tries := decodeTries(stored)
		if len(tries) > len(stored) {
			t.Errorf("%d tries in %d bytes", len(tries), len(stored))
		}
		again := addTry(stored, relay.Attempt{Began: time.Unix(9, 0), Note: "last"})
		if n := len(decodeTries(again)); n > max(len(tries)+1, triesKept) {
			t.Errorf("%d tries became %d", len(tries), n)
		}
	})
}
