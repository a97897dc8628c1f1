package sqlitestore

import (
	"context"
	"sync"
)

// job is one item of a group: what it changes, and who waits for it.
type job interface {
	// apply makes the changes inside the writer's transaction. After a rollback
	// it is called again, so it starts from nothing each time.
	apply(w *writer) error
	// finish tells whoever waits that the changes are on stable storage, or why
	// they are not. It is called once.
	finish(err error)
	// gone is why nobody waits for the job any more, or nil.
	gone() error
	// rows is about how many rows it changes, a large one counting for its pages:
	// what its share of a group is.
	rows() int
}

// A group is what one transaction commits.
const groupRows = 1024

// queue is what waits for the writer, in the order of arrival.
type queue struct {
	mu     sync.Mutex
	jobs   []job
	closed error         // why nothing more is taken
	wake   chan struct{} // holds a token when something came
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a job; an error says that nothing more is taken.
func (q *queue) put(j job) error {
	q.mu.Lock()
	if q.closed != nil {
		defer q.mu.Unlock()
		return q.closed
	}
	q.jobs = append(q.jobs, j)
	q.mu.Unlock()
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes the next group from the queue, behind what is in it already.
func (q *queue) take(group []job, rows int) []job {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.jobs) && rows < groupRows {
		rows += q.jobs[n].rows()
		n++
	}
	group = append(group, q.jobs[:n]...)
	rest := copy(q.jobs, q.jobs[n:])
	clear(q.jobs[rest:])
	q.jobs = q.jobs[:rest]
	return group
}

// close lets nothing more in, because of why. What waits is still taken.
func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = why
	}
}

// asker is a job's way back to the goroutine that waits for it.
type asker struct {
	ctx  context.Context // of that goroutine
	told chan error
}

func newAsker(ctx context.Context) asker { return asker{ctx, make(chan error, 1)} }

func (a asker) finish(err error) { a.told <- err }

func (a asker) gone() error {
	if a.ctx.Err() == nil {
		return nil
	}
	return context.Cause(a.ctx)
}

// wait returns the outcome, or why its goroutine waits no longer: then the
// outcome is unknown.
func (a asker) wait() error {
	select {
	case err := <-a.told:
		return err
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
}
