package pgstore

import (
	"github.com/jackc/pgx/v5/pgtype"

	"botrelay/relay/store"
)

// scannedEvent is what eventColumns name, or nothing where there is no event.
// The bytes are borrowed from the connection until the next row.
type scannedEvent struct {
	seq, received            pgtype.Int8
	source, id, key, trouble pgtype.Text
	fields, raw, sum         pgtype.DriverBytes
}

func (e *scannedEvent) targets() []any {
	return []any{&e.seq, &e.source, &e.id, &e.received, &e.key, &e.fields, &e.raw, &e.sum, &e.trouble}
}

func (e *scannedEvent) stored() store.StoredEvent {
	return store.StoredEvent{
		Seq: e.seq.Int64, Received: e.received.Int64, Source: e.source.String, ID: e.id.String, Key: e.key.String,
		Trouble: e.trouble.String, Fields: e.fields, Raw: e.raw, Stored: e.sum,
	}
}

// scannedDelivery is what deliveryColumns name, or nothing where there is no
// delivery.
type scannedDelivery struct {
	sink, key, route               pgtype.Text
	pos, due, waited, first, ended pgtype.Int8
	state, attempts, replay        pgtype.Int4
	outOfOrder                     pgtype.Bool
	tries                          [][]byte
}

func (d *scannedDelivery) targets() []any {
	return []any{
		&d.sink, &d.pos, &d.key, &d.route, &d.state, &d.due, &d.attempts, &d.waited, &d.first, &d.ended,
		&d.outOfOrder, &d.replay, &d.tries,
	}
}

func (d *scannedDelivery) columns() store.DeliveryColumns {
	c := store.DeliveryColumns{
		Sink: d.sink.String, Key: d.key.String, Route: d.route.String,
		Pos: d.pos.Int64, Due: d.due.Int64, Waited: d.waited.Int64, First: d.first.Int64, Ended: d.ended.Int64,
		State: store.State(d.state.Int32), Attempts: int(d.attempts.Int32), Replay: int(d.replay.Int32),
		OutOfOrder: d.outOfOrder.Bool,
	}
	for _, try := range d.tries {
		c.Tries = append(c.Tries, store.DecodeTries(try)...)
	}
	return c
}
