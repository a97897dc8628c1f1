package receive

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// firstRead is what a body gets before any of it has come. A declared length
// alone takes no more of the budget: 1,024 connections that declare much and
// send nothing hold half of it.
const firstRead = 16 << 10

// budget bounds the bytes of all bodies in flight.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// read reads a whole body of at most limit bytes; declared is its length, or -1
// if it has none. held is what the caller must give back, whatever the outcome.
// The buffer is made for this body alone and exactly as long, since the store
// keeps it.
func (b *budget) read(body io.Reader, declared, limit int64) (raw []byte, held int64, refusal *Refusal) {
	end := declared
	if declared < 0 {
		end = limit + 1 // one byte more shows that it is too large
	}
	raw = []byte{}
	for int64(len(raw)) < end {
		size := min(max(firstRead, 2*int64(cap(raw))), end)
		if !b.take(size - held) {
			return nil, held, refuse(causeInFlight)
		}
		held = size
		grown := make([]byte, size)
		from := copy(grown, raw)
		n, err := fill(body, grown[from:])
		raw = grown[:from+n]
		switch {
		case int64(len(raw)) == size:
		case declared < 0 && err == io.EOF:
			return append(make([]byte, 0, len(raw)), raw...), held, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, held, refuse(causeSlow)
		default:
			return nil, held, refuse(causeBody)
		}
	}
	if int64(len(raw)) > limit {
		return nil, held, refuse(causeTooLarge)
	}
	return raw, held, nil
}

// fill reads until buf is full or the body ends. Unlike io.ReadFull it keeps
// the body's own error: io.EOF is a proper end, io.ErrUnexpectedEOF is not.
func fill(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var got int
		got, err = body.Read(buf[n:])
		n += got
	}
	return n, err
}

// encoded tells whether a Content-Encoding other than identity is named. What
// is signed is the body as it came, so nothing is ever unpacked.
func encoded(lines []string) bool {
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" && !strings.EqualFold(token, "identity") {
				return true
			}
		}
	}
	return false
}
