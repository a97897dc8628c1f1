package pgstore

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"botrelay/relay/store"
)

// appendArgs is a batch as the arrays that the procedure takes: one place for
// each event, and one for each delivery.
type appendArgs struct {
	sources, ids, keys, bots, events, codes, subCodes, sides, troubles []string
	receiveds                                                          []int64
	sums, fields, raws                                                 [][]byte

	of                      []int32 // the place of its event, from 0
	sinks, sinkKeys, routes []string
	dues                    []int64
}

func newAppendArgs(batch []*appendJob) *appendArgs {
	n := len(batch)
	a := &appendArgs{
		sources: make([]string, 0, n), ids: make([]string, 0, n), keys: make([]string, 0, n), bots: make([]string, 0, n),
		events: make([]string, 0, n), codes: make([]string, 0, n), subCodes: make([]string, 0, n), sides: make([]string, 0, n),
		troubles: make([]string, 0, n), receiveds: make([]int64, 0, n),
		sums: make([][]byte, 0, n), fields: make([][]byte, 0, n), raws: make([][]byte, 0, n),
		of: make([]int32, 0, 3*n), sinks: make([]string, 0, 3*n), sinkKeys: make([]string, 0, 3*n), routes: make([]string, 0, 3*n),
		dues: make([]int64, 0, 3*n),
	}
	for i, j := range batch {
		a.add(int32(i), j)
	}
	return a
}

func (a *appendArgs) add(place int32, j *appendJob) {
	ev, c := j.event, &j.columns
	a.sources, a.ids, a.receiveds = append(a.sources, ev.Source), append(a.ids, ev.ID), append(a.receiveds, store.Nanos(ev.Received))
	a.keys, a.bots, a.events = append(a.keys, c.Key), append(a.bots, c.Bot), append(a.events, c.Name)
	a.codes, a.subCodes = append(a.codes, c.Code), append(a.subCodes, c.SubCode)
	a.sides, a.troubles = append(a.sides, ev.Fields.Side), append(a.troubles, ev.Trouble)
	a.sums, a.fields = append(a.sums, c.Sum[:]), append(a.fields, c.Fields)
	raw := ev.Raw
	if raw == nil {
		raw = []byte{} // nil is NULL
	}
	a.raws = append(a.raws, raw)
	for i := range j.targets {
		t := &j.targets[i]
		a.of, a.sinks, a.routes = append(a.of, place), append(a.sinks, t.Sink), append(a.routes, t.Route)
		a.sinkKeys, a.dues = append(a.sinkKeys, store.ColumnName(t.Key)), append(a.dues, store.Nanos(t.After))
	}
}

// list is the arrays in the order of the procedure's parameters.
func (a *appendArgs) list() []any {
	return []any{
		a.sources, a.ids, a.receiveds, a.keys, a.bots, a.events, a.codes, a.subCodes, a.sides, a.troubles, a.sums, a.fields, a.raws,
		a.of, a.sinks, a.sinkKeys, a.routes, a.dues,
	}
}

// stateOf is the SQLSTATE of an error: what may be said of it without saying
// anything of the event.
func stateOf(err error) string {
	if answer, told := errors.AsType[*pgconn.PgError](err); told {
		return "SQLSTATE " + answer.Code
	}
	return "unknown cause"
}
