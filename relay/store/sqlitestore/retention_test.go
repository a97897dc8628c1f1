package sqlitestore

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay"
)

// finish delivers whatever a sink has.
func finish(t *testing.T, s *Store, sink string) (n int) {
	t.Helper()
	if err := drain(t, s, sink, func(*relay.Delivery) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

// When finished history fills the limit it goes before its time, bodies first,
// and nothing is refused; ids are known all the same.
func TestRoomIsMadeFromFinishedHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 6 << 20
		s, _ := open(t, Options{Dir: quickDir(t), MaxDisk: limit})
		n := 8000
		if raceEnabled {
			n = 6000
		}
		for i := range n {
			mustAppend(t, s, event(i, fmt.Sprint(i)), "a")
			if i%200 == 199 {
				finish(t, s, "a")
			}
		}
		time.Sleep(time.Minute)
		u := s.Usage()
		if u.InUse >= limit/5*4+limit/50 || u.Full || u.Filling || u.Early == 0 {
			t.Errorf("%+v", u)
		}
		first, _, err := s.Event(t.Context(), "recall", "msg_00000000")
		if err != nil || first == nil || first.Raw != nil || first.Fields.Event == "" {
			t.Errorf("the first event keeps its header for a day, without its body: %+v, %v", first, err)
		}
		if r := mustAppend(t, s, event(0, "0"), "a"); !r.Duplicate || r.Conflict {
			t.Errorf("the id of an event without its body: %+v", r)
		}
		if r := mustAppend(t, s, event(0, "other"), "a"); !r.Duplicate || !r.Conflict {
			t.Errorf("the id of an event without its body, with another body: %+v", r)
		}
		done, err := s.Requeue(t.Context(), relay.Ref{Source: "recall", ID: "msg_00000000", Sink: "a"})
		if err != nil || done[0].Changed || done[0].Why == "" {
			t.Errorf("a replay without a body: %+v, %v", done, err)
		}
		if page, err := s.Events(t.Context(), relay.Query{Limit: 10 * n}); err != nil || len(page.Items) != n {
			t.Errorf("%d of %d headers are left, %v", len(page.Items), n, err)
		}
	})
}

// Old headers go, too, when bodies are not enough.
func TestHeadersGoAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3 << 20
		s, _ := open(t, Options{Dir: quickDir(t), MaxDisk: limit})
		i := 0
		for range 6 {
			for range 1200 {
				mustAppend(t, s, event(i, fmt.Sprint(i)), "a")
				i++
			}
			finish(t, s, "a")
			time.Sleep(13 * time.Hour)
		}
		if u := s.Usage(); u.InUse >= limit || u.Full {
			t.Errorf("%+v", u)
		}
		if ev, _, err := s.Event(t.Context(), "recall", "msg_00000000"); err != nil || ev != nil {
			t.Errorf("the first event is still there: %v, %v", ev, err)
		}
		if r := mustAppend(t, s, event(0, "0"), "a"); !r.Duplicate || r.Conflict || r.Seq != 0 {
			t.Errorf("the id of a removed event: %+v", r)
		}
		if r := mustAppend(t, s, event(0, "other"), "a"); !r.Duplicate || !r.Conflict {
			t.Errorf("the id of a removed event with another body: %+v", r)
		}
		// Seven days after it was received nobody repeats it.
		s.ClockProved()
		time.Sleep(9 * 24 * time.Hour)
		if r := mustAppend(t, s, event(0, "0"), "a"); r.Duplicate {
			t.Errorf("an id of nine days ago: %+v", r)
		}
	})
}

// What is unfinished fills the limit: new events are refused, what the relay
// makes itself is not, deliveries go on, and once some are finished the store
// takes events again by itself.
func TestFullByTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, Options{Dir: quickDir(t), MaxDisk: 2 << 20})
		n := 0
		for ; n < 20000; n++ {
			ev := event(n, fmt.Sprint(n))
			if _, err := s.Append(t.Context(), ev, targets(ev, "a")...); errors.Is(err, relay.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if u := s.Usage(); !u.Full || !u.Filling || u.InUse > 3<<20 {
			t.Errorf("%+v after %d events", u, n)
		}
		if !errors.Is(s.Ready(), relay.ErrFull) {
			t.Errorf("ready: %v", s.Ready())
		}
		own := event(1_000_000, "")
		own.ID, own.Source, own.Fields.Event = "brl_0123", "botrelay", "botrelay.store_filling"
		mustAppend(t, s, own, "bots")
		if err := s.Put(t.Context(), "test", "key", []byte("value"), 0); err != nil {
			t.Error(err)
		}
		if got := finish(t, s, "a"); got != n {
			t.Errorf("%d of %d delivered while full", got, n)
		}
		time.Sleep(10 * time.Second)
		if err := s.Ready(); err != nil {
			t.Errorf("ready after everything was delivered: %v", err)
		}
		mustAppend(t, s, event(n, "x"), "a")
	})
}

// Nothing goes for its age before a request has proved the clock.
func TestAgeCountsOnceTheClockIsProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, Options{Dir: quickDir(t), RetentionEvents: 24 * time.Hour})
		mustAppend(t, s, event(1, "a"), "a")
		finish(t, s, "a")
		if err := s.Put(t.Context(), "test", "key", []byte("value"), time.Hour); err != nil {
			t.Fatal(err)
		}
		there := func() (event, memory bool) {
			ev, _, err := s.Event(t.Context(), "recall", "msg_00000001")
			value, err2 := s.Get(t.Context(), "test", "key")
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			return ev != nil, value != nil
		}
		time.Sleep(10 * 24 * time.Hour)
		if ev, memory := there(); !ev || !memory {
			t.Errorf("unproved: event %v, memory %v", ev, memory)
		}
		s.ClockProved()
		time.Sleep(time.Minute)
		if ev, memory := there(); ev || memory {
			t.Errorf("proved: event %v, memory %v", ev, memory)
		}
	})
}

// jumpClock is a clock that can be set wrong.
type jumpClock struct{ off atomic.Int64 }

func (c *jumpClock) Now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }
func (c *jumpClock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// When the wall clock jumps, what was proved no longer counts, and due times
// that no wait explains are brought back.
func TestClockJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &jumpClock{}
		began := time.Now()
		s, _ := open(t, Options{Dir: quickDir(t), RetentionEvents: 24 * time.Hour, Clock: clock, Boot: func() time.Duration { return time.Since(began) }})
		s.ClockProved()
		mustAppend(t, s, event(1, "a"), "a")
		finish(t, s, "a")
		mustAppend(t, s, event(2, "b"), "b")
		ds, err := s.Claim(t.Context(), "b", 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()

		clock.off.Store(int64(30 * 24 * time.Hour)) // a wrong clock: everything would be old
		retry := relay.Settlement{Delivery: ds[0], Verdict: relay.Retry, At: clock.Now().Add(time.Minute), Wait: time.Minute, Note: "503"}
		if err := s.Settle(t.Context(), retry); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		if ev, _, err := s.Event(t.Context(), "recall", "msg_00000001"); err != nil || ev == nil {
			t.Errorf("removed by a clock that nobody proved: %v", err)
		}

		clock.off.Store(0) // set right again: the retry would be due in a month
		time.Sleep(40 * time.Second)
		if got := finish(t, s, "b"); got != 1 {
			t.Errorf("%d due after the clock was set right, want 1", got)
		}
	})
}
