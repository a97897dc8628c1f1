package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"botrelay/relay"
)

// Store is what a store under test offers.
type Store interface {
	relay.Log
	relay.Queue
	relay.Memory
	relay.Reader
	relay.Operator
	Close() error
}

// Harness holds one store for one test: a folder or a database that is empty at
// first. Its functions end the test themselves when they cannot do what they
// are for. Only one store is open at a time.
type Harness struct {
	// Open opens the store, and runs it until Close or Crash. Every sink can be
	// claimed from when it returns.
	Open func() Store
	// Crash makes the open store vanish as by a power cut: what it had not
	// acknowledged may be lost, and its goroutines end.
	Crash func()
	// Advance lets d pass and returns when the store has done what became due.
	Advance func(d time.Duration)
	// Now is the store's time.
	Now func() time.Time
	// Prove tells the open store that a verified request has proved its clock.
	Prove func()
	// RetentionEvents and RetentionDead are what the store was opened with: at
	// least a day, the second at least a day more, and the first well below seven
	// days, so that ids outlive their events. Short ones make the suite fast where
	// Advance is slow.
	RetentionEvents, RetentionDead time.Duration
	// Damage changes the stored body of an event on the disk, under the open
	// store or between Crash and Open. Nil where that cannot be done.
	Damage func(source, id string)
	// Lose takes the sink's lease away from the open store, as another relay
	// would, and Regain gives it back. Nil where there are no leases.
	Lose, Regain func(sink string)
}

// Setup says how the suite gets at a store.
type Setup struct {
	// New returns a fresh Harness. What it starts it ends with t.Cleanup.
	New func(t *testing.T) *Harness
	// Around runs one test, in a synctest bubble for example. Nil just runs it.
	Around func(t *testing.T, test func(t *testing.T))
	// Seeds is how many runs the model test makes, Steps how long each is; 0 is
	// 20 and 200. Under the race detector they are a twentieth.
	Seeds, Steps int
}

// sized is n, or a twentieth of it, at least least, under the race detector.
func sized(n, least int) int {
	if raceEnabled {
		return max(n/20, least)
	}
	return n
}

// Run runs the suite.
func Run(t *testing.T, setup Setup) {
	if setup.Around == nil {
		setup.Around = func(t *testing.T, test func(t *testing.T)) { test(t) }
	}
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Log", logTests}, {"Order", orderTests}, {"Queue", queueTests}, {"Settle", settleTests},
		{"Requeue", requeueTests}, {"Operator", operatorTests},
		{"Memory", memoryTests}, {"Reader", readerTests}, {"Retention", retentionTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					setup.Around(t, func(t *testing.T) { test.run(newEnv(t, setup.New(t))) })
				})
			}
		})
	}
	t.Run("Together", func(t *testing.T) {
		setup.Around(t, func(t *testing.T) { together(newEnv(t, setup.New(t))) })
	})
	t.Run("Model", func(t *testing.T) { Model(t, setup, 1) })
}

type test struct {
	name string
	run  func(*env)
}

// env is one test: its harness, the open store, and short words for what the
// tests do with it.
type env struct {
	*testing.T
	h     *Harness
	store Store
	ctx   context.Context // for what takes no time
	done  context.Context // done before it begins: a Claim with it takes what is there
}

