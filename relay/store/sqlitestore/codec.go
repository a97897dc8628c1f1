package sqlitestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

const eventColumnCount = 10

// columnName is how a name that a sender chose stands in a column.
func columnName(s string) string {
	if len(s) <= 256 && strings.IndexByte(s, 0) < 0 {
		return s
	}
	h := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(h[:])
}

// bodyHash stands for a body where the body itself is not kept.
func bodyHash(raw []byte) []byte {
	h := sha256.Sum256(raw)
	return h[:16]
}

// keyOf is the event's ordering key. One that was not understood has none of
// its own and is kept apart by its id.
func keyOf(ev *relay.Event) string {
	if ev.Fields.Key == "" {
		return ev.Source + "/" + ev.ID
	}
	return ev.OrderKey()
}

func rowOf(ev *relay.Event) eventRow {
	r := eventRow{
		key:  columnName(keyOf(ev)),
		name: columnName(ev.Fields.Event), code: columnName(ev.Fields.Code.String()), subCode: columnName(ev.Fields.SubCode.String()),
		fields: encodeFields(&ev.Fields),
	}
	if ev.OnTimeline() {
		r.bot = columnName(ev.Fields.BotID.String())
	}
	r.sum = sumOf(ev.Source, ev.ID, nanos(ev.Received), r.key, r.fields, ev.Raw)
	return r
}

func sumOf(source, id string, received int64, key string, fields, raw []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d %d ", len(source), len(id), received, len(key), len(fields))
	h.Write([]byte(source))
	h.Write([]byte(id))
	h.Write([]byte(key))
	h.Write(fields)
	h.Write(raw)
	return h.Sum(nil)[:16]
}

type storedFields struct {
	E, S, P, K string
	C, U, B    *string
	M          []byte
	A          int64
}

func encodeFields(f *relay.Fields) []byte {
	opt := func(o relay.Optional) *string {
		if s, ok := o.Get(); ok {
			return &s
		}
		return nil
	}
	b, _ := json.Marshal(storedFields{f.Event, f.Side, f.Platform, f.Key, opt(f.Code), opt(f.SubCode), opt(f.BotID), f.Metadata, nanos(f.At)})
	return b
}

func decodeFields(b []byte) (f relay.Fields, err error) {
	var s storedFields
	if err := json.Unmarshal(b, &s); err != nil {
		return f, err
	}
	opt := func(p *string) (o relay.Optional) {
		if p != nil {
			return relay.Some(*p)
		}
		return o
	}
	return relay.Fields{Event: s.E, Side: s.S, Platform: s.P, Key: s.K, Code: opt(s.C), SubCode: opt(s.U), BotID: opt(s.B), Metadata: s.M, At: fromNanos(s.A)}, nil
}

// scanEvent reads the columns named by eventColumns and checks them against
// their hash. Without withBody the body is left out of the result.
func scanEvent(st *sqlite3.Stmt, withBody bool) (*relay.Event, error) {
	ev := &relay.Event{
		Seq: relay.Seq(st.ColumnInt64(0)), Source: st.ColumnText(1), ID: st.ColumnText(2),
		Received: fromNanos(st.ColumnInt64(3)), Trouble: st.ColumnText(9),
	}
	fields, raw := st.ColumnRawBlob(5), st.ColumnRawBlob(6)
	if sum := sumOf(ev.Source, ev.ID, st.ColumnInt64(3), st.ColumnText(4), fields, raw); !bytes.Equal(sum, st.ColumnRawBlob(8)) {
		return nil, fmt.Errorf("event %d does not fit its hash", ev.Seq)
	}
	var err error
	if ev.Fields, err = decodeFields(fields); err != nil {
		return nil, fmt.Errorf("fields of event %d: %w", ev.Seq, err)
	}
	if withBody && raw != nil {
		ev.Raw = bytes.Clone(raw)
	}
	return ev, nil
}

type try struct {
	B, T int64
	N    string
}

func addTry(tries []byte, a relay.Attempt) []byte {
	var list []try
	_ = json.Unmarshal(tries, &list)
	list = append(list, try{nanos(a.Began), int64(a.Took), a.Note})
	if len(list) > 5 {
		list = append(list[:1], list[len(list)-4:]...)
	}
	b, _ := json.Marshal(list)
	return b
}

func decodeTries(b []byte) (out []relay.Attempt) {
	var list []try
	_ = json.Unmarshal(b, &list)
	for _, t := range list {
		out = append(out, relay.Attempt{Began: fromNanos(t.B), Took: time.Duration(t.T), Note: t.N})
	}
	return out
}
