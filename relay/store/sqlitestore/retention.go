package sqlitestore

import (
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

const (
	// stepEvents is how many events one commit of retention looks at.
	stepEvents = 200
	// passEvery is how long after the end of a pass the next one begins.
	passEvery = time.Hour
	// idsKept is how long the id of an event is known, whatever else is kept.
	idsKept = 7 * 24 * time.Hour
	// headersKept is how long the header of a finished event stays when room is
	// made: bots are folded from them.
	headersKept = 24 * time.Hour

	dayLength = 24 * time.Hour
)

// stage is what a pass does; a pass goes through some of them in this order.
type stage int

const (
	// What has had its time, by a clock that is believed.
	oldValues stage = iota // of Memory
	oldIDs                 // of events that were removed
	byAge                  // events
	// What makes room.
	bodies // of finished events
	whole  // finished events
	stageCount
)

// pass is a way through the stages, some of it between every two groups.
type pass struct {
	running bool
	stage   stage
}

// retention is where the passes stand. Both may be under way: a store that
// keeps making room still removes what has had its time.
type retention struct {
	aging, making pass
	cursors       [stageCount]int64 // how far each stage has come
	began         time.Time         // the last pass that makes room
	next          time.Time         // when age is looked at again

	// A pass that makes room stops when there is enough, and goes on from there
	// when there is not.
	partial bool // it did not begin at the first event
	removed int  // by it, so far

	// A pass through everything that left too little room is not repeated at
	// once: scarce says that room is still wanted, fruitless that it found
	// nothing or left the limit reached.
	scarce, fruitless bool
	retry             time.Time
	finals            int64 // deliveries that became removable since it began

	early, earlyLogged int64 // events that lost something before their time
	logged             time.Time
}

// candidate is an event that a pass looks at.
type candidate struct {
	seq, received int64
	source, id    string
	quarantined   bool
	hasBody       bool
	body          []byte
	unfinished    bool
	died          int64        // the last death among its deliveries
	dead          []*sinkState // where they died
	old           bool         // has had its time as an event
}

// step takes the next step of a stage, in one commit. end tells that there is
// nothing more to do in it.
func (w *writer) step(at stage) (end bool, err error) {
	if at < byAge {
		return w.expire(at)
	}
	r := &w.retain
	var removed, early int
	var cursor int64
	err = w.transact(func() error {
		list, err := w.candidates(r.cursors[at])
		if err != nil {
			return err
		}
		young := false
		for i := range list {
			c := &list[i]
			cursor = c.seq
			c.old = w.store.age.Believed() && c.received <= store.Nanos(w.now)-int64(w.store.opts.RetentionEvents)
			if at == byAge && !c.old {
				// Received in the future, it says nothing of what follows.
				young = young || c.received <= store.Nanos(w.now)
				continue
			}
			did, err := w.consider(at, c)
			if err != nil {
				return err
			}
			if did {
				removed++
			}
			if did && !c.old {
				early++
			}
		}
		end = len(list) < stepEvents || young && !slices.ContainsFunc(list, func(c candidate) bool { return c.old })
		return nil
	})
	if err != nil {
		return false, err
	}
	r.cursors[at] = max(cursor, r.cursors[at])
	if at != byAge {
		r.removed += removed
		r.early += int64(early)
	}
	return end, nil
}

func (w *writer) candidates(after int64) (list []candidate, err error) {
	err = w.query(sqlEventsUp, func(st *sqlite3.Stmt) bool {
		list = append(list, candidate{
			seq: st.ColumnInt64(0), source: st.ColumnText(1), id: st.ColumnText(2), received: st.ColumnInt64(3),
			quarantined: st.ColumnBool(4), hasBody: st.ColumnBool(5), body: st.ColumnBlob(6, nil),
		})
		return true
	}, after, stepEvents)
	return list, err
}

// consider does to one event what the stage asks for, if it may.
func (w *writer) consider(at stage, c *candidate) (bool, error) {
	if at == bodies && !c.hasBody {
		return false, nil
	}
	err := w.query(sqlEventFinals, func(st *sqlite3.Stmt) bool {
		switch state := store.State(st.ColumnInt(1)); {
		case state < store.StateDelivered:
			c.unfinished = true
		case state == store.StateDead:
			c.died = max(c.died, st.ColumnInt64(2))
			c.dead = append(c.dead, w.store.sinks.byName[st.ColumnText(0)])
		}
		return !c.unfinished
	}, c.seq)
	if err != nil || c.unfinished {
		return false, err
	}
	switch {
	case w.rests(c):
		return false, nil
	case at == bodies && !c.old:
		return true, w.removeBody(c)
	case at == whole && !c.old && c.received > store.Nanos(w.now)-int64(headersKept):
		return false, nil
	}
	return true, w.remove(c)
}

// rests tells whether an event is kept for a dead letter or its quarantine,
// whatever room is wanted: for their time, and as long as no clock tells it.
func (w *writer) rests(c *candidate) bool {
	if !c.quarantined && len(c.dead) == 0 {
		return false
	}
	since := store.Nanos(w.now) - int64(w.store.opts.RetentionDead)
	return !w.store.age.Believed() || c.quarantined && c.received > since || c.died > since
}

// remove deletes an event with its deliveries, and keeps its id where that has
// to be known for longer.
func (w *writer) remove(c *candidate) error {
	if !w.store.age.Believed() || c.received > store.Nanos(w.now)-int64(idsKept) {
		if c.hasBody {
			ev, _, err := w.rawOf(c.seq)
			if err != nil {
				return err
			}
			c.body = store.BodyHash(ev)
		}
		if err := w.exec(sqlInsertSeen, c.source, c.id, c.body, c.received/int64(dayLength)); err != nil {
			return err
		}
		w.effects = append(w.effects, func() { w.seen = true })
	}
	for _, sink := range c.dead {
		if sink != nil {
			w.changes = append(w.changes, change{sink: sink, seq: relay.Seq(c.seq), from: dead, to: uncounted})
		}
	}
	if err := w.exec(sqlDeleteDeliveries, c.seq); err != nil {
		return err
	}
	return w.exec(sqlDeleteEvent, c.seq)
}

func (w *writer) rawOf(seq int64) (raw []byte, found bool, err error) {
	err = w.query(sqlEventRaw, func(st *sqlite3.Stmt) bool {
		raw, found = st.ColumnBlob(0, []byte{}), true
		return false
	}, seq)
	return raw, found, err
}

// removeBody writes the event again without its body: shrinking a row where it
// lies frees no page. One that does not fit its hash stays as it is.
func (w *writer) removeBody(c *candidate) error {
	var ev *relay.Event
	var row store.EventColumns
	err := w.query(sqlEventBySeq, func(st *sqlite3.Stmt) bool {
		var problem error
		if ev, problem = scanEvent(st, true); problem == nil {
			row = store.ColumnsOf(ev)
			row.Key = st.ColumnText(4)
		}
		return false
	}, c.seq)
	if err != nil || ev == nil {
		return err
	}
	row.Sum = store.Sum(ev.Source, ev.ID, ev.Received, row.Key, row.Fields, nil)
	hash := store.BodyHash(ev.Raw)
	if err := w.exec(sqlDeleteEvent, c.seq); err != nil {
		return err
	}
	return w.insertEvent(c.seq, ev, &row, nil, hash)
}
