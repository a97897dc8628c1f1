package pgstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// One CALL stores at most so many events, and their bodies together so many
// bytes, one event aside.
const (
	batchEvents = 1024
	batchBytes  = 8 << 20
)

// appendJob is one event to be stored, and who waits for it.
type appendJob struct {
	event    *relay.Event
	targets  []relay.Target
	columns  store.EventColumns
	stripped bool // it could not be stored as it is
	copies   []*appendJob

	receipt relay.Receipt
	done    chan error
}

// Append stores ev and one delivery per target, as [relay.Log] says.
func (s *Store) Append(ctx context.Context, ev *relay.Event, to ...relay.Target) (relay.Receipt, error) {
	if err := store.CheckTargets(to); err != nil {
		return relay.Receipt{}, err
	}
	j := &appendJob{event: ev, targets: to, columns: store.ColumnsOf(ev), done: make(chan error, 1)}
	if !s.queue.put(j) {
		return relay.Receipt{}, relay.ErrClosed
	}
	select {
	case err := <-j.done:
		return j.receipt, err
	case <-ctx.Done():
		return relay.Receipt{}, fmt.Errorf("append %s/%s: %w", ev.Source, ev.ID, context.Cause(ctx))
	}
}

// queue is what waits to be stored, in the order of arrival.
type queue struct {
	mu     sync.Mutex
	jobs   []*appendJob
	closed bool
	wake   chan struct{} // holds a token when something came
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a job; false says that nothing more is taken.
func (q *queue) put(j *appendJob) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.jobs = append(q.jobs, j)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// take removes the next batch.
func (q *queue) take() []*appendJob {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.jobs) && n < batchEvents {
		size += len(q.jobs[n].event.Raw)
		if n > 0 && size > batchBytes {
			break
		}
		n++
	}
	batch := slices.Clone(q.jobs[:n])
	rest := copy(q.jobs, q.jobs[n:])
	clear(q.jobs[rest:])
	q.jobs = q.jobs[:rest]
	return batch
}

// close lets nothing more in; what waits is still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// abandon answers what nobody has taken.
func (q *queue) abandon() {
	for batch := q.take(); len(batch) > 0; batch = q.take() {
		for _, j := range batch {
			j.done <- relay.ErrClosed
		}
	}
}

// flushTime is how long what waits when Run ends may take.
const flushTime = 5 * time.Second

// appendAll stores what comes until ctx ends, and then what has come by then.
func (s *Store) appendAll(ctx context.Context) {
	defer s.queue.abandon()
	for ctx.Err() == nil {
		if batch := s.queue.take(); len(batch) > 0 {
			s.store(context.WithoutCancel(ctx), batch)
			continue
		}
		select {
		case <-s.queue.wake:
		case <-ctx.Done():
		}
	}
	s.queue.close()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for batch := s.queue.take(); len(batch) > 0 && last.Err() == nil; batch = s.queue.take() {
		s.store(last, batch)
	}
}

// store commits a batch and answers it. Copies of one event are stored once and
// share the outcome.
func (s *Store) store(ctx context.Context, batch []*appendJob) {
	batch = withoutCopies(batch)
	err := s.commitBatch(ctx, batch)
	if natureOf(err) == content && len(batch) > 1 {
		// Something in one of them: the others pass without it.
		half := len(batch) / 2
		s.store(ctx, batch[:half])
		s.store(ctx, batch[half:])
		return
	}
	if natureOf(err) == content && batch[0].strip(err) {
		s.log().Error("an event could not be stored as it is; it is kept as it came, quarantined",
			"source", batch[0].event.Source, "id", batch[0].event.ID, "err", s.secret.scrub(err.Error()))
		s.store(ctx, batch)
		return
	}
	for _, j := range batch {
		j.finish(err)
	}
}

