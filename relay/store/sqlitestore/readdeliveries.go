package sqlitestore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

// place is where a page of deliveries ends: a number and a sink, or for dead
// letters a time, a number and a sink.
type place struct {
	ended, seq int64
	sink       string
}

func (p place) String() string { return fmt.Sprintf("%d,%d,%s", p.ended, p.seq, p.sink) }

func parsePlace(s string) (p place, err error) {
	ended, rest, _ := strings.Cut(s, ",")
	seq, sink, found := strings.Cut(rest, ",")
	if _, err := fmt.Sscan(ended, &p.ended); err != nil || !found {
		return p, fmt.Errorf("%w: %.80q", relay.ErrNoPage, s)
	}
	if _, err := fmt.Sscan(seq, &p.seq); err != nil {
		return p, fmt.Errorf("%w: %.80q", relay.ErrNoPage, s)
	}
	p.sink = sink
	return p, nil
}

// after tells whether something comes behind p, newest first.
func (p place) after(o place) bool {
	switch {
	case p.ended != o.ended:
		return p.ended < o.ended
	case p.seq != o.seq:
		return p.seq < o.seq
	}
	return p.sink < o.sink
}

// Deliveries is [relay.Reader]'s: newest event first, dead letters the latest
// death first.
func (s *Store) Deliveries(ctx context.Context, q relay.Query) (page relay.Page[relay.Status], err error) {
	p := s.pager(q)
	from := place{ended: math.MaxInt64, seq: math.MaxInt64, sink: "\U0010FFFF"}
	if q.From != "" {
		if from, err = parsePlace(q.From); err != nil {
			return page, fmt.Errorf("read deliveries: %w", err)
		}
	}
	err = s.read(ctx, func(d *db) error {
		if q.State == relay.StateDead {
			return p.dead(d, s.sinkNames(q.Sink), from, &page)
		}
		if q.From == "" && !q.Until.IsZero() {
			if from.seq, err = d.seqAt(q.Until.Add(clockSlack)); err != nil {
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
func (p *pager) deliveries(d *db, from place, page *relay.Page[relay.Status]) error {
	var ev *relay.Event
	var inner error
	stopped := false
	var last place
	err := d.query(sqlDeliveriesDown, func(st *sqlite3.Stmt) bool {
		at := place{ended: math.MaxInt64, seq: st.ColumnInt64(0), sink: st.ColumnText(1)}
		if !at.after(from) {
			return true
		}
		last = at
		row := scanDelivery(st, 1)
		if !p.ofSink(row) && p.query.Since.IsZero() {
			stopped = p.late()
			return !stopped
		}
		if ev == nil || int64(ev.Seq) != at.seq {
			if ev, inner = d.header(at.seq); inner != nil {
				return false
			}
		}
		stopped = p.delivery(ev, row, page)
		return !stopped && !p.over
	}, from.seq)
	if inner == nil && stopped && (ev == nil || int64(ev.Seq) != last.seq) {
		ev, inner = d.header(last.seq)
		page.Reached = ev.Received
	}
	if inner != nil {
		return inner
	}
	if stopped && !p.over {
		page.Next = last.String()
	}
	return err
}

// dead fills a page from the index of the dead, that of each sink in turn.
func (p *pager) dead(d *db, sinks []string, from place, page *relay.Page[relay.Status]) error {
	type candidate struct {
		place
		row deliveryRow
	}
	var all []candidate
	for _, sink := range sinks {
		n := 0
		err := d.query(sqlDeadDown, func(st *sqlite3.Stmt) bool {
			c := candidate{row: scanDelivery(st, 1)}
			c.place = place{ended: c.row.ended, seq: st.ColumnInt64(0), sink: sink}
			if c.place.after(from) {
				all = append(all, c)
				n++
			}
			return n <= p.limit
		}, sink, from.ended)
		if err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.place.after(b.place) {
			return 1
		}
		return -1
	})
	for i, c := range all {
		ev, err := d.header(c.seq)
		if err != nil {
			return err
		}
		stopped := p.delivery(ev, c.row, page)
		// Behind the limit of one sink there may be more of it.
		if stopped || i == p.limit {
			page.Next = c.place.String()
			return nil
		}
	}
	return nil
}

// delivery looks at one delivery; true when the page has ended with it.
func (p *pager) delivery(ev *relay.Event, row deliveryRow, page *relay.Page[relay.Status]) (stop bool) {
	page.Reached = ev.Received
	if p.ofSink(row) && p.wants(ev) {
		page.Items = append(page.Items, row.status(ev.Source, ev.ID))
	}
	return len(page.Items) >= p.limit || p.late()
}

// ofSink tells whether the delivery is of the sink and in the state that the
// query wants, which needs no look at its event.
func (p *pager) ofSink(row deliveryRow) bool {
	q := &p.query
	return (q.Sink == "" || row.sink == q.Sink) && (q.State == "" || row.public() == q.State)
}

// header reads an event without its body. One that cannot be read is shown as
// damaged: its deliveries are there all the same.
func (d *db) header(seq int64) (*relay.Event, error) {
	ev := &relay.Event{Seq: relay.Seq(seq), Trouble: damagedTrouble}
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