func newEnv(t *testing.T, h *Harness) *env {
	t.Helper()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	e := &env{T: t, h: h, ctx: t.Context(), done: done}
	e.store = h.Open()
	h.Prove()
	t.Cleanup(func() {
		if err := e.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// crash makes the store vanish and opens it again. Its clock is not proved.
func (e *env) crash() {
	e.Helper()
	e.h.Crash()
	e.store = e.h.Open()
}

const source = "recall"

// event is a bot event of source with the given id and bot, received now.
func (e *env) event(id, bot string) *relay.Event {
	return &relay.Event{
		Source: source, ID: id, Received: e.h.Now().UTC(),
		Raw: fmt.Appendf(nil, `{"event":"bot.in_call_recording","id":%q}`, id),
		Fields: relay.Fields{
			Event: "bot.in_call_recording", Code: relay.Some("in_call_recording"), Side: "nobody",
			BotID: relay.Some(bot), Key: bot, At: e.h.Now().UTC(),
		},
	}
}

// ordered is a target for each sink, in the order of ev's key.
func ordered(ev *relay.Event, sinks ...string) []relay.Target {
	to := make([]relay.Target, len(sinks))
	for i, sink := range sinks {
		to[i] = relay.Target{Sink: sink, Key: ev.OrderKey(), Route: "route-" + sink}
	}
	return to
}

// append appends and expects a new event.
func (e *env) append(ev *relay.Event, to ...relay.Target) relay.Seq {
	e.Helper()
	receipt, err := e.store.Append(e.ctx, ev, to...)
	if err != nil || receipt.Duplicate || receipt.Seq == 0 {
		e.Fatalf("append %s: got %+v, %v; want a new event", ev.ID, receipt, err)
	}
	return receipt.Seq
}

// add appends an event of a bot for the sinks.
func (e *env) add(id, bot string, sinks ...string) relay.Seq {
	e.Helper()
	ev := e.event(id, bot)
	return e.append(ev, ordered(ev, sinks...)...)
}

// claim takes what is there, up to max, without waiting.
func (e *env) claim(sink string, max int) []*relay.Delivery {
	e.Helper()
	ds, err := e.store.Claim(e.done, sink, max)
	if err != nil {
		e.Fatalf("claim for %s: %v", sink, err)
	}
	if len(ds) > max {
		e.Fatalf("claim for %s: got %d deliveries, asked for %d", sink, len(ds), max)
	}
	return ds
}

// expect claims and wants exactly these ids, in this order.
func (e *env) expect(sink string, ids ...string) []*relay.Delivery {
	e.Helper()
	ds := e.claim(sink, len(ids)+10)
	if got := idsOf(ds); fmt.Sprint(got) != fmt.Sprint(ids) {
		e.Fatalf("claim for %s: got %q, want %q", sink, got, ids)
	}
	return ds
}

func idsOf(ds []*relay.Delivery) []string {
	ids := []string{}
	for _, d := range ds {
		ids = append(ids, d.Event.ID)
	}
	return ids
}

// verdict settles deliveries alike and expects no error.
func (e *env) verdict(v relay.Verdict, ds ...*relay.Delivery) {
	e.Helper()
	for _, d := range ds {
		e.settle(e.settlement(d, v))
	}
}

// settlement is one with this verdict, begun now; a retry is due in a minute.
func (e *env) settlement(d *relay.Delivery, v relay.Verdict) relay.Settlement {
	s := relay.Settlement{Delivery: d, Verdict: v, Began: e.h.Now().UTC(), Took: 5 * time.Millisecond, Note: "note"}
	if v == relay.Retry || v == relay.Detach {
		s.Wait = time.Minute
		s.At = e.h.Now().Add(time.Minute)
	}
	return s
}

func (e *env) settle(done ...relay.Settlement) {
	e.Helper()
	if err := e.store.Settle(e.ctx, done...); err != nil {
		e.Fatalf("settle: %v", err)
	}
}

// retry settles one with Retry at now + wait.
func (e *env) retry(d *relay.Delivery, wait time.Duration) {
	e.Helper()
	s := e.settlement(d, relay.Retry)
	s.At, s.Wait = e.h.Now().Add(wait), wait
	e.settle(s)
}

// status is one delivery as people see it.
func (e *env) status(id, sink string) relay.Status {
	e.Helper()
	_, all, err := e.store.Event(e.ctx, source, id)
	if err != nil {
		e.Fatalf("event %s: %v", id, err)
	}
	for _, s := range all {
		if s.Sink == sink {
			return s
		}
	}
	e.Fatalf("event %s has no delivery for %s among %+v", id, sink, all)
	return relay.Status{}
}

// state expects a delivery to be in a state.
func (e *env) state(id, sink, want string) {
	e.Helper()
	if got := e.status(id, sink); got.State != want {
		e.Errorf("delivery of %s to %s is %s, want %s", id, sink, got.State, want)
	}
}

func ref(id, sink string) relay.Ref { return relay.Ref{Source: source, ID: id, Sink: sink} }

// each says whether the operator's answer names the refs in order and whether
// each was changed; one that was not has a reason.
func (e *env) each(done []relay.Done, err error, changed bool, refs ...relay.Ref) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
	if len(done) != len(refs) {
		e.Fatalf("got %d answers for %d refs", len(done), len(refs))
	}
	for i, d := range done {
		if d.Ref != refs[i] || d.Changed != changed || !changed && d.Why == "" {
			e.Errorf("answer %d: got %+v, want %v with changed = %v and a reason if not", i, d, refs[i], changed)
		}
	}
}

func (e *env) requeue(changed bool, refs ...relay.Ref) {
	e.Helper()
	done, err := e.store.Requeue(e.ctx, refs...)
	e.each(done, err, changed, refs...)
}

func (e *env) drop(changed bool, refs ...relay.Ref) {
	e.Helper()
	done, err := e.store.Drop(e.ctx, refs...)
	e.each(done, err, changed, refs...)
}
