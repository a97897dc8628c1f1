package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Get is relay.Memory's.
func (r *Reference) Get(ctx context.Context, owner, key string) ([]byte, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	m, ok := r.disk.memory[memoryKey{owner, key}]
	if !ok || r.forgotten(m) {
		return nil, nil
	}
	return m.value, nil
}

func (r *Reference) forgotten(m remembered) bool {
	return r.proved && !m.until.IsZero() && !r.disk.clock.Now().Before(m.until)
}

// Put is relay.Memory's.
func (r *Reference) Put(ctx context.Context, owner, key string, value []byte, keep time.Duration) error {
	end, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if value == nil {
		delete(r.disk.memory, memoryKey{owner, key})
		return nil
	}
	m := remembered{value: append([]byte{}, value...)}
	if keep > 0 {
		m.until = r.disk.clock.Now().Add(keep)
	}
	r.disk.memory[memoryKey{owner, key}] = m
	return nil
}

// List is relay.Memory's.
func (r *Reference) List(ctx context.Context, owner, prefix string, yield func(string, []byte) bool) error {
	end, err := r.begin(ctx)
	if err != nil {
		return err
	}
	all := make(map[string][]byte)
	for k, m := range r.disk.memory {
		if k.owner == owner && strings.HasPrefix(k.key, prefix) && !r.forgotten(m) {
			all[k.key] = m.value
		}
	}
	end()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !yield(key, all[key]) {
			break
		}
	}
	return nil
}

// Event is relay.Reader's.
func (r *Reference) Event(ctx context.Context, source, id string) (*relay.Event, []relay.Status, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	e := r.disk.find(source, id)
	if e == nil {
		return nil, nil, nil
	}
	var all []relay.Status
	for _, row := range r.disk.sorted() {
		if row.seq == e.event.Seq {
			all = append(all, r.disk.status(row))
		}
	}
	return e.event, all, nil
}

func (d *Disk) status(r *row) relay.Status {
	e := d.events[r.seq].event
	return relay.Status{
		Ref: relay.Ref{Source: e.Source, ID: e.ID, Sink: r.sink}, Route: r.route, State: r.shown(),
		Attempts: r.attempts, Replay: r.replay, First: r.first, Due: r.due, Ended: r.ended,
		OutOfOrder: r.outOfOrder, Tries: r.tries,
	}
}

func (r *row) shown() string {
	switch r.state {
	case waiting:
		if r.attempts > 0 {
			return relay.StateRetrying
		}
	case delivered:
		return relay.StateDelivered
	case dead:
		return relay.StateDead
	case dropped:
		return relay.StateDropped
	case muted:
		return relay.StateMuted
	}
	return relay.StatePending
}

func wanted(q relay.Query, e *relay.Event) bool {
	return (q.Source == "" || q.Source == e.Source) && (q.Event == "" || q.Event == e.Fields.Event) &&
		(q.Bot == "" || q.Bot == e.Fields.BotID.String()) &&
		(q.Since.IsZero() || !e.Received.Before(q.Since)) && (q.Until.IsZero() || e.Received.Before(q.Until)) &&
		(q.Match == nil || q.Match(e))
}

func header(e *relay.Event) *relay.Event {
	h := *e
	h.Raw = nil
	return &h
}

// page cuts a sorted list. Its Next is where the page ended, so that what is
// added meanwhile moves nothing.
func page[T any](q relay.Query, all []T, place func(T) string, received func(T) time.Time) relay.Page[T] {
	from := 0
	if q.From != "" {
		from = 1 + slices.IndexFunc(all, func(t T) bool { return place(t) == q.From })
	}
	all = all[from:]
	p := relay.Page[T]{Items: all}
	if q.Limit > 0 && len(all) > q.Limit {
		p.Items = all[:q.Limit]
		p.Next = place(all[q.Limit-1])
	}
	if n := len(p.Items); n > 0 {
		p.Reached = received(p.Items[n-1])
	}
	return p
}

// Events is relay.Reader's.
func (r *Reference) Events(ctx context.Context, q relay.Query) (relay.Page[*relay.Event], error) {
	end, err := r.begin(ctx)
	if err != nil {
		return relay.Page[*relay.Event]{}, err
	}
	defer end()
	var all []*relay.Event
	seqs := slices.Sorted(maps.Keys(r.disk.events))
	if !q.OldestFirst {
		slices.Reverse(seqs)
	}
	for _, seq := range seqs {
		if e := header(r.disk.events[seq].event); r.disk.became(e, q) && wanted(q, e) {
			all = append(all, e)
		}
	}
	return page(q, all, func(e *relay.Event) string { return fmt.Sprint(e.Seq) }, func(e *relay.Event) time.Time { return e.Received }), nil
}

// became tells whether the event has a delivery as the query wants it.
func (d *Disk) became(e *relay.Event, q relay.Query) bool {
	any, matches := false, q.Sink == "" && q.State == ""
	for at, row := range d.rows {
		if at.seq == e.Seq && !strings.HasPrefix(row.sink, relay.BuiltInPrefix) {
			any = true
			matches = matches || (q.Sink == "" || q.Sink == row.sink) && (q.State == "" || q.State == row.shown())
		}
	}
	switch q.State {
	case relay.StateQuarantined:
		return e.Trouble != ""
	case relay.StateFiltered:
		return !any && e.Trouble == ""
	}
	return matches
}

