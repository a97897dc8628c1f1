package sqlitestore

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Old ids and values go a few at a time: what waits for the writer waits for
// one commit of it, however many there are.
func TestExpiryTakesOneStepBetweenGroups(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 1000
	w := s.writer
	err = w.transact(func() error {
		for i := range n {
			key := fmt.Sprintf("old_%08d", i)
			if err := errors.Join(w.exec(sqlInsertSeen, "recall", key, []byte("0123456789abcdef"), int64(100)),
				w.exec(sqlMemoryPut, "test", key, []byte("value"), int64(1))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ClockProved()
	left := 2 * n
	for looks := 0; left > 0; looks++ {
		if _, err := w.keepHouse(); err != nil {
			t.Fatal(err)
		}
		ids, err := w.number(`SELECT count(*) FROM seen`)
		values, err2 := w.number(`SELECT count(*) FROM memory`)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		now := int(ids + values)
		if left-now > stepEvents {
			t.Fatalf("one look around removed %d", left-now)
		}
		if left = now; looks > 2*n/stepEvents+4 {
			t.Fatalf("%d are left after %d looks", left, looks)
		}
	}
}

// A little that every pass can remove is not room: the store refuses at its
// limit all the same.
func TestSmallFindsDoNotLetTheStoreGrow(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), MaxDisk: 2 << 20, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	newJob := func(ev *relay.Event, to ...relay.Target) *appendJob {
		return &appendJob{asker: newAsker(t.Context()), given: ev, event: ev, targets: to, row: store.ColumnsOf(ev)}
	}
	for n := 0; ; n += 2 {
		kept, removable := event(n, fmt.Sprint(n)), event(n+1, fmt.Sprint(n+1))
		removable.Raw = removable.Raw[:50] // for nobody, so it is finished
		j := newJob(kept, targets(kept, "a")...)
		if err := s.writer.run([]job{j, newJob(removable)}); err != nil {
			t.Fatal(err)
		}
		if err := <-j.told; errors.Is(err, relay.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if _, err := s.writer.keepHouse(); err != nil {
			t.Fatal(err)
		}
		if u := s.Usage(); u.InUse > u.Limit+64<<10 {
			t.Fatalf("event %d is taken with %d of %d bytes in use", n, u.InUse, u.Limit)
		}
	}
	if u := s.Usage(); !u.Filling || u.InUse < u.Limit/10*9 {
		t.Errorf("%+v", u)
	}
}

// Dead letters go when they have had their time, although the store never
// stops making room.
func TestDeadLettersHaveTheirTimeWhileRoomIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keep = 3 * time.Hour
		s, _ := open(t, Options{Dir: quickDir(t), MaxDisk: 3 << 20, RetentionEvents: time.Hour, RetentionDead: keep})
		n := 0
		for u := s.Usage(); u.InUse < u.Limit/100*83; u = s.Usage() {
			mustAppend(t, s, event(n, fmt.Sprint(n)), "d")
			n++
		}
		for left := n; left > 0; {
			ds, err := s.Claim(t.Context(), "d", 200)
			if err == nil {
				err = s.Settle(t.Context(), settled(ds, relay.Dead)...)
			}
			if err != nil {
				t.Fatal(err)
			}
			left -= len(ds)
		}
		dead := func() int {
			backlogs, err := s.Sinks(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return backlogs[len(backlogs)-1].Dead
		}
		time.Sleep(keep - time.Minute)
		s.ClockProved()
		traffic := func(rounds int) {
			for range rounds {
				for range 3 {
					mustAppend(t, s, event(n, fmt.Sprint(n)), "a")
					n++
				}
				finish(t, s, "a")
				time.Sleep(2 * time.Second)
			}
		}
		traffic(10)
		if u := s.Usage(); dead() == 0 || !u.filling() {
			t.Fatalf("%d dead letters, %+v: room was to be wanted, and they to rest", dead(), u)
		}
		time.Sleep(2 * time.Minute)
		traffic(20)
		if u := s.Usage(); u.filling() || u.Filling {
			t.Errorf("%d dead letters make no room: %+v", dead(), u)
		}
		time.Sleep(passEvery)
		if got := dead(); got != 0 {
			t.Errorf("%d dead letters have outlived their time", got)
		}
	})
}

// Only what has had its time makes room among dead letters, and only by a clock
// that was proved.
func TestRoomIsNotMadeFromWhatRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, Options{Dir: quickDir(t), MaxDisk: 2 << 20, RetentionDead: time.Hour})
		n := 0
		for ; n < 20000; n++ {
			ev := event(n, fmt.Sprint(n))
			ev.Trouble = "it was not understood"
			if _, err := s.Append(t.Context(), ev); errors.Is(err, relay.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		left := func() int {
			page, err := s.Events(t.Context(), relay.Query{Limit: 2 * n})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Items)
		}
		time.Sleep(2 * time.Hour)
		if got := left(); got != n {
			t.Errorf("%d of %d quarantined events are left; no clock was proved", got, n)
		}
		s.ClockProved()
		time.Sleep(2 * time.Hour)
		if err := s.Ready(); err != nil {
			t.Errorf("full over what has had its time: %v, %d of %d left", err, left(), n)
		}
	})
}

