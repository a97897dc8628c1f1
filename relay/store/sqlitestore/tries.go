package sqlitestore

import (
	"botrelay/relay"
	"botrelay/relay/store"
)

// addTry appends one try to the stored ones, which stand in one column behind
// each other. The first and the last four are kept.
func addTry(stored []byte, a relay.Attempt) []byte {
	if tries := store.DecodeTries(stored); len(tries) >= store.TriesKept {
		kept := store.AppendTry(nil, tries[0])
		for _, t := range tries[len(tries)-store.TriesKept+2:] {
			kept = store.AppendTry(kept, t)
		}
		stored = kept
	}
	return store.AppendTry(stored, a)
}
