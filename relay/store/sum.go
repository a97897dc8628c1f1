package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"
	"unicode/utf8"

	"botrelay/relay"
)

// SumSize is how many bytes Sum returns.
const SumSize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum is the hash that is stored with an event and compared at every read, so
// that nothing damaged is ever sent: over its source, id, received, key (as in
// its column), stored fields and body. A body that was removed counts as an
// empty one.
//
// It is two CRCs, of the polynomials of Castagnoli and of IEEE 802.3, which
// have no factor in common: together 64 bits, every burst of up to 64 bits is
// found, and of other damage one case in 2^64 is missed. A cryptographic hash
// without a key would find no more, since who can write the event can write its
// hash, and it costs every read 1.5 to 2 µs a KB (SHA-256, in hardware) where
// these take 0.1 µs.
func Sum(source, id string, received time.Time, key string, fields, raw []byte) [SumSize]byte {
	head := make([]byte, 0, len(source)+len(id)+len(key)+6*binary.MaxVarintLen64)
	head = appendText(head, source)
	head = appendText(head, id)
	head = binary.AppendVarint(head, received.UnixNano())
	head = appendText(head, key)
	head = binary.AppendUvarint(head, uint64(len(fields)))
	head = binary.AppendUvarint(head, uint64(len(raw)))

	var sum [SumSize]byte
	for i, table := range [...]*crc32.Table{castagnoli, crc32.IEEETable} {
		c := crc32.Update(0, table, head)
		c = crc32.Update(c, table, fields)
		c = crc32.Update(c, table, raw)
		binary.BigEndian.PutUint32(sum[4*i:], c)
	}
	return sum
}

// maxColumnName is the longest name that stands in a column as it is.
const maxColumnName = 256

const standIn = "sha256:"

// ColumnName is how a key, a bot id, an event name or a code stands in columns
// and indexes: as it is, or, where it is over 256 bytes long or holds what a
// database's text may not (U+0000, bytes that are no UTF-8), as "sha256:" and
// its hash. A name that begins so by itself is replaced, too: no two names
// share one.
func ColumnName(name string) string {
	if len(name) <= maxColumnName && strings.IndexByte(name, 0) < 0 && utf8.ValidString(name) && !strings.HasPrefix(name, standIn) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return standIn + hex.EncodeToString(sum[:])
}

// TimelineBot is what the bot column of ev holds: its bot, as ColumnName, when
// the event is on that bot's timeline, otherwise nothing.
func TimelineBot(ev *relay.Event) string {
	if !ev.OnTimeline() {
		return ""
	}
	return ColumnName(ev.Fields.BotID.String())
}
