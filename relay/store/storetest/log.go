package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

var logTests = []test{
	{"an acknowledged event survives a crash", appendSurvives},
	{"a known id changes nothing", appendKnown},
	{"copies at once are stored once", appendCopies},
	{"numbers rise in commit order", appendNumbers},
	{"targets that cannot be kept in order are refused", appendRefuses},
	{"any bytes come back", appendBytes},
	{"names of any length keep their order", appendNames},
	{"a quarantined event is kept raw", appendQuarantined},
	{"an event without a target is kept", appendFiltered},
	{"a timer waits for its time", appendTimer},
	{"a closed store stores nothing", appendClosed},
	{"a ctx that is done leaves the store whole", appendDone},
}

var sameEvent = cmp.Options{cmp.Comparer(func(a, b relay.Optional) bool { return a == b })}

// stored reads an event and compares it with what was appended.
func (e *env) stored(want *relay.Event) {
	e.Helper()
	got, _, err := e.store.Event(e.ctx, want.Source, want.ID)
	if err != nil || got == nil {
		e.Fatalf("event %s: got %v, %v", want.ID, got, err)
	}
	norm := func(ev *relay.Event) *relay.Event {
		c := *ev
		c.Raw = append([]byte{}, c.Raw...)
		c.Received = c.Received.UTC()
		return &c
	}
	if diff := cmp.Diff(norm(want), norm(got), sameEvent); diff != "" {
		e.Errorf("event %.40q is not as it was appended: %s", want.ID, diff)
	}
}

func appendSurvives(e *env) {
	a, b := e.event("a", "bot-1"), e.event("b", "bot-2")
	a.Fields.SubCode, a.Fields.Platform, a.Fields.Metadata = relay.Some(""), "zoom", []byte(`{"team":"x"}`)
	a.Seq = e.append(a, ordered(a, "slack", "lake")...)
	b.Seq = e.append(b, ordered(b, "lake")...)
	e.crash()
	e.stored(a)
	e.stored(b)
	for _, at := range []relay.Ref{ref("a", "slack"), ref("a", "lake"), ref("b", "lake")} {
		s := e.status(at.ID, at.Sink)
		if s.State != relay.StatePending || s.Route != "route-"+at.Sink || s.Attempts != 0 || s.Ref != at {
			e.Errorf("delivery %v after the crash: %+v", at, s)
		}
	}
	e.expect("slack", "a")
	e.expect("lake", "a", "b")
}

func appendKnown(e *env) {
	ev := e.event("a", "bot-1")
	seq := e.append(ev, ordered(ev, "slack")...)
	again := func(raw []byte, conflict bool) {
		e.Helper()
		c := e.event("a", "bot-9")
		c.Raw = raw
		got, err := e.store.Append(e.ctx, c, ordered(c, "slack", "lake")...)
		if want := (relay.Receipt{Seq: seq, Duplicate: true, Conflict: conflict}); err != nil || got != want {
			e.Errorf("the same id again: got %+v, %v, want %+v", got, err, want)
		}
	}
	again(ev.Raw, false)
	again([]byte("another"), true)
	e.crash()
	again(ev.Raw, false)
	again([]byte("another"), true)
	ev.Seq = seq
	e.stored(ev)
	if ds := e.claim("lake", 9); len(ds) != 0 {
		e.Errorf("a duplicate added deliveries: %q", idsOf(ds))
	}
	e.verdict(relay.Delivered, e.expect("slack", "a")...)
	again(ev.Raw, false)
	other := e.event("a", "bot-1")
	other.Source = "another"
	e.append(other)
}

func appendCopies(e *env) {
	const copies = 32
	var wg sync.WaitGroup
	receipts, errs := make([]relay.Receipt, copies), make([]error, copies)
	for i := range copies {
		ev := e.event("a", "bot-1")
		wg.Go(func() { receipts[i], errs[i] = e.store.Append(e.ctx, ev, ordered(ev, "slack")...) })
	}
	wg.Wait()
	fresh := 0
	for i, r := range receipts {
		if errs[i] != nil || r.Seq != receipts[0].Seq || r.Seq == 0 || r.Conflict {
			e.Errorf("copy %d: %+v, %v; the first has number %d", i, r, errs[i], receipts[0].Seq)
		}
		if !r.Duplicate {
			fresh++
		}
	}
	if fresh != 1 {
		e.Errorf("%d of %d copies were taken as new", fresh, copies)
	}
	e.expect("slack", "a")
}

func appendNumbers(e *env) {
	var last relay.Seq
	for i := range 50 {
		if i == 25 {
			e.crash()
		}
		seq := e.add(fmt.Sprint(i), "bot-1", "slack")
		if seq <= last {
			e.Fatalf("number %d follows %d", seq, last)
		}
		last = seq
	}
}

func appendRefuses(e *env) {
	for name, to := range map[string][]relay.Target{
		"two for one sink":       {{Sink: "slack"}, {Sink: "slack"}},
		"no sink":                {{Key: "recall/b"}},
		"a timer that has a key": {{Sink: "slack", Key: "recall/b", After: e.h.Now().Add(time.Hour)}},
	} {
		ev := e.event("a", "bot-1")
		if got, err := e.store.Append(e.ctx, ev, to...); err == nil {
			e.Errorf("%s: got %+v, want an error", name, got)
		}
	}
	if ev, _, err := e.store.Event(e.ctx, source, "a"); ev != nil || err != nil {
		e.Errorf("a refused event is stored: %v, %v", ev, err)
	}
}

