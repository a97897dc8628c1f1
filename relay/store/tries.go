package store

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"botrelay/relay"
)

// TriesKept is how many tries of a delivery are kept: the first and the last
// four.
const TriesKept = 5

// maxNote is the longest note of a try that is kept, in bytes.
const maxNote = 1 << 10

// AppendTry appends the stored form of a try to dst: a varint of when it began
// in nanoseconds, a uvarint of what it took, a uvarint of the length of its
// note and the note. A note that is too long is cut between letters.
func AppendTry(dst []byte, a relay.Attempt) []byte {
	note := a.Note
	if len(note) > maxNote {
		end := maxNote
		for end > maxNote-utf8.UTFMax && !utf8.RuneStart(note[end]) {
			end--
		}
		note = note[:end]
	}
	dst = binary.AppendVarint(dst, Nanos(a.Began))
	dst = binary.AppendUvarint(dst, uint64(max(a.Took, 0)))
	return appendText(dst, note)
}

// DecodeTries is the opposite of AppendTry, for several of them in a row. What
// cannot be read is left out: the tries are for people.
func DecodeTries(stored []byte) (tries []relay.Attempt) {
	for len(stored) > 0 {
		began, n := binary.Varint(stored)
		if n <= 0 {
			return tries
		}
		stored = stored[n:]
		took, n := binary.Uvarint(stored)
		if n <= 0 {
			return tries
		}
		stored = stored[n:]
		length, n := binary.Uvarint(stored)
		if n <= 0 || length > uint64(len(stored)-n) {
			return tries
		}
		note := string(stored[n : n+int(length)])
		stored = stored[n+int(length):]
		tries = append(tries, relay.Attempt{Began: FromNanos(began), Took: time.Duration(took), Note: note})
	}
	return tries
}
