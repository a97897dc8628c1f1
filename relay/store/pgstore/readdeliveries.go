package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"botrelay/relay"
	"botrelay/relay/store"
)

const (
	sqlEventsOf       = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.seq = ANY ($1)`
	sqlDeliveriesDown = `SELECT d.seq,` + deliveryColumns + `FROM botrelay.delivery d
		WHERE (d.seq, d.sink) < ($1, $2) ORDER BY d.seq DESC, d.sink DESC LIMIT $3`
	sqlDeadDown = `SELECT d.seq,` + deliveryColumns + `FROM botrelay.delivery d
		WHERE d.sink = $1 AND d.ended <= $2 AND d.state = 4 AND (d.ended, d.seq) < ($2, $3) ORDER BY d.ended DESC, d.seq DESC LIMIT $4`
)

// placed is a delivery and its place on a page.
type placed struct {
	store.Place
	row store.DeliveryColumns
}

// Deliveries is [relay.Reader]'s: newest event first, dead letters the latest
// death first.
func (s *Store) Deliveries(ctx context.Context, q relay.Query) (page relay.Page[relay.Status], err error) {
	p := store.NewPager(q, s.opts.Clock)
	from := store.FirstPlace()
	if q.From != "" {
		from, err = store.ParsePlace(q.From)
	}
	switch {
	case err != nil:
	case q.State == relay.StateDead:
		err = s.dead(ctx, p, from, &page)
	default:
		if at, named := p.Begin(); named && q.From == "" {
			from.Seq, err = s.seqAt(ctx, at, from.Seq)
		}
		if err == nil {
			err = s.deliveries(ctx, p, from, &page)
		}
	}
	if err != nil {
		return relay.Page[relay.Status]{}, fmt.Errorf("read deliveries: %w", err)
	}
	return page, nil
}

// deliveries fills a page downwards through the whole table.
func (s *Store) deliveries(ctx context.Context, p *store.Pager, from store.Place, page *relay.Page[relay.Status]) error {
	for n := firstStep; ; {
		began := time.Now()
		rows, err := s.deliveriesBelow(ctx, from, n)
		if err != nil {
			return err
		}
		full, err := s.fill(ctx, p, rows, page)
		if full || err != nil {
			return err
		}
		if len(rows) < n {
			return nil
		}
		from = rows[n-1].Place
		n = stride(n, time.Since(began))
	}
}

func (s *Store) deliveriesBelow(ctx context.Context, from store.Place, n int) (rows []placed, err error) {
	err = s.ask(ctx, sqlDeliveriesDown, []any{from.Seq, from.Sink, n}, func(r pgx.Rows) error {
		one, err := scanPlaced(r)
		one.Ended = store.FirstPlace().Ended // it stands in the order of dead letters alone
		rows = append(rows, one)
		return err
	})
	return rows, err
}

func scanPlaced(r pgx.Rows) (placed, error) {
	var seq int64
	var d scannedDelivery
	err := r.Scan(append([]any{&seq}, d.targets()...)...)
	row := d.columns()
	return placed{store.Place{Ended: row.Ended, Seq: seq, Sink: row.Sink}, row}, err
}

// fill puts rows on the page, as far as the query wants them, and tells whether
// it has ended.
func (s *Store) fill(ctx context.Context, p *store.Pager, rows []placed, page *relay.Page[relay.Status]) (full bool, err error) {
	headers, err := s.headers(ctx, rows)
	if err != nil {
		return false, err
	}
	for _, one := range rows {
		ev := headers[one.Seq]
		page.Reached = ev.Received
		if p.Wants(ev) && p.WantsDelivery(one.row.Sink, one.row.State.Public(one.row.Attempts)) {
			page.Items = append(page.Items, one.row.Status(ev.Source, ev.ID))
		}
		if p.Over {
			return true, nil
		}
		if len(page.Items) >= p.Limit || p.Late() {
			page.Next = one.Place.String()
			return true, nil
		}
	}
	return false, nil
}

// headers reads the events of rows without their bodies. One that is missing is
// shown as damaged: its deliveries are there all the same.
func (s *Store) headers(ctx context.Context, rows []placed) (map[int64]*relay.Event, error) {
	headers := make(map[int64]*relay.Event)
	for _, one := range rows {
		missing := store.StoredEvent{Seq: one.Seq}
		headers[one.Seq] = missing.Shown(false)
	}
	seqs := slices.Collect(maps.Keys(headers))
	err := s.ask(ctx, sqlEventsOf, []any{seqs}, func(r pgx.Rows) error {
		ev, err := scanShown(r, false)
		if err == nil {
			headers[int64(ev.Seq)] = ev
		}
		return err
	})
	return headers, err
}

// dead fills a page from the index of the dead, that of each sink in turn.
func (s *Store) dead(ctx context.Context, p *store.Pager, from store.Place, page *relay.Page[relay.Status]) error {
	sinks := []string{p.Query.Sink}
	if p.Query.Sink == "" {
		sinks = s.leases.known()
	}
	for n := p.Limit + 1; ; {
		rows, more, err := s.deadBehind(ctx, sinks, from, n)
		if err != nil {
			return err
		}
		full, err := s.fill(ctx, p, rows, page)
		if full || err != nil || !more {
			return err
		}
		from = rows[len(rows)-1].Place
	}
}

// deadBehind reads the next n dead letters of some sinks behind a place.
func (s *Store) deadBehind(ctx context.Context, sinks []string, from store.Place, n int) (rows []placed, more bool, err error) {
	for _, sink := range sinks {
		below := from.Seq
		if sink < from.Sink && below < store.FirstPlace().Seq {
			below++ // of the same event, this sink's comes behind
		}
		read := 0
		err := s.ask(ctx, sqlDeadDown, []any{sink, from.Ended, below, n}, func(r pgx.Rows) error {
			one, err := scanPlaced(r)
			rows = append(rows, one)
			read++
			return err
		})
		if err != nil {
			return nil, false, err
		}
		more = more || read == n
	}
	slices.SortFunc(rows, func(a, b placed) int {
		if a.Behind(b.Place) {
			return 1
		}
		return -1
	})
	if len(rows) > n {
		rows, more = rows[:n], true
	}
	return rows, more, nil
}

// known are the names of all sinks that have ever had a delivery.
func (l *leases) known() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.rows))
}