func appendBytes(e *env) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var events []*relay.Event
	for i, raw := range [][]byte{all, {}, {0}, []byte("\xff\xfe\x00"), bytes.Repeat(all, 4096)} {
		ev := e.event(fmt.Sprint(i), "bot-1")
		ev.Raw, ev.Fields.Metadata = raw, raw
		ev.Seq = e.append(ev, relay.Target{Sink: "slack"})
		events = append(events, ev)
	}
	e.crash()
	for _, ev := range events {
		e.stored(ev)
	}
	for i, d := range e.expect("slack", "0", "1", "2", "3", "4") {
		if !bytes.Equal(d.Event.Raw, events[i].Raw) {
			e.Errorf("body %d is handed out as %d other bytes", i, len(d.Event.Raw))
		}
	}
}

func appendNames(e *env) {
	long := strings.Repeat("b", 5000)
	bots := []string{long, long + "2", "nul\x00one", "nul\x00two", "ünï\u2028", strings.Repeat("c", 256)}
	for i, bot := range bots {
		for n := range 2 {
			ev := e.event(fmt.Sprintf("%d-%d", i, n), bot)
			ev.Fields.Event = "bot." + bot
			ev.Fields.Code, ev.Fields.SubCode = relay.Some(bot), relay.Some(bot)
			ev.Seq = e.append(ev, ordered(ev, "slack")...)
			e.stored(ev)
		}
	}
	e.crash()
	firsts := e.expect("slack", "0-0", "1-0", "2-0", "3-0", "4-0", "5-0")
	for i, d := range firsts {
		if d.Event.Fields.BotID != relay.Some(bots[i]) || d.Event.Fields.Event != "bot."+bots[i] {
			e.Errorf("event %s comes back with a bot of %d bytes", d.Event.ID, len(d.Event.Fields.BotID.String()))
		}
	}
	e.retry(firsts[0], time.Minute)
	e.verdict(relay.Delivered, firsts[1:]...)
	e.verdict(relay.Delivered, e.expect("slack", "1-1", "2-1", "3-1", "4-1", "5-1")...)
	for i, bot := range bots {
		got, err := e.store.Bot(e.ctx, source, bot)
		if err != nil || len(got) != 2 || got[0].ID != fmt.Sprintf("%d-0", i) {
			e.Errorf("the timeline of bot %d: %d events, %v", i, len(got), err)
		}
		p, err := e.store.Events(e.ctx, relay.Query{Bot: bot})
		if err != nil || len(p.Items) != 2 {
			e.Errorf("the events of bot %d: %d, %v", i, len(p.Items), err)
		}
		if p, err = e.store.Events(e.ctx, relay.Query{Event: "bot." + bot}); err != nil || len(p.Items) != 2 {
			e.Errorf("the events of name %d: %d, %v", i, len(p.Items), err)
		}
	}
	e.requeue(true, ref("1-0", "slack"))
	if ds := e.expect("slack", "1-0"); ds[0].Key == firsts[1].Key {
		e.Errorf("a replayed delivery has the key of the first ones")
	}
}

func appendQuarantined(e *env) {
	ev := &relay.Event{
		Source: source, ID: "a", Received: e.h.Now().UTC(), Raw: []byte("\xef\xbb\xbf{"), Trouble: "it begins with a byte order mark",
	}
	ev.Seq = e.append(ev)
	e.crash()
	e.stored(ev)
}

func appendFiltered(e *env) {
	ev := e.event("a", "bot-1")
	ev.Seq = e.append(ev)
	e.crash()
	e.stored(ev)
	if _, all, err := e.store.Event(e.ctx, source, "a"); len(all) != 0 || err != nil {
		e.Errorf("deliveries of a filtered event: %+v, %v", all, err)
	}
}

func appendTimer(e *env) {
	due := e.h.Now().Add(10 * time.Minute)
	e.append(e.event("late", "bot-1"), relay.Target{Sink: "_watch", After: due.Add(10 * time.Minute)})
	e.append(e.event("soon", "bot-1"), relay.Target{Sink: "_watch", After: due}, relay.Target{Sink: "slack", Key: "recall/bot-1"})
	if s := e.status("soon", "_watch"); s.State != relay.StatePending || !s.Due.Equal(due) {
		e.Errorf("a timer is shown as %+v, want pending and due at %v", s, due)
	}
	e.expect("slack", "soon")
	e.expect("_watch")
	e.h.Advance(10*time.Minute - time.Second)
	e.expect("_watch")
	e.crash()
	e.expect("_watch")
	e.h.Advance(time.Second)
	d := e.expect("_watch", "soon")[0]
	if d.Attempt != 1 || d.OutOfOrder {
		e.Errorf("a timer is handed out as %+v", d)
	}
	e.verdict(relay.Delivered, d)
	e.crash()
	e.h.Advance(10 * time.Minute)
	e.verdict(relay.Delivered, e.expect("_watch", "late")...)
}

func appendClosed(e *env) {
	e.add("a", "bot-1", "slack")
	if err := e.store.Close(); err != nil {
		e.Fatal(err)
	}
	if _, err := e.store.Append(e.ctx, e.event("b", "bot-1")); !errors.Is(err, relay.ErrClosed) {
		e.Errorf("append to a closed store: %v, want ErrClosed", err)
	}
	e.store = e.h.Open()
	e.expect("slack", "a")
}

func appendDone(e *env) {
	ev := e.event("a", "bot-1")
	receipt, err := e.store.Append(e.done, ev, ordered(ev, "slack")...)
	if err == nil && receipt.Seq == 0 {
		e.Errorf("append with a ctx that is done: %+v without an error", receipt)
	}
	again := e.event("a", "bot-1")
	if _, err := e.store.Append(context.WithoutCancel(e.done), again, ordered(again, "slack")...); err != nil {
		e.Fatalf("append after that: %v", err)
	}
	e.expect("slack", "a")
}
