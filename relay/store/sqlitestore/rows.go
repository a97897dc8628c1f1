package sqlitestore

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// eventRow is an event as its columns.
type eventRow struct {
	key, bot, name, code, subCode string
	fields, sum                   []byte
}

// rowOf makes the columns of an event. It needs no connection, so the caller of
// Append does it, beside the writer.
func rowOf(ev *relay.Event) eventRow {
	r := eventRow{
		key:     store.ColumnName(keyOf(ev)),
		bot:     store.TimelineBot(ev),
		name:    store.ColumnName(ev.Fields.Event),
		code:    store.ColumnName(ev.Fields.Code.String()),
		subCode: store.ColumnName(ev.Fields.SubCode.String()),
		fields:  store.AppendFields(make([]byte, 0, 256), &ev.Fields),
	}
	sum := store.Sum(ev.Source, ev.ID, ev.Received, r.key, r.fields, ev.Raw)
	r.sum = sum[:]
	return r
}

// keyOf is the event's ordering key. One that was not understood has none of
// its own and is kept apart by its id.
func keyOf(ev *relay.Event) string {
	if ev.Fields.Key == "" {
		return ev.Source + "/" + ev.ID
	}
	return ev.OrderKey()
}

// bodyHash stands for a body where the body itself is not kept.
func bodyHash(raw []byte) []byte {
	h := sha256.Sum256(raw)
	return h[:16]
}

// eventColumnCount is how many columns eventColumns names.
const eventColumnCount = 10

// scanEvent reads the columns named by eventColumns and checks them against
// their hash. Without withBody the body is left out of the result.
func scanEvent(st *sqlite3.Stmt, withBody bool) (*relay.Event, error) {
	ev := &relay.Event{
		Seq: relay.Seq(st.ColumnInt64(0)), Source: st.ColumnText(1), ID: st.ColumnText(2),
		Received: fromNanos(st.ColumnInt64(3)), Trouble: st.ColumnText(9),
	}
	fields, raw := st.ColumnRawBlob(5), st.ColumnRawBlob(6)
	sum := store.Sum(ev.Source, ev.ID, ev.Received, st.ColumnText(4), fields, raw)
	fits := bytes.Equal(sum[:], st.ColumnRawBlob(8))
	if err := st.Err(); err != nil {
		return nil, fmt.Errorf("event %d cannot be read: %w", ev.Seq, err)
	}
	if !fits {
		return nil, fmt.Errorf("event %d does not fit its hash", ev.Seq)
	}
	var err error
	if ev.Fields, err = store.DecodeFields(fields); err != nil {
		return nil, fmt.Errorf("fields of event %d: %w", ev.Seq, err)
	}
	if withBody && raw != nil {
		ev.Raw = bytes.Clone(raw)
	}
	return ev, nil
}

// deliveryRow is a row of the delivery table.
type deliveryRow struct {
	sink, key, route               string
	pos, due, waited, first, ended int64
	state, attempts, replay        int
	outOfOrder                     bool
	tries                          []byte
}

// scanDelivery reads the columns named by deliveryColumns, from the given one on.
func scanDelivery(st *sqlite3.Stmt, from int) deliveryRow {
	return deliveryRow{
		sink: st.ColumnText(from), pos: st.ColumnInt64(from + 1), key: st.ColumnText(from + 2), route: st.ColumnText(from + 3),
		state: st.ColumnInt(from + 4), due: st.ColumnInt64(from + 5), attempts: st.ColumnInt(from + 6), waited: st.ColumnInt64(from + 7),
		first: st.ColumnInt64(from + 8), ended: st.ColumnInt64(from + 9), outOfOrder: st.ColumnInt64(from+10) != 0,
		replay: st.ColumnInt(from + 11), tries: st.ColumnBlob(from+12, nil),
	}
}

// delivery reads one row by its primary key.
func (d *db) delivery(seq relay.Seq, sink string) (row deliveryRow, found bool, err error) {
	err = d.query(sqlDeliveryState, func(st *sqlite3.Stmt) bool {
		row, found = scanDelivery(st, 0), true
		return false
	}, int64(seq), sink)
	return row, found, err
}

// status is a delivery as people see it.
func (r *deliveryRow) status(source, id string) relay.Status {
	s := relay.Status{
		Ref:   relay.Ref{Source: source, ID: id, Sink: r.sink},
		Route: r.route, State: r.public(), Attempts: r.attempts, Replay: r.replay,
		First: fromNanos(r.first), Due: fromNanos(r.due), Ended: fromNanos(r.ended),
		OutOfOrder: r.outOfOrder, Tries: decodeTries(r.tries),
	}
	return s
}

// public is the state as people see it.
func (r *deliveryRow) public() string {
	switch r.state {
	case stateDelivered:
		return relay.StateDelivered
	case stateDead:
		return relay.StateDead
	case stateDropped:
		return relay.StateDropped
	case stateMuted:
		return relay.StateMuted
	case stateWaiting:
		if r.attempts > 0 {
			return relay.StateRetrying
		}
	}
	return relay.StatePending
}
