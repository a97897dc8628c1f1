package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Copies of an event arrive at two relays at once: one is taken as new, the
// others wait for it and share its outcome.
func TestTwoRelaysStoreAnIDOnce(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	a, _ := open(t, Options{URL: url})
	b, _ := open(t, Options{URL: url})
	const clients = 16
	ids := sized(300, 50)
	var mu sync.Mutex
	fresh, seqs, conflicts := make(map[int]int), make(map[int]relay.Seq), 0
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			s := []*Store{a, b}[c%2]
			random := rand.New(rand.NewPCG(uint64(c/2), 7)) // both relays get the same at about the same time
			for range ids {
				n := random.IntN(ids)
				ev := event(n, "bot")
				ev.Raw = fmt.Append(nil, c%4, n)
				ev.Received = time.Unix(1, 0)
				r, err := s.Append(t.Context(), ev, targets(ev, "lake")...)
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case seqs[n] != 0 && seqs[n] != r.Seq || r.Seq == 0:
					t.Errorf("id %d has the numbers %d and %d", n, seqs[n], r.Seq)
				case r.Conflict && !r.Duplicate:
					t.Errorf("id %d is new and a conflict", n)
				}
				seqs[n] = r.Seq
				if !r.Duplicate {
					fresh[n]++
				}
				if r.Conflict {
					conflicts++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n, times := range fresh {
		if times != 1 {
			t.Errorf("id %d was taken as new %d times", n, times)
		}
	}
	if len(fresh) != len(seqs) || conflicts == 0 {
		t.Errorf("%d of %d ids were ever new, %d conflicts", len(fresh), len(seqs), conflicts)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM botrelay.delivery`); n != len(seqs) {
		t.Errorf("%d deliveries of %d events", n, len(seqs))
	}
}

// The trap of a number that is drawn before and visible after another: a reader
// who goes by numbers never sees the earlier one. Numbers are drawn under a
// lock that is held until the commit, so what was read is complete.
func TestEventsBecomeVisibleInOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	var relays []*Store
	for range 3 {
		s, _ := open(t, Options{URL: url})
		relays = append(relays, s)
	}
	var stored atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var writers, reader sync.WaitGroup
	for i := range 12 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ev := event(i*1_000_000+n, fmt.Sprint(i))
				if i%4 == 0 { // a slow commit
					ev.Raw = make([]byte, 200<<10)
				}
				if _, err := relays[i%3].Append(context.Background(), ev, targets(ev, "lake")...); err != nil {
					t.Error(err)
					return
				}
				stored.Add(1)
			}
		})
	}
	writers.Go(func() { // replays draw numbers, too
		for n := 0; ctx.Err() == nil; n++ {
			_, err := relays[0].Requeue(context.Background(), relay.Ref{Source: "recall", ID: fmt.Sprintf("msg_%08d", 1_000_000+n), Sink: "again"})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	read, over := int64(0), make(chan struct{})
	reader.Go(func() { read = readByNumber(t, tables{relays[1]}, over) })
	writers.Wait()
	close(over)
	reader.Wait()
	if read != stored.Load() || read < 100 {
		t.Errorf("a reader who went by numbers has seen %d of %d events", read, stored.Load())
	}
}

// readByNumber goes through the ready rows upwards, as the order of handing out
// does, until over is closed, and counts them.
func readByNumber(t *testing.T, from tables, over <-chan struct{}) (read int64) {
	last := int64(0)
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		for {
			rows, err := from.Ready(context.Background(), "lake", last, 500)
			if err != nil {
				t.Error(err)
				return read
			}
			if len(rows) == 0 {
				break
			}
			read += int64(len(rows))
			last = rows[len(rows)-1].Pos
		}
	}
	return read
}

// Events of one bot reach different relays one after the other: they are handed
// out in the order in which they were acknowledged.
func TestNoEventPassesAnEarlierOneOfItsBot(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	a, _ := open(t, Options{URL: url})
	b, _ := open(t, Options{URL: url})
	const bots = 12
	each := sized(60, 20)
	var wg sync.WaitGroup
	for bot := range bots {
		wg.Go(func() {
			for n := range each {
				mustAppend(t, []*Store{a, b}[(n+bot)%2], event(bot*1000+n, fmt.Sprint(bot)), "lake")
			}
		})
	}
	got := make(map[string]int)
	for total := 0; total < bots*each; {
		ds, err := a.Claim(t.Context(), "lake", 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			bot := d.Event.Fields.BotID.String()
			if want := fmt.Sprintf("%03d", got[bot]); !strings.HasSuffix(d.Event.ID, want) {
				t.Fatalf("bot %s gets %s, want its event %s", bot, d.Event.ID, want)
			}
			got[bot]++
		}
		total += len(ds)
		if err := a.Settle(t.Context(), settled(ds, relay.Delivered)...); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// What the database cannot store for its content harms nobody else in its batch.
func TestContentFaultsStayAlone(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	var said journal
	s, err := Open(t.Context(), Options{URL: url, Logger: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	odd := map[int]func(ev *relay.Event){
		3:  func(ev *relay.Event) { ev.Raw = []byte(`{"event":"bot.fatal\u0000","x":"` + "\x00" + `"}`) },
		5:  func(ev *relay.Event) { ev.Fields.BotID = relay.Some(strings.Repeat("b", 9<<10)) },
		7:  func(ev *relay.Event) { ev.Fields.Event = "bot.\x00" },
		11: func(ev *relay.Event) { ev.Fields.Side = "\x00" },         // stands in a column as it is
		13: func(ev *relay.Event) { ev.Trouble = "no \x00 here" },     // so does this
		17: func(ev *relay.Event) { ev.ID = "msg\x00" },               // and this is its name
		19: func(ev *relay.Event) { ev.ID = incompressible(9 << 10) }, // no index holds this
	}
	var jobs []*appendJob
	for n := range 40 {
		ev := event(n, "bot")
		if change := odd[n]; change != nil {
			change(ev)
		}
		to := targets(ev, "lake")
		if n == 23 {
			to = targets(ev, "lake\x00")
		}
		j := &appendJob{event: ev, targets: to, columns: store.ColumnsOf(ev), done: make(chan error, 1)}
		jobs = append(jobs, j)
	}
	s.store(t.Context(), append([]*appendJob(nil), jobs...)) // one batch
	for n, j := range jobs {
		err := <-j.done
		refused := n == 17 || n == 19
		if refused != (err != nil) || errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("event %d: %v", n, err)
		}
		if refused {
			continue
		}
		ev, states, err := s.Event(t.Context(), "recall", j.event.ID)
		if err != nil || ev == nil {
			t.Fatalf("event %d is not there: %v", n, err)
		}
		quarantined := n == 11 || n == 13 || n == 23
		if (ev.Trouble != "") != quarantined || (len(states) == 0) != quarantined || string(ev.Raw) != string(j.event.Raw) {
			t.Errorf("event %d is stored with trouble %q and %d deliveries", n, ev.Trouble, len(states))
		}
	}
	if text := said.String(); !strings.Contains(text, "quarantined") || strings.Contains(text, "no \\x00 here") {
		t.Errorf("the log says\n%s", text)
	}
}

// incompressible is a text that no index holds.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('!' + random.IntN(90))
	}
	return string(text)
}

func TestAppendIsAcknowledgedWhenDurable(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, stop := open(t, Options{URL: url})
	name := url[strings.LastIndexByte(url, '/')+1:]
	for setting, want := range map[string]string{"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply"} {
		server.Get(t).Do(t, "ALTER DATABASE "+name+" SET synchronous_commit = "+setting)
		if got := ask[string](t, url, `SELECT botrelay.durable()`); got != want {
			t.Errorf("with synchronous_commit = %s a commit waits for %s, want %s", setting, got, want)
		}
	}
	limits := ask[string](t, url, `SELECT (SELECT 'x' FROM botrelay.durable()) || current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')`)
	if limits != "x8s 5s" {
		t.Errorf("the limits are %q", limits)
	}
	if limits = ask[string](t, url, `SELECT current_setting('lock_timeout')`); limits != "0" {
		t.Errorf("the setting outlives its transaction: %s", limits)
	}
	mustAppend(t, s, event(1, "a"))
	sql(t, url, `CREATE OR REPLACE FUNCTION botrelay.durable() RETURNS text LANGUAGE sql AS $$ SELECT 'off' $$`)
	for range 2 { // neither as new nor as a duplicate
		if _, err := s.Append(t.Context(), event(2, "a")); !errors.Is(err, relay.ErrUnavailable) {
			t.Errorf("with synchronous_commit = off: %v, want ErrUnavailable", err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// The database says how a replayed key stands in its column; so does the order
// of handing out.
func TestReplayKey(t *testing.T) {
	url := server.Get(t).Database(t)
	open(t, Options{URL: url})
	for _, key := range []string{"recall/b", strings.Repeat("k", 255), strings.Repeat("k", 256), store.ColumnName(strings.Repeat("k", 300)), strings.Repeat("ü", 128)} {
		if got, want := ask[string](t, url, `SELECT botrelay.replay_key($1)`, key), store.ColumnName("+"+key); got != want {
			t.Errorf("%.40s is replayed as %.40s, want %.40s", key, got, want)
		}
	}
	if got, want := ask[[]byte](t, url, `SELECT botrelay.body_hash('body'::bytea)`), store.BodyHash([]byte("body")); string(got) != string(want) {
		t.Errorf("the hash of a body is %x, want %x", got, want)
	}
}
