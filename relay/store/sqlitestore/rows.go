package sqlitestore

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// eventColumnCount is how many columns eventColumns names.
const eventColumnCount = 10

// scanEvent reads the columns named by eventColumns and checks them against
// their hash. Without withBody the body is left out of the result.
func scanEvent(st *sqlite3.Stmt, withBody bool) (*relay.Event, error) {
	stored := store.StoredEvent{
		Seq: st.ColumnInt64(0), Source: st.ColumnText(1), ID: st.ColumnText(2), Received: st.ColumnInt64(3),
		Key: st.ColumnText(4), Fields: st.ColumnRawBlob(5), Raw: st.ColumnRawBlob(6), Stored: st.ColumnRawBlob(8),
		Trouble: st.ColumnText(9),
	}
	if err := st.Err(); err != nil {
		return nil, fmt.Errorf("event %d cannot be read: %w", stored.Seq, err)
	}
	return stored.Event(withBody)
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
		OutOfOrder: r.outOfOrder, Tries: store.DecodeTries(r.tries),
	}
	return s
}

// public is the state as people see it.
func (r *deliveryRow) public() string { return store.State(r.state).Public(r.attempts) }
