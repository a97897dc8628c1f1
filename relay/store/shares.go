package store

import "math/bits"

// shares keeps the promise of Claim about the two kinds, first tries and rows
// whose time has come: while both wait, at least a quarter and at most half of
// the last 16 handed out are of the second kind. One bit for each of the last
// 16, the newest lowest.
type shares uint16

// dueNext tells whether the next one should be of the second kind while both
// wait. Below a quarter it must be; otherwise the kinds alternate up to six.
func (s shares) dueNext() bool {
	const last15 = 1<<15 - 1
	n := bits.OnesCount16(uint16(s) & last15)
	return n < 4 || n < 6 && s&1 == 0
}

// add records one that was handed out.
func (s *shares) add(due bool) {
	*s <<= 1
	if due {
		*s |= 1
	}
}
