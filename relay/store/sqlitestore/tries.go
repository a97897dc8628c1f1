package sqlitestore

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"botrelay/relay"
)

// The tries of a delivery stand in one column: for each, a varint of when it
// began in nanoseconds, a uvarint of what it took, a uvarint of the length of
// its note and the note. The first and the last four are kept.
const (
	triesKept = 5
	maxNote   = 1 << 10
)

// addTry appends one try to the stored ones.
func addTry(stored []byte, a relay.Attempt) []byte {
	if tries := decodeTries(stored); len(tries) >= triesKept {
		kept := appendTry(nil, tries[0])
		for _, t := range tries[len(tries)-triesKept+2:] {
			kept = appendTry(kept, t)
		}
		stored = kept
	}
	return appendTry(stored, a)
}

func appendTry(dst []byte, a relay.Attempt) []byte {
	note := a.Note
	if len(note) > maxNote {
		end := maxNote
		for end > maxNote-utf8.UTFMax && !utf8.RuneStart(note[end]) {
			end--
		}
		note = note[:end]
	}
	dst = binary.AppendVarint(dst, nanos(a.Began))
	dst = binary.AppendUvarint(dst, uint64(max(a.Took, 0)))
	dst = binary.AppendUvarint(dst, uint64(len(note)))
	return append(dst, note...)
}

// decodeTries is the opposite of addTry. What cannot be read is left out: the
// tries are for people.
func decodeTries(stored []byte) (tries []relay.Attempt) {
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
		tries = append(tries, relay.Attempt{Began: fromNanos(began), Took: time.Duration(took), Note: note})
	}
	return tries
}