// withoutCopies puts a batch in order of source and id, and the copies of an
// event behind the first of them.
func withoutCopies(batch []*appendJob) []*appendJob {
	slices.SortStableFunc(batch, func(a, b *appendJob) int {
		return cmp.Or(cmp.Compare(a.event.Source, b.event.Source), cmp.Compare(a.event.ID, b.event.ID))
	})
	n := 0
	for _, j := range batch {
		if n > 0 && batch[n-1].event.Source == j.event.Source && batch[n-1].event.ID == j.event.ID {
			batch[n-1].copies = append(batch[n-1].copies, j)
			continue
		}
		batch[n] = j
		n++
	}
	return batch[:n]
}

// strip makes the event what it came as, once. No text of it can be at fault
// then, but its source and its id.
func (j *appendJob) strip(why error) bool {
	if j.stripped {
		return false
	}
	stripped := *j.event
	stripped.Fields = relay.Fields{}
	stripped.Trouble = "could not be stored as it is (" + stateOf(why) + ")"
	j.event, j.targets, j.stripped = &stripped, nil, true
	j.columns = store.ColumnsOf(j.event)
	return true
}

// finish answers a job and its copies.
func (j *appendJob) finish(err error) {
	if err != nil {
		j.receipt = relay.Receipt{}
		err = fmt.Errorf("append %s/%s: %w", j.event.Source, j.event.ID, err)
	} else if !j.receipt.Duplicate {
		j.event.Seq = j.receipt.Seq
	}
	for _, c := range j.copies {
		if err == nil {
			c.receipt = relay.Receipt{Seq: j.receipt.Seq, Duplicate: true, Conflict: j.receipt.Conflict}
			if !j.receipt.Duplicate {
				c.receipt.Conflict = !bytes.Equal(c.event.Raw, j.event.Raw)
			}
		}
		c.done <- err
	}
	j.done <- err
}

const sqlAppend = `CALL botrelay.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, NULL, NULL, NULL)`

// errNotDurable: the commit has not waited for stable storage.
var errNotDurable = errors.New("the commit was not durable")

// commitBatch stores events in one CALL, fills in their receipts, and tells the
// order of handing out.
func (s *Store) commitBatch(ctx context.Context, batch []*appendJob) error {
	a := newAppendArgs(batch)
	newSinks, tell := s.leases.strangers(a.sinks)
	var seqs []int64
	var known []int32
	var durable string
	err := s.vitalRow(ctx, sqlAppend, append(a.list(), newSinks, tell), &seqs, &known, &durable)
	switch {
	case natureOf(err) == content:
		return err
	case err != nil:
		return asFull(err)
	case durable != "on" && durable != "remote_apply":
		err := fmt.Errorf("%w: synchronous_commit is %s", errNotDurable, durable)
		s.log().Error("an append is not acknowledged", "store", s.place, "err", err)
		return s.asUnavailable(err)
	case len(seqs) != len(batch) || len(known) != len(batch):
		return s.asUnavailable(fmt.Errorf("%d answers for %d events", len(seqs), len(batch)))
	}
	for i, j := range batch {
		j.receipt = relay.Receipt{Seq: relay.Seq(seqs[i]), Duplicate: known[i] > 0, Conflict: known[i] == 2}
	}
	s.leases.know(newSinks)
	s.announce(batch)
	return nil
}

// asFull is relay.ErrFull where the server says that its disk is full: then
// nothing was stored.
func asFull(err error) error {
	if natureOf(err) == full {
		return fmt.Errorf("%w: the database's disk is full", relay.ErrFull)
	}
	return err
}

// announce tells the order of handing out what has been stored.
func (s *Store) announce(batch []*appendJob) {
	ready := make(map[string]bool)
	timers := make(map[string]time.Time)
	for _, j := range batch {
		if j.receipt.Duplicate {
			continue
		}
		for i := range j.targets {
			t := &j.targets[i]
			if t.After.IsZero() {
				ready[t.Sink] = true
			} else if due, there := timers[t.Sink]; !there || t.After.Before(due) {
				timers[t.Sink] = t.After
			}
		}
	}
	for sink := range ready {
		s.Appended(sink)
	}
	for sink, due := range timers {
		s.Scheduled(sink, due)
	}
}
