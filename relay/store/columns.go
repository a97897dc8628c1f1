package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"botrelay/relay"
)

// EventColumns is what the columns of an event hold beside what it says itself.
type EventColumns struct {
	Key, Bot, Name, Code, SubCode string
	Fields                        []byte
	Sum                           [SumSize]byte
}

// ColumnsOf makes the columns of an event.
func ColumnsOf(ev *relay.Event) EventColumns {
	c := EventColumns{
		Key:     ColumnName(keyOf(ev)),
		Bot:     TimelineBot(ev),
		Name:    ColumnName(ev.Fields.Event),
		Code:    ColumnName(ev.Fields.Code.String()),
		SubCode: ColumnName(ev.Fields.SubCode.String()),
		Fields:  AppendFields(make([]byte, 0, 256), &ev.Fields),
	}
	c.Sum = Sum(ev.Source, ev.ID, ev.Received, c.Key, c.Fields, ev.Raw)
	return c
}

// keyOf is the event's ordering key. One that was not understood has none of
// its own and is kept apart by its id.
func keyOf(ev *relay.Event) string {
	if ev.Fields.Key == "" {
		return ev.Source + "/" + ev.ID
	}
	return ev.OrderKey()
}

// BodyHash stands for a body where the body itself is not kept.
func BodyHash(raw []byte) []byte {
	h := sha256.Sum256(raw)
	return h[:16]
}

// StoredEvent is an event as a store has read it. Fields and Raw are borrowed.
type StoredEvent struct {
	Seq, Received       int64
	Source, ID, Key     string
	Trouble             string
	Fields, Raw, Stored []byte // Stored is the sum
}

// Event checks what was read against its sum. Its Raw is a copy, or nil without
// withBody.
func (s *StoredEvent) Event(withBody bool) (*relay.Event, error) {
	received := FromNanos(s.Received)
	sum := Sum(s.Source, s.ID, received, s.Key, s.Fields, s.Raw)
	if !bytes.Equal(sum[:], s.Stored) {
		return nil, fmt.Errorf("event %d does not fit its hash", s.Seq)
	}
	fields, err := DecodeFields(s.Fields)
	if err != nil {
		return nil, fmt.Errorf("fields of event %d: %w", s.Seq, err)
	}
	ev := &relay.Event{
		Seq: relay.Seq(s.Seq), Source: s.Source, ID: s.ID, Received: received, Fields: fields, Trouble: s.Trouble,
	}
	if withBody && s.Raw != nil {
		ev.Raw = bytes.Clone(s.Raw)
	}
	return ev, nil
}

// damagedTrouble is the trouble of an event that does not fit its hash, as it
// is shown. Its other fields are not to be trusted.
const damagedTrouble = damagedNote

// Shown is Event for people: one that does not fit its hash is shown as damaged.
func (s *StoredEvent) Shown(withBody bool) *relay.Event {
	ev, err := s.Event(withBody)
	if err != nil {
		return &relay.Event{
			Seq: relay.Seq(s.Seq), Source: s.Source, ID: s.ID, Received: FromNanos(s.Received), Trouble: damagedTrouble,
		}
	}
	return ev
}
