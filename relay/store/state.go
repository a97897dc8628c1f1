package store

import (
	"time"

	"botrelay/relay"
)

// State is the state of a row in the delivery table. The numbers are stored.
type State int

// The states; those before StateDelivered are open, the others final.
const (
	StateReady     State = 0 // in order, may be handed out
	StateHeld      State = 1 // behind another of its key
	StateWaiting   State = 2 // has a due time
	StateDelivered State = 3
	StateDead      State = 4
	StateDropped   State = 5
	StateMuted     State = 6
)

// Open tells whether the delivery is unfinished.
func (s State) Open() bool { return s < StateDelivered }

// Public is the state of a delivery as people see it.
func (s State) Public(attempts int) string {
	switch s {
	case StateDelivered:
		return relay.StateDelivered
	case StateDead:
		return relay.StateDead
	case StateDropped:
		return relay.StateDropped
	case StateMuted:
		return relay.StateMuted
	case StateWaiting:
		if attempts > 0 {
			return relay.StateRetrying
		}
	}
	return relay.StatePending
}

// DeliveryColumns is a row of the delivery table, without its event. Times are
// those of Nanos.
type DeliveryColumns struct {
	Sink, Key, Route               string
	Pos, Due, Waited, First, Ended int64
	State                          State
	Attempts, Replay               int
	OutOfOrder                     bool
	Tries                          []relay.Attempt
}

// Status is the delivery as people see it.
func (d *DeliveryColumns) Status(source, id string) relay.Status {
	return relay.Status{
		Ref:   relay.Ref{Source: source, ID: id, Sink: d.Sink},
		Route: d.Route, State: d.State.Public(d.Attempts), Attempts: d.Attempts, Replay: d.Replay,
		First: FromNanos(d.First), Due: FromNanos(d.Due), Ended: FromNanos(d.Ended),
		OutOfOrder: d.OutOfOrder, Tries: d.Tries,
	}
}

// Delivery is the row as it is handed out, with its event.
func (d *DeliveryColumns) Delivery(ev *relay.Event, row Row) *relay.Delivery {
	return &relay.Delivery{
		Event: ev, Sink: d.Sink, Key: d.Key, Route: d.Route,
		Attempt: d.Attempts + 1, Replay: d.Replay, First: FromNanos(d.First), Waited: time.Duration(d.Waited),
		OutOfOrder: d.OutOfOrder, Claim: row,
	}
}

// Nanos is how a time stands in a column: nanoseconds since 1970, 0 for none.
func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// FromNanos reads a column that Nanos has written.
func FromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
