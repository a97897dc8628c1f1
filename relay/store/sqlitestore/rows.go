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
	stored := scanStored(st)
	if err := st.Err(); err != nil {
		return nil, fmt.Errorf("event %d cannot be read: %w", stored.Seq, err)
	}
	return stored.Event(withBody)
}

// shown is scanEvent for people: an event that does not fit its hash is shown
// as damaged.
func shown(st *sqlite3.Stmt, withBody bool) *relay.Event {
	stored := scanStored(st)
	return stored.Shown(withBody)
}

// scanStored borrows the columns until the next row.
func scanStored(st *sqlite3.Stmt) store.StoredEvent {
	return store.StoredEvent{
		Seq: st.ColumnInt64(0), Source: st.ColumnText(1), ID: st.ColumnText(2), Received: st.ColumnInt64(3),
		Key: st.ColumnText(4), Fields: st.ColumnRawBlob(5), Raw: st.ColumnRawBlob(6), Stored: st.ColumnRawBlob(8),
		Trouble: st.ColumnText(9),
	}
}

// deliveryRow is a row of the delivery table. Its tries are read for people
// only.
type deliveryRow struct {
	store.DeliveryColumns
	tries []byte // as stored
}

// scanDelivery reads the columns named by deliveryColumns, from the given one on.
func scanDelivery(st *sqlite3.Stmt, from int) deliveryRow {
	return deliveryRow{
		store.DeliveryColumns{
			Sink: st.ColumnText(from), Pos: st.ColumnInt64(from + 1), Key: st.ColumnText(from + 2), Route: st.ColumnText(from + 3),
			State: store.State(st.ColumnInt(from + 4)), Due: st.ColumnInt64(from + 5), Attempts: st.ColumnInt(from + 6),
			Waited: st.ColumnInt64(from + 7), First: st.ColumnInt64(from + 8), Ended: st.ColumnInt64(from + 9),
			OutOfOrder: st.ColumnInt(from+10) != 0, Replay: st.ColumnInt(from + 11),
		},
		st.ColumnBlob(from+12, nil),
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

// shown is a delivery as people see it.
func (r *deliveryRow) shown(source, id string) relay.Status {
	r.Tries = store.DecodeTries(r.tries)
	return r.Status(source, id)
}

// public is the state as people see it.
func (r *deliveryRow) public() string { return r.State.Public(r.Attempts) }
