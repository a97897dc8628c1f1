package relay

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// attempt is one try at a delivery and what came of it.
type attempt struct {
	delivery *Delivery
	note     string
	err      error
	muted    string // why it was not sent
	crash    *crash
	cut      bool // the relay's own end stopped it: the outcome is unknown
	began    time.Time
	took     time.Duration
}

// why is the text of the attempt's error; empty without one.
func (a *attempt) why() string {
	if a.err == nil {
		return ""
	}
	return a.err.Error()
}

// task is a job with what it is done with.
type task struct {
	job
	sink    *heldSink
	timeout time.Duration
}

// serve is one worker.
func (l *line) serve(w *worker) {
	for {
		t, ok := l.take(w)
		if !ok {
			return
		}
		b, batches := t.sink.sink.(Batcher)
		switch {
		case batches && t.one != nil:
			l.sendBatch(w, t, b, []*Delivery{t.one})
		case batches:
			l.sendBatch(w, t, b, t.batch)
		case t.one != nil:
			l.record(w, t, []attempt{l.send(t, t.one)})
		default: // claimed for a Batcher that has been replaced
			l.oneByOne(w, t, t.batch, func(d *Delivery) attempt { return l.send(t, d) })
		}
		l.leave(t.sink)
	}
}

// oneByOne tries the deliveries of a batch after each other, as long as the
// sink may get any.
func (l *line) oneByOne(w *worker, t task, ds []*Delivery, send func(*Delivery) attempt) {
	for _, d := range ds {
		l.mu.Lock()
		stop := l.health.pause != nil || l.abandoned
		l.mu.Unlock()
		a := attempt{delivery: d, cut: true}
		if !stop {
			a = send(d)
		}
		l.record(w, t, []attempt{a})
	}
}

// take waits for a job. False: the worker is not needed any more.
func (l *line) take(w *worker) (task, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closing && len(l.workers) <= l.dest.Concurrency {
		l.work.Wait()
	}
	if len(l.queue) == 0 || len(l.workers) > l.dest.Concurrency {
		delete(l.workers, w)
		return task{}, false
	}
	j := l.queue[0]
	l.queue[0] = job{}
	l.queue = l.queue[1:]
	w.now = j
	l.sending += j.size()
	l.sink.uses++
	return task{j, l.sink, l.dest.Timeout}, true
}

// leave gives the sink value back, and closes it after the last use of a
// replaced one.
func (l *line) leave(h *heldSink) {
	l.mu.Lock()
	h.uses--
	last := h.last()
	l.mu.Unlock()
	if last {
		l.closeSink(h)
	}
}

// send tries one delivery.
func (l *line) send(t task, d *Delivery) (a attempt) {
	ctx, cancel := l.sendContext(t.timeout, d)
	defer cancel()
	a.delivery, a.began = d, time.Now()
	defer func() {
		a.took = time.Since(a.began)
		a.crash = crashed(recover())
	}()
	if a.cut = d.lost(); a.cut {
		return a
	}
	if a.muted = l.muted(d); a.muted == "" {
		a.note, a.err = t.sink.sink.Send(ctx, d)
		a.cut = l.cutShort(d, a.err)
	}
	return a
}

// sendBatch tries several deliveries at once. After a panic each is tried
// alone, so that the one that causes it is found; what had got through before
// the panic gets through twice.
func (l *line) sendBatch(w *worker, t task, b Batcher, ds []*Delivery) {
	as, panicked := l.tryBatch(t, b, ds)
	if panicked == nil {
		l.record(w, t, as)
		return
	}
	if len(ds) == 1 {
		as[0].crash = panicked
		l.record(w, t, as)
		return
	}
	l.oneByOne(w, t, ds, func(d *Delivery) attempt {
		one, panicked := l.tryBatch(t, b, []*Delivery{d})
		one[0].crash = panicked
		return one[0]
	})
}

// tryBatch returns one attempt for each delivery, muted ones without a try.
func (l *line) tryBatch(t task, b Batcher, ds []*Delivery) (as []attempt, panicked *crash) {
	ctx, cancel := l.sendContext(t.timeout, ds...)
	defer cancel()
	began := time.Now()
	as = make([]attempt, len(ds))
	wanted, places := make([]*Delivery, 0, len(ds)), make([]int, 0, len(ds))
	defer func() {
		took := time.Since(began)
		for i := range as {
			as[i].took = took
		}
		panicked = crashed(recover())
	}()
	for i, d := range ds {
		as[i] = attempt{delivery: d, began: began, cut: d.lost()}
	}
	for i, d := range ds {
		if as[i].cut {
			continue
		}
		if as[i].muted = l.muted(d); as[i].muted == "" {
			wanted, places = append(wanted, d), append(places, i)
		}
	}
	if len(wanted) == 0 {
		return as, nil
	}
	results := b.SendBatch(ctx, wanted)
	for n, i := range places {
		r := Result{Err: errNoResult}
		if n < len(results) {
			r = results[n]
		}
		as[i].note, as[i].err, as[i].cut = r.Note, r.Err, l.cutShort(ds[i], r.Err)
	}
	return as, nil
}

var errNoResult = errors.New("the sink returned no result for this delivery")

func (l *line) muted(d *Delivery) string {
	if l.opts.Muted == nil {
		return ""
	}
	return l.opts.Muted(d)
}

// cutShort tells whether a failure came of the relay's own end, or of that of
// the sink's lease. What the destination did answer is known and counts.
func (l *line) cutShort(d *Delivery, err error) bool {
	if err == nil || l.stop.sends.Err() == nil && !d.lost() {
		return false
	}
	kind := Classify(err).Kind
	return kind == Transient || kind == Unreachable
}

// crash is a panic in a sink.
type crash struct {
	note  string
	stack []byte
}

// crashed makes a note of what recover returned. A panic's own text may hold
// anything, a payload too; only the runtime's are known not to.
func crashed(value any) *crash {
	if value == nil {
		return nil
	}
	c := &crash{note: "panic: in " + panickingFunction(), stack: debug.Stack()}
	if err, ok := value.(runtime.Error); ok {
		c.note = fmt.Sprintf("panic: %s", err)
	}
	return c
}

// panickingFunction is the name of the function that called panic. It stands
// above runtime.gopanic on the stack of the deferred call.
func panickingFunction() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		if panicked {
			return f.Function
		}
		panicked = f.Function == "runtime.gopanic"
		if !more {
			return "an unknown function"
		}
	}
}
