package sqlitestore

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

var _ relay.Reader = (*Store)(nil)

// Event is [relay.Reader]'s. Its Raw is nil when the body was removed to make
// room.
func (s *Store) Event(ctx context.Context, source, id string) (ev *relay.Event, states []relay.Status, err error) {
	err = s.readers.read(ctx, func(d *db) error {
		err := d.query(sqlEventByID, func(st *sqlite3.Stmt) bool {
			ev = shown(st, true)
			return false
		}, source, id)
		if err != nil || ev == nil {
			return err
		}
		return d.query(sqlEventStates, func(st *sqlite3.Stmt) bool {
			row := scanDelivery(st, 0)
			states = append(states, row.shown(ev.Source, ev.ID))
			return true
		}, int64(ev.Seq))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read event %s/%s: %w", source, id, err)
	}
	return ev, states, nil
}

// Bot is [relay.Reader]'s.
func (s *Store) Bot(ctx context.Context, source, bot string) (list []*relay.Event, err error) {
	err = s.readers.read(ctx, func(d *db) error {
		return d.query(sqlBotEvents, func(st *sqlite3.Stmt) bool {
			if ev, err := scanEvent(st, false); err == nil {
				list = append(list, ev)
			}
			return true
		}, source, store.ColumnName(bot))
	})
	if err != nil {
		return nil, fmt.Errorf("read bot %s of %s: %w", bot, source, err)
	}
	return list, nil
}

// Bots is [relay.Reader]'s. It goes from id to id in the index, whatever the
// number of their events.
func (s *Store) Bots(ctx context.Context, prefix string, limit int) (list []relay.BotRef, err error) {
	err = s.readers.read(ctx, func(d *db) error {
		source, more, err := d.text(sqlNextSource, "")
		for ; more && err == nil && len(list) < limit; source, more, err = d.text(sqlNextSource, source) {
			bot, found, err := d.text(sqlNextBot, source, prefix)
			for ; found && err == nil && strings.HasPrefix(bot, prefix) && len(list) < limit; bot, found, err = d.text(sqlNextBot, source, bot+"\x00") {
				list = append(list, relay.BotRef{Source: source, Bot: bot})
			}
			if err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for bots that begin with %q: %w", prefix, err)
	}
	return list, nil
}

// text reads the one text of the first row.
func (d *db) text(q statement, args ...any) (text string, found bool, err error) {
	err = d.query(q, func(st *sqlite3.Stmt) bool {
		text, found = st.ColumnText(0), true
		return false
	}, args...)
	return text, found, err
}

// pager is one page in the making.
type pager struct{ *store.Pager }

func (s *Store) pager(q relay.Query) pager { return pager{store.NewPager(q, s.opts.Clock)} }

// Events is [relay.Reader]'s.
func (s *Store) Events(ctx context.Context, q relay.Query) (page relay.Page[*relay.Event], err error) {
	p := s.pager(q)
	from, err := p.FirstSeq()
	if err != nil {
		return page, fmt.Errorf("read events: %w", err)
	}
	err = s.readers.read(ctx, func(d *db) error {
		if q.From == "" {
			if from, err = p.begin(d, from); err != nil {
				return err
			}
		}
		return p.events(d, p.walk(), from, &page)
	})
	if err != nil {
		return relay.Page[*relay.Event]{}, fmt.Errorf("read events: %w", err)
	}
	return page, nil
}

// begin is the number at which the first page begins; otherwise where no time
// says more.
func (p pager) begin(d *db, otherwise int64) (int64, error) {
	if at, named := p.Begin(); named {
		return d.seqAt(at)
	}
	return otherwise, nil
}

// walk is a way through the events.
type walk struct {
	sql  statement
	step int64 // to the next number
}

// walk is the way that the query goes. What was not understood has an index of
// its own: it is looked for among a million that were.
func (p pager) walk() walk {
	quarantined := p.Query.State == relay.StateQuarantined
	switch {
	case p.Query.OldestFirst && quarantined:
		return walk{sqlTroubleUp, 1}
	case p.Query.OldestFirst:
		return walk{sqlEventsFrom, 1}
	case quarantined:
		return walk{sqlTroubleDown, -1}
	}
	return walk{sqlEventsDown, -1}
}

// events fills a page, beginning with the number from. Behind a page of the
// file that cannot be read it goes on number by number.
func (p pager) events(d *db, way walk, from int64, page *relay.Page[*relay.Event]) error {
	for {
		var inner error
		stopped := false
		next := from
		err := d.query(way.sql, func(st *sqlite3.Stmt) bool {
			next = st.ColumnInt64(0) + way.step
			inner, stopped = p.event(d, shown(st, false), page)
			return inner == nil && !stopped
		}, from)
		switch {
		case inner != nil:
			return inner
		case stopped && !p.Over:
			page.Next = strconv.FormatInt(next, 10)
			return nil
		case stopped || err == nil:
			return nil
		case natureOf(err) != damaged:
			return err
		}
		var more bool
		if from, more, err = d.readable(next, way.step); err != nil || !more {
			return err
		}
	}
}

// event looks at one event; stop is true when the page has ended with it.
func (p pager) event(d *db, ev *relay.Event, page *relay.Page[*relay.Event]) (err error, stop bool) {
	page.Reached = ev.Received
	if p.Wants(ev) {
		fits, err := p.fits(d, ev)
		if err != nil {
			return err, true
		}
		if fits {
			page.Items = append(page.Items, ev)
		}
	}
	return nil, p.Over || len(page.Items) >= p.Limit || p.Late()
}

// fits tells whether the event has a delivery as the query wants it.
func (p pager) fits(d *db, ev *relay.Event) (bool, error) {
	q := &p.Query
	if q.State == relay.StateQuarantined {
		return ev.Trouble != "", nil
	}
	if q.Sink == "" && q.State == "" {
		return true, nil
	}
	found, any := false, false
	err := d.query(sqlEventStates, func(st *sqlite3.Stmt) bool {
		row := scanDelivery(st, 0)
		if strings.HasPrefix(row.Sink, relay.BuiltInPrefix) {
			return true
		}
		any = true
		found = (q.Sink == "" || row.Sink == q.Sink) && (q.State == "" || row.public() == q.State)
		return !found
	}, int64(ev.Seq))
	if q.State == relay.StateFiltered {
		return !any && ev.Trouble == "", err
	}
	return found, err
}

// readable finds the next event that can be read, past a damaged page of the
// file. It gives up after as many numbers as such a page may hold, and more.
func (d *db) readable(from, step int64) (seq int64, more bool, err error) {
	const perPage = 4096
	for n := from; n > 0 && (n-from)*step < perPage; n += step {
		found := false
		err := d.query(sqlEventBySeq, func(*sqlite3.Stmt) bool { found = true; return false }, n)
		if err == nil && found {
			return n, true, nil
		}
		if err != nil && natureOf(err) != damaged {
			return 0, false, err
		}
	}
	return 0, false, nil
}

// seqAt returns a number above those of everything received until then. Numbers
// and times rise together, so it halves its way.
func (d *db) seqAt(t time.Time) (int64, error) {
	high, found, err := d.get(sqlHighestSeq)
	if err != nil || !found {
		return math.MaxInt64, err
	}
	low, _, err := d.get(sqlLowestSeq)
	if err != nil {
		return 0, err
	}
	high++
	for low < high {
		middle := low + (high-low)/2
		at, received := int64(0), int64(0)
		err := d.query(sqlSeqBefore, func(st *sqlite3.Stmt) bool {
			at, received = st.ColumnInt64(0), st.ColumnInt64(1)
			return false
		}, middle)
		if err != nil {
			return 0, err
		}
		if at == 0 || received <= store.Nanos(t) {
			low = middle + 1
		} else {
			high = at
		}
	}
	return high, nil
}
