package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"botrelay/relay"
	"botrelay/relay/store"
)

const (
	sqlEventByID   = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.source = $1 AND e.id = $2`
	sqlEventStates = `SELECT` + deliveryColumns + `FROM botrelay.delivery d WHERE d.seq = $1 ORDER BY d.sink`
	sqlStatesOf    = `SELECT d.seq,` + deliveryColumns + `FROM botrelay.delivery d WHERE d.seq = ANY ($1)`
	sqlBotEvents   = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.source = $1 AND e.bot = $2 AND e.bot IS NOT NULL ORDER BY e.seq`
	// From source to source and from id to id in the index.
	sqlNextSource = `SELECT source FROM botrelay.event WHERE source > $1 ORDER BY source LIMIT 1`
	sqlBots       = `WITH RECURSIVE b AS (
			(SELECT bot FROM botrelay.event WHERE source = $1 AND bot >= $2 AND bot IS NOT NULL ORDER BY bot LIMIT 1)
			UNION ALL
			SELECT (SELECT e.bot FROM botrelay.event e WHERE e.source = $1 AND e.bot > b.bot AND e.bot IS NOT NULL ORDER BY e.bot LIMIT 1)
			FROM b WHERE b.bot IS NOT NULL
		) SELECT bot FROM b WHERE bot IS NOT NULL LIMIT $3`

	sqlEventsDown  = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.seq <= $1 ORDER BY e.seq DESC LIMIT $2`
	sqlEventsUp    = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.seq >= $1 ORDER BY e.seq LIMIT $2`
	sqlTroubleDown = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.seq <= $1 AND` + whereTrouble + `ORDER BY e.seq DESC LIMIT $2`
	sqlTroubleUp   = `SELECT` + eventColumns + `FROM botrelay.event e WHERE e.seq >= $1 AND` + whereTrouble + `ORDER BY e.seq LIMIT $2`
	sqlBounds      = `SELECT min(seq), max(seq) FROM botrelay.event`
	sqlSeqBefore   = `SELECT seq, received FROM botrelay.event WHERE seq <= $1 ORDER BY seq DESC LIMIT 1`
)

// Event is [relay.Reader]'s.
func (s *Store) Event(ctx context.Context, source, id string) (ev *relay.Event, states []relay.Status, err error) {
	err = s.on(ctx, s.rest, s.opts.callTime, func(ctx context.Context, c *pgx.Conn) error {
		ev, states = nil, nil
		err := each(ctx, c, sqlEventByID, []any{source, id}, func(r pgx.Rows) (err error) {
			ev, err = scanShown(r, true)
			return err
		})
		if err != nil || ev == nil {
			return err
		}
		return each(ctx, c, sqlEventStates, []any{int64(ev.Seq)}, func(r pgx.Rows) error {
			var d scannedDelivery
			err := r.Scan(d.targets()...)
			columns := d.columns()
			states = append(states, columns.Status(source, id))
			return err
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read event %s/%s: %w", source, id, err)
	}
	return ev, states, nil
}

// scanShown reads an event for people.
func scanShown(r pgx.Rows, withBody bool) (*relay.Event, error) {
	var e scannedEvent
	if err := r.Scan(e.targets()...); err != nil {
		return nil, err
	}
	stored := e.stored()
	return stored.Shown(withBody), nil
}

// Bot is [relay.Reader]'s.
func (s *Store) Bot(ctx context.Context, source, bot string) (list []*relay.Event, err error) {
	err = s.ask(ctx, sqlBotEvents, []any{source, store.ColumnName(bot)}, func(r pgx.Rows) error {
		var e scannedEvent
		if err := r.Scan(e.targets()...); err != nil {
			return err
		}
		stored := e.stored()
		if ev, damaged := stored.Event(false); damaged == nil {
			list = append(list, ev)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read bot %s of %s: %w", bot, source, err)
	}
	return list, nil
}

// Bots is [relay.Reader]'s. It goes from id to id in the index, whatever the
// number of their events.
func (s *Store) Bots(ctx context.Context, prefix string, limit int) (list []relay.BotRef, err error) {
	for source := ""; len(list) < limit; {
		next := ""
		err := s.ask(ctx, sqlNextSource, []any{source}, func(r pgx.Rows) error { return r.Scan(&next) })
		if err == nil && next != "" {
			err = s.ask(ctx, sqlBots, []any{next, prefix, limit - len(list)}, func(r pgx.Rows) error {
				var bot string
				if err := r.Scan(&bot); err != nil {
					return err
				}
				if strings.HasPrefix(bot, prefix) {
					list = append(list, relay.BotRef{Source: next, Bot: bot})
				}
				return nil
			})
		}
		if err != nil {
			return nil, fmt.Errorf("look for bots that begin with %q: %w", prefix, err)
		}
		if next == "" {
			break
		}
		source = next
	}
	return list, nil
}

// Events is [relay.Reader]'s.
func (s *Store) Events(ctx context.Context, q relay.Query) (page relay.Page[*relay.Event], err error) {
	p := store.NewPager(q, s.opts.Clock)
	from, err := p.FirstSeq()
	if err == nil && q.From == "" {
		from, err = s.begin(ctx, p, from)
	}
	if err == nil {
		err = s.events(ctx, p, from, &page)
	}
	if err != nil {
		return relay.Page[*relay.Event]{}, fmt.Errorf("read events: %w", err)
	}
	return page, nil
}

// begin is the number at which the first page begins; otherwise where no time
// says more.
func (s *Store) begin(ctx context.Context, p *store.Pager, otherwise int64) (int64, error) {
	at, named := p.Begin()
	if !named {
		return otherwise, nil
	}
	return s.seqAt(ctx, at, otherwise)
}

// A page reads some events at a time, more and more of them as long as that is
// quick: bodies may be large, and are read, too, since the hash is over them.
const (
	firstStep = 16
	lastStep  = 512
	quickStep = 10 * time.Millisecond
)

// stride grows and shrinks between them.
func stride(n int, took time.Duration) int {
	switch {
	case took > quickStep:
		return max(n/2, firstStep)
	case took < quickStep/2:
		return min(n*2, lastStep)
	}
	return n
}

// walk is the way that the query goes. What was not understood has an index of
// its own: it is looked for among a million that were.
func walk(q *relay.Query) (sql string, step int64) {
	quarantined := q.State == relay.StateQuarantined
	switch {
	case q.OldestFirst && quarantined:
		return sqlTroubleUp, 1
	case q.OldestFirst:
		return sqlEventsUp, 1
	case quarantined:
		return sqlTroubleDown, -1
	}
	return sqlEventsDown, -1
}

// events fills a page, beginning with the number from.
func (s *Store) events(ctx context.Context, p *store.Pager, from int64, page *relay.Page[*relay.Event]) error {
	sql, step := walk(&p.Query)
	for n := firstStep; ; {
		began := time.Now()
		events := make([]*relay.Event, 0, n)
		err := s.ask(ctx, sql, []any{from, n}, func(r pgx.Rows) error {
			ev, err := scanShown(r, false)
			events = append(events, ev)
			return err
		})
		if err != nil {
			return err
		}
		fits, err := s.fitting(ctx, p, events)
		if err != nil {
			return err
		}
		for _, ev := range events {
			from = int64(ev.Seq) + step
			page.Reached = ev.Received
			if p.Wants(ev) && fits(ev) {
				page.Items = append(page.Items, ev)
			}
			if p.Over {
				return nil
			}
			if len(page.Items) >= p.Limit || p.Late() {
				page.Next = strconv.FormatInt(from, 10)
				return nil
			}
		}
		if len(events) < n {
			return nil
		}
		n = stride(n, time.Since(began))
	}
}

// fitting reads the deliveries of events where the query asks for some, and
// tells which events have one.
func (s *Store) fitting(ctx context.Context, p *store.Pager, events []*relay.Event) (func(*relay.Event) bool, error) {
	q := &p.Query
	switch {
	case q.State == relay.StateQuarantined:
		return func(ev *relay.Event) bool { return ev.Trouble != "" }, nil
	case q.Sink == "" && q.State == "":
		return func(*relay.Event) bool { return true }, nil
	}
	seqs := make([]int64, len(events))
	for i, ev := range events {
		seqs[i] = int64(ev.Seq)
	}
	some, wanted := make(map[relay.Seq]bool), make(map[relay.Seq]bool)
	err := s.ask(ctx, sqlStatesOf, []any{seqs}, func(r pgx.Rows) error {
		var seq relay.Seq
		var d scannedDelivery
		if err := r.Scan(append([]any{&seq}, d.targets()...)...); err != nil {
			return err
		}
		columns := d.columns()
		if !strings.HasPrefix(columns.Sink, relay.BuiltInPrefix) {
			some[seq] = true
			wanted[seq] = wanted[seq] || p.WantsDelivery(columns.Sink, columns.State.Public(columns.Attempts))
		}
		return nil
	})
	if q.State == relay.StateFiltered {
		return func(ev *relay.Event) bool { return !some[ev.Seq] && ev.Trouble == "" }, err
	}
	return func(ev *relay.Event) bool { return wanted[ev.Seq] }, err
}

// seqAt returns a number above those of everything received until then;
// otherwise where there is nothing. Numbers and times rise together, so it
// halves its way.
func (s *Store) seqAt(ctx context.Context, t time.Time, otherwise int64) (int64, error) {
	var low, high pgtype.Int8
	if err := s.row(ctx, sqlBounds, nil, &low, &high); err != nil || !high.Valid {
		return otherwise, err
	}
	from, to := low.Int64, high.Int64+1
	for from < to {
		middle := from + (to-from)/2
		var at, received int64
		err := s.ask(ctx, sqlSeqBefore, []any{middle}, func(r pgx.Rows) error { return r.Scan(&at, &received) })
		if err != nil {
			return 0, err
		}
		if at == 0 || received <= store.Nanos(t) {
			from = middle + 1
		} else {
			to = at
		}
	}
	return to, nil
}
