package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// memQueue is a Queue in memory that hands out as the contract says and fails
// the test when the loop breaks its side of it.
type memQueue struct {
	t testing.TB

	mu       sync.Mutex
	rows     []*memRow
	tickets  int
	turn     int // of the shares: every third is one that was tried
	changed  chan struct{}
	settled  []memSettled
	onSettle func([]Settlement) error
	settles  int // calls
}

type memRow struct {
	event           *Event
	sink, key       string
	state           Verdict // 0 ready, Retry waiting, else final
	due, first      time.Time
	waited          time.Duration
	attempts, tries int
	outOfOrder      bool
	ticket          int // claimed by; 0 is free
	note            string
}

// memSettled is one settlement as it came in.
type memSettled struct {
	at time.Time
	Settlement
}

func newMemQueue(t testing.TB) *memQueue { return &memQueue{t: t, changed: make(chan struct{})} }

// add appends an event of the bot for the sink.
func (q *memQueue) add(sink, bot, id string) *memRow { return q.addBody(sink, bot, id, nil) }

func (q *memQueue) addBody(sink, bot, id string, raw []byte) *memRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	ev := &Event{Seq: Seq(len(q.rows) + 1), Source: "recall", ID: id, Received: time.Now(), Raw: raw, Fields: Fields{Event: "bot.done", Key: bot}}
	r := &memRow{event: ev, sink: sink, key: ev.OrderKey()}
	q.rows = append(q.rows, r)
	q.signal()
	return r
}

func (q *memQueue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *memQueue) Claim(ctx context.Context, sink string, max int) ([]*Delivery, error) {
	if max < 1 {
		q.t.Errorf("claim of %d deliveries", max)
	}
	for {
		q.mu.Lock()
		ds, next := q.take(sink, max)
		changed := q.changed
		q.mu.Unlock()
		if len(ds) > 0 || ctx.Err() != nil {
			return ds, nil
		}
		var due <-chan time.Time
		if !next.IsZero() {
			timer := time.NewTimer(time.Until(next))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-changed:
		case <-due:
		}
	}
}

func (q *memQueue) take(sink string, max int) (ds []*Delivery, next time.Time) {
	fresh, tried, next := q.eligible(sink)
	bytes := 0
	for len(ds) < max && len(fresh)+len(tried) > 0 {
		from := &fresh
		if len(fresh) == 0 || len(tried) > 0 && q.turn%3 == 0 {
			from = &tried
		}
		r := (*from)[0]
		if bytes += len(r.event.Raw); bytes > 4<<20 && len(ds) > 0 {
			break
		}
		*from = (*from)[1:]
		q.turn++
		q.tickets++
		r.ticket = q.tickets
		ds = append(ds, &Delivery{
			Event: r.event, Sink: r.sink, Key: r.key, Attempt: r.attempts + 1, First: r.first,
			Waited: r.waited, OutOfOrder: r.outOfOrder, Claim: r.ticket,
		})
	}
	return ds, next
}

// eligible returns what may be handed out: of each key one, and of those in
// order only the first that is unfinished.
func (q *memQueue) eligible(sink string) (fresh, tried []*memRow, next time.Time) {
	now := time.Now()
	claimed, head := map[string]bool{}, map[string]bool{}
	for _, r := range q.rows {
		if r.sink == sink && r.ticket != 0 {
			claimed[r.key] = true
		}
	}
	for _, r := range q.rows {
		if r.sink != sink || r.state != 0 && r.state != Retry {
			continue
		}
		blocked := claimed[r.key]
		if !r.outOfOrder {
			blocked = blocked || head[r.key]
			head[r.key] = true
		}
		switch {
		case blocked:
		case r.state == Retry && now.Before(r.due):
			if next.IsZero() || r.due.Before(next) {
				next = r.due
			}
		case r.tries == 0:
			claimed[r.key] = true
			fresh = append(fresh, r)
		default:
			claimed[r.key] = true
			tried = append(tried, r)
		}
	}
	return fresh, tried, next
}

func (q *memQueue) Settle(ctx context.Context, done ...Settlement) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settles++
	if len(done) == 0 || len(done) > settledTogether {
		q.t.Errorf("settle of %d deliveries", len(done))
	}
	if q.onSettle != nil {
		if err := q.onSettle(done); err != nil {
			return err
		}
	}
	for _, s := range done {
		if err := q.settle(s); err != nil {
			q.t.Errorf("settle %s: %v", s.Event.ID, err)
		}
	}
	q.signal()
	return ctx.Err()
}

func (q *memQueue) settle(s Settlement) error {
	r := q.rows[s.Event.Seq-1]
	if r.ticket == 0 || r.ticket != s.Claim {
		return fmt.Errorf("claim %v, the row has %d", s.Claim, r.ticket)
	}
	r.ticket = 0
	q.settled = append(q.settled, memSettled{time.Now(), s})
	if s.Verdict == Release {
		return nil
	}
	switch {
	case s.Began.IsZero():
		return errors.New("an attempt without a beginning")
	case len(s.Note) > 1024:
		return fmt.Errorf("a note of %d bytes", len(s.Note))
	case (s.Verdict == Retry || s.Verdict == Detach) && s.At.Before(time.Now()):
		return fmt.Errorf("at %s is over", s.At)
	case s.Verdict == Detach && (r.outOfOrder || r.key == ""):
		return errors.New("detached though nothing waits for it")
	case s.Wait < 0, s.Uncounted && s.Wait != 0:
		return fmt.Errorf("wait of %s", s.Wait)
	}
	r.state, r.note = s.Verdict, s.Note
	r.tries++
	if r.first.IsZero() {
		r.first = s.Began
	}
	if !s.Uncounted {
		r.attempts++
	}
	r.waited += s.Wait
	if r.due = s.At; s.Verdict == Detach {
		r.state, r.outOfOrder = Retry, true
	}
	return nil
}

// snapshot is a copy of a row.
func (q *memQueue) snapshot(r *memRow) memRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return *r
}

// all is a copy of every row.
func (q *memQueue) all() (rows []memRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rows {
		rows = append(rows, *r)
	}
	return rows
}

// count returns how many rows of the sink have the verdict as state.
func (q *memQueue) count(sink string, state Verdict) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rows {
		if r.sink == sink && r.state == state {
			n++
		}
	}
	return n
}

// claimed returns how many rows are claimed.
func (q *memQueue) claimed() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.rows {
		if r.ticket != 0 {
			n++
		}
	}
	return n
}

// memMemory is a Memory in memory.
type memMemory struct {
	mu     sync.Mutex
	values map[string][]byte
	puts   int
}

func newMemMemory() *memMemory { return &memMemory{values: map[string][]byte{}} }

func (m *memMemory) Get(_ context.Context, owner, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[owner+"/"+key], nil
}

func (m *memMemory) Put(_ context.Context, owner, key string, value []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if value == nil {
		delete(m.values, owner+"/"+key)
		return nil
	}
	m.values[owner+"/"+key] = value
	return nil
}

func (m *memMemory) List(_ context.Context, owner, prefix string, yield func(string, []byte) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for full, value := range m.values {
		if key, ok := cutPrefix(full, owner+"/"+prefix); ok && !yield(prefix+key, value) {
			return nil
		}
	}
	return nil
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return s, false
	}
	return s[len(prefix):], true
}