// One event that a clock has stamped years ahead does not keep the others.
func TestAnEventOfTheFutureEndsNoPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, Options{Dir: quickDir(t), RetentionEvents: time.Hour})
		ahead := event(0, "x")
		ahead.Received = time.Now().AddDate(10, 0, 0)
		mustAppend(t, s, ahead, "a")
		for i := range 9 {
			mustAppend(t, s, event(1+i, "x"), "a")
		}
		finish(t, s, "a")
		time.Sleep(3 * time.Hour)
		mustAppend(t, s, event(100, "y"), "a")
		s.ClockProved()
		time.Sleep(time.Minute)
		page, err := s.Events(t.Context(), relay.Query{Limit: 100})
		if err != nil || len(page.Items) != 2 {
			t.Errorf("%d events are left, want that of the future and the youngest; %v", len(page.Items), err)
		}
	})
}

// Due times that no wait explains are brought back once the disk takes it.
func TestDueTimesAreBroughtBackAfterAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := quickDir(t)
		s, stop := open(t, Options{Dir: dir})
		mustAppend(t, s, event(1, "b"), "b")
		ds, err := s.Claim(t.Context(), "b", 1)
		if err != nil {
			t.Fatal(err)
		}
		retry := relay.Settlement{Delivery: ds[0], Verdict: relay.Retry, At: time.Now().AddDate(0, 1, 0), Note: "503"}
		if err := errors.Join(s.Settle(t.Context(), retry), stop()); err != nil {
			t.Fatal(err)
		}
		v := newLogVFS(false)
		v.setFault(failNth(written, "-wal", 0, syscall.ENOSPC))
		s, _ = open(t, Options{Dir: dir, VFS: v})
		time.Sleep(5 * time.Second)
		if err := s.Ready(); !errors.Is(err, relay.ErrFull) {
			t.Fatalf("the disk was to be full: %v", err)
		}
		v.setFault(nil)
		time.Sleep(5 * time.Second)
		if got := finish(t, s, "b"); got != 1 {
			t.Errorf("%d due after the disk had room, want 1", got)
		}
	})
}

// Events that were let in before the limit was reached, and still wait for the
// writer then, are refused; what the relay makes itself is not.
func TestWhatWaitsWhenTheLimitIsReachedIsRefused(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: quickDir(t), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	own := event(2, "")
	own.ID = ownID + "0123"
	var group []job
	var told []chan error
	for _, ev := range []*relay.Event{event(1, "a"), own} {
		j := &appendJob{asker: newAsker(t.Context()), given: ev, event: ev, row: store.ColumnsOf(ev)}
		group, told = append(group, j), append(told, j.told)
	}
	s.full.Store(true)
	if err := s.writer.run(group); err != nil {
		t.Fatal(err)
	}
	if err := <-told[0]; !errors.Is(err, relay.ErrFull) {
		t.Errorf("an event beyond the limit: %v", err)
	}
	if err := <-told[1]; err != nil {
		t.Errorf("the relay's own event: %v", err)
	}
}
