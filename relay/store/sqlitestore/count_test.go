package sqlitestore

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

// The counts that are kept up from commits are those that a new start counts.
func TestCountsAreThoseOfANewStart(t *testing.T) {
	dir := quickDir(t)
	s, stop := open(t, Options{Dir: dir})
	for i := range 60 {
		mustAppend(t, s, event(i, fmt.Sprintf("bot-%d", i%20)), "a", "b")
	}
	ds, err := s.Claim(t.Context(), "a", 12)
	if err != nil {
		t.Fatal(err)
	}
	done := settled(ds, relay.Delivered)
	for i, v := range []relay.Verdict{relay.Retry, relay.Detach, relay.Dead, relay.Muted, relay.Dead} {
		done[i].Verdict, done[i].At = v, time.Now().Add(time.Hour)
	}
	if err := s.Settle(t.Context(), done...); err != nil {
		t.Fatal(err)
	}
	ref := func(d *relay.Delivery) relay.Ref {
		return relay.Ref{Source: d.Event.Source, ID: d.Event.ID, Sink: d.Sink}
	}
	if _, err := s.Requeue(t.Context(), ref(ds[2]), ref(ds[7]), relay.Ref{Source: "recall", ID: ds[1].Event.ID, Sink: "c"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Drop(t.Context(), ref(ds[0]), ref(ds[4])); err != nil {
		t.Fatal(err)
	}
	if moved, err := s.Move(t.Context(), "b", "d"); err != nil || moved != 60 {
		t.Fatal(moved, err)
	}
	if err := s.Pause(t.Context(), "d", true); err != nil {
		t.Fatal(err)
	}
	kept, err := s.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, Options{Dir: dir})
	counted, err := s.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counted, kept); diff != "" {
		t.Errorf("counted at the start (-), kept up from commits (+): %s", diff)
	}
	if len(kept) != 4 || kept[0].Pending == 0 || kept[0].Retrying != 1 || kept[3].Pending != 60 {
		t.Errorf("%+v", kept)
	}
}

// A backlog of many keys, each with rows that wait behind one that failed, is
// handed out in order after a restart.
func TestRestartWithManyKeys(t *testing.T) {
	keys := sized(10000, 500)
	dir := quickDir(t)
	s, stop := open(t, Options{Dir: dir})
	const perKey = 3
	answers := make(chan error, 64)
	for i := range keys * perKey {
		if i >= cap(answers) {
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			ev := event(i, fmt.Sprint(i%keys))
			_, err := s.Append(t.Context(), ev, targets(ev, "a")...)
			answers <- err
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	for left := keys / 2; left > 0; {
		ds, err := s.Claim(t.Context(), "a", min(256, left))
		if err != nil {
			t.Fatal(err)
		}
		done := settled(ds, relay.Retry)
		for i := range done {
			done[i].At = time.Now()
		}
		if err := s.Settle(t.Context(), done...); err != nil {
			t.Fatal(err)
		}
		left -= len(ds)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	s, _ = open(t, Options{Dir: dir})
	last := make(map[string]relay.Seq)
	n := 0
	if err := drain(t, s, "a", func(d *relay.Delivery) {
		if d.Event.Seq < last[d.Key] {
			t.Errorf("key %s: %d after %d", d.Key, d.Event.Seq, last[d.Key])
		}
		last[d.Key] = d.Event.Seq
		n++
	}); err != nil || n != keys*perKey {
		t.Errorf("%d of %d delivered, %v", n, keys*perKey, err)
	}
}

// What is committed after counting began is left to the counts of the commits.
func TestCountingSeesOneMoment(t *testing.T) {
	s, _ := open(t, Options{Dir: quickDir(t)})
	for i := range 30 {
		mustAppend(t, s, event(i, fmt.Sprint(i)), "a")
	}
	later := &Store{opts: s.opts, vfs: s.vfs, sinks: sinkTable{
		byName: map[string]*sinkState{"a": newSinkState("a")}, counted: make(chan struct{}),
	}}
	count, err := later.countFrom(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		mustAppend(t, s, event(100+i, fmt.Sprint(i)), "a")
	}
	if err := count(); err != nil {
		t.Fatal(err)
	}
	if n := later.sinks.byName["a"].counts[pending]; n != 30 {
		t.Errorf("counted %d deliveries, 30 were there", n)
	}
}
