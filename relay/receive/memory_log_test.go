package receive

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

// memoryLog is a relay.Log that keeps to its contract to the letter and holds
// the caller to it: an event is whole, is not changed afterwards, and a
// quarantined one has no targets.
type memoryLog struct {
	t testing.TB

	mu      sync.Mutex
	known   map[[2]string]*record
	appends int

	// commit, if set, is what writing takes; its error is the outcome.
	commit func(ctx context.Context, ev *relay.Event) error
	// waits, if set, gets one for each copy that waits for the first.
	waits chan struct{}
}

// record is one id, from the moment its first copy is being written.
type record struct {
	done chan struct{} // closed when its outcome is known
	err  error
	seq  relay.Seq
	ev   *relay.Event
	copy relay.Event // as it was appended
	to   []relay.Target
}

func newMemoryLog(t testing.TB) *memoryLog {
	l := &memoryLog{t: t, known: map[[2]string]*record{}}
	t.Cleanup(func() {
		for _, r := range l.stored() {
			was, is := r.copy, *r.ev
			if !bytes.Equal(was.Raw, is.Raw) {
				t.Errorf("the body of %s was changed after Append", was.ID)
			}
			was.Raw, is.Raw = nil, nil // too long for a diff
			if diff := cmp.Diff(was, is, cmp.AllowUnexported(relay.Optional{})); diff != "" {
				t.Errorf("the event was changed after Append (-then +now):\n%s", diff)
			}
		}
	})
	return l
}

func (l *memoryLog) Append(ctx context.Context, ev *relay.Event, to ...relay.Target) (relay.Receipt, error) {
	l.check(ctx, ev, to)
	key := [2]string{ev.Source, ev.ID}
	l.mu.Lock()
	l.appends++
	if first := l.known[key]; first != nil {
		l.mu.Unlock()
		if l.waits != nil {
			l.waits <- struct{}{}
		}
		select {
		case <-first.done:
		case <-ctx.Done():
			return relay.Receipt{}, ctx.Err()
		}
		if first.err != nil {
			return relay.Receipt{}, first.err
		}
		return relay.Receipt{Seq: first.seq, Duplicate: true, Conflict: !bytes.Equal(first.copy.Raw, ev.Raw)}, nil
	}
	r := &record{done: make(chan struct{}), ev: ev, copy: *ev, to: to}
	r.copy.Raw = bytes.Clone(ev.Raw)
	r.copy.Fields.Metadata = bytes.Clone(ev.Fields.Metadata)
	l.known[key] = r
	l.mu.Unlock()

	if l.commit != nil {
		r.err = l.commit(ctx, ev)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(r.done)
	if r.err != nil {
		delete(l.known, key)
		return relay.Receipt{}, r.err
	}
	r.seq = relay.Seq(len(l.known))
	return relay.Receipt{Seq: r.seq}, nil
}

func (l *memoryLog) check(ctx context.Context, ev *relay.Event, to []relay.Target) {
	if _, ok := ctx.Deadline(); !ok {
		l.t.Error("Append without a deadline")
	}
	if ev.Seq != 0 || ev.Source == "" || ev.ID == "" || ev.Raw == nil || ev.Received.IsZero() || ev.Received.Location() != time.UTC {
		l.t.Errorf("Append of an event that is not whole: %+v", ev)
	}
	if len(ev.Raw) != cap(ev.Raw) {
		l.t.Errorf("the body has %d bytes in a buffer of %d", len(ev.Raw), cap(ev.Raw))
	}
	if ev.Trouble != "" && (len(to) > 0 || ev.Fields.Event != "") {
		l.t.Errorf("quarantined event with targets or fields: %+v %v", ev, to)
	}
	sinks := map[string]bool{}
	for _, target := range to {
		if sinks[target.Sink] {
			l.t.Errorf("two targets for sink %s", target.Sink)
		}
		sinks[target.Sink] = true
	}
}

// stored returns what was committed.
func (l *memoryLog) stored() []*record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*record
	for _, r := range l.known {
		select {
		case <-r.done:
			all = append(all, r)
		default:
		}
	}
	return all
}
