package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"botrelay/relay"
)

// The stored form of relay.Fields is a version byte, the flags as a uvarint,
// and what the flags announce, in their order: texts as a uvarint length and
// their bytes, the time as a varint of seconds and a uvarint of nanoseconds.
// The event's name stands first and has no flag.
const fieldsVersion = 1

// What is there. A key that equals the bot id, as that of most events does, is
// a flag alone.
const (
	hasCode = 1 << iota
	hasSubCode
	hasSide
	hasPlatform
	hasBotID
	hasMetadata
	hasAt
	hasKey
	keyIsBotID
	allFlags = 1<<iota - 1
)

// AppendFields appends the stored form of f to dst and returns it. The zero
// Fields have a form, too. At keeps its instant, not its zone.
func AppendFields(dst []byte, f *relay.Fields) []byte {
	code, coded := f.Code.Get()
	subCode, subCoded := f.SubCode.Get()
	bot, botted := f.BotID.Get()
	keyFlag := uint64(0)
	switch {
	case botted && f.Key == bot:
		keyFlag = keyIsBotID
	case f.Key != "":
		keyFlag = hasKey
	}
	flags := keyFlag |
		flag(coded, hasCode) | flag(subCoded, hasSubCode) | flag(f.Side != "", hasSide) |
		flag(f.Platform != "", hasPlatform) | flag(botted, hasBotID) |
		flag(f.Metadata != nil, hasMetadata) | flag(!f.At.IsZero(), hasAt)

	dst = append(dst, fieldsVersion)
	dst = binary.AppendUvarint(dst, flags)
	dst = appendText(dst, f.Event)
	for _, part := range [...]struct {
		flag uint64
		text string
	}{{hasCode, code}, {hasSubCode, subCode}, {hasSide, f.Side}, {hasPlatform, f.Platform}, {hasBotID, bot}} {
		if flags&part.flag != 0 {
			dst = appendText(dst, part.text)
		}
	}
	if flags&hasMetadata != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(f.Metadata)))
		dst = append(dst, f.Metadata...)
	}
	if flags&hasAt != 0 {
		dst = binary.AppendVarint(dst, f.At.Unix())
		dst = binary.AppendUvarint(dst, uint64(f.At.Nanosecond()))
	}
	if flags&hasKey != 0 {
		dst = appendText(dst, f.Key)
	}
	return dst
}

func flag(set bool, bit uint64) uint64 {
	if set {
		return bit
	}
	return 0
}

func appendText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// DecodeFields is the opposite of AppendFields. It keeps no part of stored and
// refuses whatever AppendFields does not write: another version, unknown flags,
// a text that is cut, bytes behind the end. At is in UTC.
func DecodeFields(stored []byte) (relay.Fields, error) {
	if len(stored) == 0 {
		return relay.Fields{}, errors.New("stored fields are empty")
	}
	if stored[0] != fieldsVersion {
		return relay.Fields{}, fmt.Errorf("stored fields have version %d, this is version %d", stored[0], fieldsVersion)
	}
	d := decoder{rest: string(stored[1:])}
	flags := d.uvarint()
	if flags > allFlags || flags&hasKey != 0 && flags&keyIsBotID != 0 || flags&keyIsBotID != 0 && flags&hasBotID == 0 {
		return relay.Fields{}, fmt.Errorf("stored fields have unknown flags %#x", flags)
	}
	var f relay.Fields
	f.Event = d.text()
	if flags&hasCode != 0 {
		f.Code = relay.Some(d.text())
	}
	if flags&hasSubCode != 0 {
		f.SubCode = relay.Some(d.text())
	}
	if flags&hasSide != 0 {
		f.Side = d.text()
	}
	if flags&hasPlatform != 0 {
		f.Platform = d.text()
	}
	if flags&hasBotID != 0 {
		f.BotID = relay.Some(d.text())
	}
	if flags&hasMetadata != 0 {
		f.Metadata = []byte(d.text())
	}
	if flags&hasAt != 0 {
		f.At = d.time()
	}
	switch {
	case flags&hasKey != 0:
		f.Key = d.text()
	case flags&keyIsBotID != 0:
		f.Key = f.BotID.String()
	}
	if d.cut {
		return relay.Fields{}, errors.New("stored fields are cut short")
	}
	if d.rest != "" {
		return relay.Fields{}, fmt.Errorf("stored fields have %d bytes behind their end", len(d.rest))
	}
	return f, nil
}

// decoder takes stored fields apart. All texts share one copy of the input.
type decoder struct {
	rest string
	cut  bool // something was missing; what is decoded has no meaning
}

func (d *decoder) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.cut = true
	return 0
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.cut = true
		return ""
	}
	text := d.rest[:n]
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) time() time.Time {
	zigzag := d.uvarint()
	seconds := int64(zigzag>>1) ^ -int64(zigzag&1)
	nanos := d.uvarint()
	if nanos >= uint64(time.Second) {
		d.cut = true
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}
