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

// How long one page looks, and how many items it has when nobody says.
const (
	pageTime  = 50 * time.Millisecond
	pageItems = 100
)

// damagedTrouble is the trouble of an event that does not fit its hash, as it
// is shown. Its other fields are not to be trusted.
const damagedTrouble = "stored event is damaged"

// shown is scanEvent for people: an event that does not fit its hash is shown
// as damaged.
func shown(st *sqlite3.Stmt, withBody bool) *relay.Event {
	ev, err := scanEvent(st, withBody)
	if err != nil {
		return &relay.Event{
			Seq: relay.Seq(st.ColumnInt64(0)), Source: st.ColumnText(1), ID: st.ColumnText(2),
			Received: fromNanos(st.ColumnInt64(3)), Trouble: damagedTrouble,
		}
	}
	return ev
}

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
			states = append(states, row.status(ev.Source, ev.ID))
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
type pager struct {
	query    relay.Query
	limit    int
	deadline time.Time
	clock    store.Clock
	looked   int
	over     bool // what follows lies outside of Since and Until
}

func (s *Store) pager(q relay.Query) *pager {
	p := &pager{query: q, limit: q.Limit, deadline: s.opts.Clock.Now().Add(pageTime), clock: s.opts.Clock}
	if p.limit <= 0 {
		p.limit = pageItems
	}
	return p
}

// late tells whether the page has looked long enough. It asks the clock now
// and then only.
func (p *pager) late() bool {
	p.looked++
	return p.looked%32 == 0 && p.clock.Now().After(p.deadline)
}

// clockSlack is how far the order of numbers and that of receipt may differ
// before looking for a time goes wrong.
const clockSlack = 5 * time.Minute

// inTime tells whether something received then is wanted, and notes when
// everything behind it is too old.
func (p *pager) inTime(received time.Time) bool {
	q := &p.query
	if !q.Since.IsZero() && received.Before(q.Since) {
		p.over = p.over || !q.OldestFirst && received.Before(q.Since.Add(-clockSlack))
		return false
	}
	if !q.Until.IsZero() && !received.Before(q.Until) {
		p.over = p.over || q.OldestFirst && received.After(q.Until.Add(clockSlack))
		return false
	}
	return true
}

// wants tells whether the event fits everything that the query says about
// events.
func (p *pager) wants(ev *relay.Event) bool {
	q := &p.query
	return p.inTime(ev.Received) &&
		(q.Source == "" || ev.Source == q.Source) &&
		(q.Event == "" || ev.Fields.Event == q.Event) &&
		(q.Bot == "" || ev.Fields.BotID.String() == q.Bot) &&
		(q.Match == nil || q.Match(ev))
}

// Events is [relay.Reader]'s.
func (s *Store) Events(ctx context.Context, q relay.Query) (page relay.Page[*relay.Event], err error) {
	p := s.pager(q)
	from := int64(math.MaxInt64)
	if q.OldestFirst {
		from = 0
	}
	if q.From != "" {
		if from, err = strconv.ParseInt(q.From, 10, 64); err != nil {
			return page, fmt.Errorf("read events: %w: %.80q", relay.ErrNoPage, q.From)
		}
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
func (p *pager) begin(d *db, otherwise int64) (int64, error) {
	q := &p.query
	switch {
	case q.OldestFirst && !q.Since.IsZero():
		return d.seqAt(q.Since.Add(-clockSlack))
	case !q.OldestFirst && !q.Until.IsZero():
		return d.seqAt(q.Until.Add(clockSlack))
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
func (p *pager) walk() walk {
	quarantined := p.query.State == relay.StateQuarantined
	switch {
	case p.query.OldestFirst && quarantined:
		return walk{sqlTroubleUp, 1}
	case p.query.OldestFirst:
		return walk{sqlEventsFrom, 1}
	case quarantined:
		return walk{sqlTroubleDown, -1}
	}
	return walk{sqlEventsDown, -1}
}

// events fills a page, beginning with the number from. Behind a page of the
// file that cannot be read it goes on number by number.
func (p *pager) events(d *db, way walk, from int64, page *relay.Page[*relay.Event]) error {
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
		case stopped && !p.over:
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
func (p *pager) event(d *db, ev *relay.Event, page *relay.Page[*relay.Event]) (err error, stop bool) {
	page.Reached = ev.Received
	if p.wants(ev) {
		fits, err := p.fits(d, ev)
		if err != nil {
			return err, true
		}
		if fits {
			page.Items = append(page.Items, ev)
		}
	}
	return nil, p.over || len(page.Items) >= p.limit || p.late()
}

// fits tells whether the event has a delivery as the query wants it.
func (p *pager) fits(d *db, ev *relay.Event) (bool, error) {
	q := &p.query
	if q.State == relay.StateQuarantined {
		return ev.Trouble != "", nil
	}
	if q.Sink == "" && q.State == "" {
		return true, nil
	}
	found, any := false, false
	err := d.query(sqlEventStates, func(st *sqlite3.Stmt) bool {
		row := scanDelivery(st, 0)
		if strings.HasPrefix(row.sink, relay.BuiltInPrefix) {
			return true
		}
		any = true
		found = (q.Sink == "" || row.sink == q.Sink) && (q.State == "" || row.public() == q.State)
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
		if at == 0 || received <= nanos(t) {
			low = middle + 1
		} else {
			high = at
		}
	}
	return high, nil
}
