package sqlitestore

import (
	"context"
	"sync"
	"time"
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

// Outcomes of deliveries are in no hurry: nobody outside waits for them. They
// wait this long for an event to share a commit with, or for this many rows.
// Without it each event costs a commit of its own for the outcomes of each sink.
const (
	lingerFor  = 2 * time.Millisecond
	lingerRows = 256
)

// queue is what waits for the writer, in the order of arrival.
type queue struct {
	mu     sync.Mutex
	jobs   []job
	hasty  int           // jobs that somebody waits for
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
	if !patient(j) {
		q.hasty++
	}
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
	for _, j := range q.jobs[:n] {
		if !patient(j) {
			q.hasty--
		}
	}
	group = append(group, q.jobs[:n]...)
	rest := copy(q.jobs, q.jobs[n:])
	clear(q.jobs[rest:])
	q.jobs = q.jobs[:rest]
	return group
}

// patient tells whether a job may linger.
func patient(j job) bool {
	_, ok := j.(*commitJob)
	return ok
}

// lingers tells whether all that waits may wait on for company.
func (q *queue) lingers() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hasty > 0 || len(q.jobs) == 0 || q.closed != nil {
		return false
	}
	rows := 0
	for _, j := range q.jobs {
		rows += j.rows()
	}
	return rows < lingerRows
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
