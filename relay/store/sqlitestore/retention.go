package sqlitestore

import (
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

// stage is what a pass through the events does.
type stage int

const (
	byAge  stage = iota // what has had its time
	bodies              // of finished events, to make room
	whole               // finished events, to make room
)

// retention is where the passes stand.
type retention struct {
	stage   stage
	running bool     // a pass is under way
	cursors [3]int64 // how far each stage has come
	began   time.Time
	next    time.Time // when age is looked at again

	// A pass that makes room stops when there is enough, and goes on from there
	// when there is not.
	partial bool // it did not begin at the first event
	removed int  // by it, so far

	// A pass that made no room is not repeated before something was finished.
	fruitless bool
	retry     time.Time
	finals    int64 // deliveries that became final since that pass began

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
}

// step looks at the next events of the pass, in one commit. end tells that
// there are no more.
func (w *writer) step() (end bool, err error) {
	r := &w.retain
	removed, cursor := 0, r.cursors[r.stage]
	err = w.transact(func() error {
		removed, cursor = 0, r.cursors[r.stage]
		list, err := w.candidates(cursor)
		if err != nil {
			return err
		}
		end = len(list) < stepEvents
		for i := range list {
			c := &list[i]
			if r.stage == byAge && c.received > nanos(w.now)-int64(w.store.opts.RetentionEvents) {
				end = true // what follows is younger
				break
			}
			did, err := w.consider(c)
			if err != nil {
				return err
			}
			cursor = c.seq
			if did {
				removed++
			}
		}
		return nil
	})
	if err == nil {
		r.cursors[r.stage] = cursor
		if r.stage != byAge && removed > 0 {
			r.removed += removed
			r.early += int64(removed)
			r.fruitless = false
		}
	}
	return end, err
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

// consider does to one event what the stage of the pass asks for, if it may.
func (w *writer) consider(c *candidate) (bool, error) {
	if w.retain.stage == bodies && !c.hasBody {
		return false, nil
	}
	err := w.query(sqlEventFinals, func(st *sqlite3.Stmt) bool {
		switch state := st.ColumnInt(1); {
		case state < stateDelivered:
			c.unfinished = true
		case state == stateDead:
			c.died = max(c.died, st.ColumnInt64(2))
			c.dead = append(c.dead, w.store.sinks.byName[st.ColumnText(0)])
		}
		return !c.unfinished
	}, c.seq)
	if err != nil || c.unfinished {
		return false, err
	}
	now, opts := nanos(w.now), &w.store.opts
	rests := c.quarantined && c.received > now-int64(opts.RetentionDead) || c.died > now-int64(opts.RetentionDead)
	switch w.retain.stage {
	case byAge:
		if rests {
			return false, nil
		}
		return true, w.remove(c)
	case bodies:
		if c.quarantined || len(c.dead) > 0 {
			return false, nil
		}
		return true, w.removeBody(c)
	default:
		if c.quarantined || len(c.dead) > 0 || c.received > now-int64(headersKept) {
			return false, nil
		}
		return true, w.remove(c)
	}
}

// remove deletes an event with its deliveries, and keeps its id where that has
// to be known for longer.
func (w *writer) remove(c *candidate) error {
	if !w.store.age.Believed() || c.received > nanos(w.now)-int64(idsKept) {
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