// Deliveries is relay.Reader's.
func (r *Reference) Deliveries(ctx context.Context, q relay.Query) (relay.Page[relay.Status], error) {
	end, err := r.begin(ctx)
	if err != nil {
		return relay.Page[relay.Status]{}, err
	}
	defer end()
	var all []relay.Status
	for _, row := range r.disk.sorted() {
		if (q.Sink == "" || q.Sink == row.sink) && (q.State == "" || q.State == row.shown()) &&
			wanted(q, header(r.disk.events[row.seq].event)) {
			all = append(all, r.disk.status(row))
		}
	}
	return page(q, all, func(s relay.Status) string { return fmt.Sprint(s.Ref) }, func(s relay.Status) time.Time { return r.disk.find(s.Source, s.ID).event.Received }), nil
}

// Bot is relay.Reader's.
func (r *Reference) Bot(ctx context.Context, source, bot string) ([]*relay.Event, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []*relay.Event
	for _, seq := range slices.Sorted(maps.Keys(r.disk.events)) {
		if e := r.disk.events[seq].event; e.Source == source && store.TimelineBot(e) == store.ColumnName(bot) {
			all = append(all, header(e))
		}
	}
	return all, nil
}

// Bots is relay.Reader's.
func (r *Reference) Bots(ctx context.Context, prefix string, limit int) ([]relay.BotRef, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	known := map[relay.BotRef]bool{}
	for _, s := range r.disk.events {
		if bot := store.TimelineBot(s.event); bot != "" && strings.HasPrefix(bot, prefix) {
			known[relay.BotRef{Source: s.event.Source, Bot: bot}] = true
		}
	}
	all := slices.SortedFunc(maps.Keys(known), func(a, b relay.BotRef) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Bot, b.Bot))
	})
	return all[:min(limit, len(all))], nil
}

// Sinks is relay.Reader's.
func (r *Reference) Sinks(ctx context.Context) ([]relay.Backlog, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []relay.Backlog
	for _, name := range slices.Sorted(maps.Keys(r.disk.sinks)) {
		s := r.disk.sinks[name]
		b := relay.Backlog{Sink: name, Paused: s.paused, LastOK: s.lastOK}
		for at, row := range r.disk.rows {
			if at.sink != name {
				continue
			}
			switch row.shown() {
			case relay.StatePending:
				b.Pending++
			case relay.StateRetrying:
				b.Retrying++
			case relay.StateDead:
				b.Dead++
			}
			if at := r.disk.events[at.seq].event.Received; row.state.open() && (b.Oldest.IsZero() || at.Before(b.Oldest)) {
				b.Oldest = at
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// Requeue is relay.Operator's.
func (r *Reference) Requeue(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	done := make([]relay.Done, len(refs))
	for i, ref := range refs {
		why := r.requeue(ref)
		done[i] = relay.Done{Ref: ref, Changed: why == "", Why: why}
	}
	return done, nil
}

func (r *Reference) requeue(ref relay.Ref) (why string) {
	d := r.disk
	e := d.find(ref.Source, ref.ID)
	if e == nil {
		return "there is no such event"
	}
	at := rowID{e.event.Seq, ref.Sink}
	old := d.rows[at]
	switch {
	case old == nil:
		d.sink(ref.Sink)
		d.put(&row{seq: e.event.Seq, sink: ref.Sink, pos: d.number(), key: "+" + e.key, route: ref.Route, replay: 1})
		r.Appended(ref.Sink)
	case old.state == waiting && old.attempts > 0:
		old.due = d.clock.Now()
		d.sink(ref.Sink).turn++
		r.Turned(ref.Sink)
	case old.state.open():
		return "it is pending already"
	default:
		d.put(&row{
			seq: old.seq, sink: old.sink, pos: d.number(), key: "+" + e.key, route: cmp.Or(ref.Route, old.route),
			replay: old.replay + 1, tries: old.tries,
		})
		r.Appended(ref.Sink)
	}
	return ""
}

// Drop is relay.Operator's.
func (r *Reference) Drop(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	done := make([]relay.Done, len(refs))
	for i, ref := range refs {
		done[i] = relay.Done{Ref: ref, Why: "there is no such delivery"}
		e := r.disk.find(ref.Source, ref.ID)
		if e == nil {
			continue
		}
		row := r.disk.rows[rowID{e.event.Seq, ref.Sink}]
		switch {
		case row == nil:
		case row.state.open() || row.state == dead:
			r.drop(row, "dropped by hand")
			done[i] = relay.Done{Ref: ref, Changed: true}
		default:
			done[i].Why = "it is " + row.shown()
		}
	}
	return done, nil
}

func (r *Reference) drop(row *row, note string) {
	now := r.disk.clock.Now()
	row.state, row.ended, row.due = dropped, now, time.Time{}
	row.note(relay.Attempt{Began: now, Note: note})
	r.disk.sink(row.sink).turn++
	r.Turned(row.sink)
}

// Move is relay.Operator's.
func (r *Reference) Move(ctx context.Context, from, to string) (int, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	d := r.disk
	d.sink(to)
	all := d.of(from, func(r *row) bool { return r.state.open() })
	for _, old := range all {
		r.drop(old, "moved to "+to)
		if d.rows[rowID{old.seq, to}] == nil {
			d.put(&row{seq: old.seq, sink: to, pos: d.number(), key: "+" + d.events[old.seq].key, replay: 1})
		}
	}
	r.Appended(to)
	return len(all), nil
}

// Discard is relay.Operator's.
func (r *Reference) Discard(ctx context.Context, sink string) (int, error) {
	end, err := r.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	all := r.disk.of(sink, func(r *row) bool { return r.state.open() })
	for _, old := range all {
		r.drop(old, "discarded")
	}
	return len(all), nil
}

// Pause is relay.Operator's.
func (r *Reference) Pause(ctx context.Context, sink string, paused bool) error {
	end, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	r.disk.sink(sink).paused = paused
	r.Turned(sink)
	return nil
}
