package sqlitestore

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Deliveries is [relay.Reader]'s: newest event first, dead letters the latest
// death first.
func (s *Store) Deliveries(ctx context.Context, q relay.Query) (page relay.Page[relay.Status], err error) {
	p := s.pager(q)
	from := store.FirstPlace()
	if q.From != "" {
		if from, err = store.ParsePlace(q.From); err != nil {
			return page, fmt.Errorf("read deliveries: %w", err)
		}
	}
	err = s.read(ctx, func(d *db) error {
		if q.State == relay.StateDead {
			return p.dead(d, s.sinkNames(q.Sink), from, &page)
		}
		if q.From == "" && !q.Until.IsZero() {
			if from.Seq, err = d.seqAt(q.Until.Add(store.ClockSlack)); err != nil {
				return err
			}
		}
		return p.deliveries(d, from, &page)
	})
	if err != nil {
		return relay.Page[relay.Status]{}, fmt.Errorf("read deliveries: %w", err)
	}
	return page, nil
}

// deliveries fills a page downwards through the whole table.
func (p pager) deliveries(d *db, from store.Place, page *relay.Page[relay.Status]) error {
	var ev *relay.Event
	var inner error
	stopped := false
	var last store.Place
	err := d.query(sqlDeliveriesDown, func(st *sqlite3.Stmt) bool {
		at := store.Place{Ended: math.MaxInt64, Seq: st.ColumnInt64(0), Sink: st.ColumnText(1)}
		if !at.Behind(from) {
			return true
		}
		last = at
		row := scanDelivery(st, 1)
		if !p.WantsDelivery(row.Sink, row.public()) && p.Query.Since.IsZero() {
			stopped = p.Late()
			return !stopped
		}
		if ev == nil || int64(ev.Seq) != at.Seq {
			if ev, inner = d.header(at.Seq); inner != nil {
				return false
			}
		}
		stopped = p.delivery(ev, row, page)
		return !stopped && !p.Over
	}, from.Seq)
	if inner == nil && stopped && (ev == nil || int64(ev.Seq) != last.Seq) {
		ev, inner = d.header(last.Seq)
		page.Reached = ev.Received
	}
	if inner != nil {
		return inner
	}
	if stopped && !p.Over {
		page.Next = last.String()
	}
	return err
}

// dead fills a page from the index of the dead, that of each sink in turn.
func (p pager) dead(d *db, sinks []string, from store.Place, page *relay.Page[relay.Status]) error {
	type candidate struct {
		store.Place
		row deliveryRow
	}
	var all []candidate
	for _, sink := range sinks {
		n := 0
		err := d.query(sqlDeadDown, func(st *sqlite3.Stmt) bool {
			c := candidate{row: scanDelivery(st, 1)}
			c.Place = store.Place{Ended: c.row.Ended, Seq: st.ColumnInt64(0), Sink: sink}
			if c.Behind(from) {
				all = append(all, c)
				n++
			}
			return n <= p.Limit
		}, sink, from.Ended)
		if err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.Behind(b.Place) {
			return 1
		}
		return -1
	})
	for i, c := range all {
		ev, err := d.header(c.Seq)
		if err != nil {
			return err
		}
		stopped := p.delivery(ev, c.row, page)
		// Behind the limit of one sink there may be more of it.
		if stopped || i == p.Limit {
			page.Next = c.Place.String()
			return nil
		}
	}
	return nil
}

// delivery looks at one delivery; true when the page has ended with it.
func (p pager) delivery(ev *relay.Event, row deliveryRow, page *relay.Page[relay.Status]) (stop bool) {
	page.Reached = ev.Received
	if p.Wants(ev) && p.WantsDelivery(row.Sink, row.public()) {
		page.Items = append(page.Items, row.shown(ev.Source, ev.ID))
	}
	return len(page.Items) >= p.Limit || p.Late()
}

// header reads an event without its body. One that cannot be read is shown as
// damaged: its deliveries are there all the same.
func (d *db) header(seq int64) (*relay.Event, error) {
	missing := store.StoredEvent{Seq: seq}
	ev := missing.Shown(false)
	err := d.query(sqlEventBySeq, func(st *sqlite3.Stmt) bool {
		ev = shown(st, false)
		return false
	}, seq)
	if natureOf(err) == damaged {
		err = nil
	}
	return ev, err
}

// sinkNames is the sink asked for, or all.
func (s *Store) sinkNames(only string) (names []string) {
	if only != "" {
		return []string{only}
	}
	s.sinks.mu.Lock()
	defer s.sinks.mu.Unlock()
	for name := range s.sinks.byName {
		names = append(names, name)
	}
	return names
}
