package store

import (
	"math/bits"
	"testing"
)

// From every possible past, 16 more handed out while both kinds wait have to
// hold a quarter to half of the second kind, and so have all that follow.
func TestSharesFromEveryPast(t *testing.T) {
	for past := range 1 << 16 {
		s := shares(past)
		for n := range 64 {
			s.add(s.dueNext())
			if due := bits.OnesCount16(uint16(s)); n >= 15 && (due < 4 || due > 8) {
				t.Fatalf("after %016b and %d more, %d of the last 16 were tried before", past, n+1, due)
			}
		}
	}
}
