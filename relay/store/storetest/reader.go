package storetest

import (
	"fmt"
	"time"

	"botrelay/relay"
)

var readerTests = []test{
	{"an unknown event is nil", readUnknown},
	{"Events pages newest first", readEvents},
	{"Events selects", readSelected},
	{"Events goes the other way, too", readOldestFirst},
	{"Events finds what has no delivery", readFates},
	{"Deliveries pages newest first and selects", readDeliveries},
	{"Bot is a bot's timeline", readBot},
	{"Bots finds ids by their beginning", readBots},
	{"Sinks counts what waits", readSinks},
}

// backlog is what waits for one sink.
func (e *env) backlog(sink string) relay.Backlog {
	e.Helper()
	all, err := e.store.Sinks(e.ctx)
	if err != nil {
		e.Fatal(err)
	}
	for _, b := range all {
		if b.Sink == sink {
			return b
		}
	}
	e.Fatalf("sink %s is not among %+v", sink, all)
	return relay.Backlog{}
}

func readUnknown(e *env) {
	e.add("a", "bot-a", "slack")
	for _, at := range [][2]string{{source, "b"}, {"another", "a"}} {
		if ev, all, err := e.store.Event(e.ctx, at[0], at[1]); ev != nil || all != nil || err != nil {
			e.Errorf("event %v: %v, %v, %v, want nothing", at, ev, all, err)
		}
	}
	if all, err := e.store.Bot(e.ctx, source, "bot-b"); len(all) != 0 || err != nil {
		e.Errorf("an unknown bot: %v, %v", all, err)
	}
}

// allEvents reads all pages and returns the ids, newest first.
func (e *env) allEvents(q relay.Query) (ids []string, pages int) {
	e.Helper()
	for {
		p, err := e.store.Events(e.ctx, q)
		if err != nil {
			e.Fatalf("events: %v", err)
		}
		if q.Limit > 0 && len(p.Items) > q.Limit {
			e.Fatalf("a page has %d items, the limit is %d", len(p.Items), q.Limit)
		}
		pages++
		for _, ev := range p.Items {
			if ev.Raw != nil {
				e.Errorf("the list has a body")
			}
			if ev.Received.Before(p.Reached) {
				e.Errorf("a page reached %v and has an event of %v", p.Reached, ev.Received)
			}
			ids = append(ids, ev.ID)
		}
		if q.From = p.Next; q.From == "" {
			return ids, pages
		}
	}
}

func (e *env) events(q relay.Query, want ...string) {
	e.Helper()
	if got, _ := e.allEvents(q); fmt.Sprint(got) != fmt.Sprint(want) {
		e.Errorf("events of %+v: got %q, want %q", q, got, want)
	}
}

func readEvents(e *env) {
	var want []string
	for i := range 25 {
		e.h.Advance(time.Second)
		e.add(fmt.Sprint(i), "bot-a", "slack")
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	e.events(relay.Query{Limit: 10}, want...)
	e.events(relay.Query{Limit: 25}, want...)
	e.events(relay.Query{}, want...)
	first, err := e.store.Events(e.ctx, relay.Query{Limit: 10})
	if err != nil || len(first.Items) != 10 || first.Next == "" {
		e.Fatalf("the first page has %d items, next %q, %v", len(first.Items), first.Next, err)
	}
	e.add("later", "bot-a", "slack") // changes nothing on the pages behind
	second, err := e.store.Events(e.ctx, relay.Query{Limit: 1, From: first.Next})
	if err != nil || len(second.Items) != 1 || second.Items[0].ID != "14" {
		e.Errorf("the second page begins with %v, %v, want 14", second.Items, err)
	}
}

func readSelected(e *env) {
	began := e.h.Now()
	for i := range 6 {
		ev := e.event(fmt.Sprint(i), fmt.Sprintf("bot-%d", i%2))
		ev.Fields.Event = fmt.Sprintf("bot.state_%d", i%3)
		if i == 5 {
			ev.Source = "another"
		}
		e.append(ev, ordered(ev, []string{"slack", "lake"}[i%2])...)
		e.h.Advance(time.Minute)
	}
	e.verdict(relay.Dead, e.expect("slack", "0")...)
	e.events(relay.Query{Source: source}, "4", "3", "2", "1", "0")
	e.events(relay.Query{Bot: "bot-1"}, "5", "3", "1")
	e.events(relay.Query{Bot: "bot-1", Source: source}, "3", "1")
	e.events(relay.Query{Event: "bot.state_2"}, "5", "2")
	e.events(relay.Query{Sink: "slack"}, "4", "2", "0")
	e.events(relay.Query{State: relay.StateDead}, "0")
	e.events(relay.Query{Sink: "lake", State: relay.StateDead})
	e.events(relay.Query{Since: began.Add(2 * time.Minute), Until: began.Add(4 * time.Minute)}, "3", "2")
	e.events(relay.Query{Match: func(ev *relay.Event) bool { return ev.ID > "3" && ev.Raw == nil }, Limit: 1}, "5", "4")
}

func readOldestFirst(e *env) {
	began := e.h.Now()
	var want []string
	for i := range 25 {
		e.add(fmt.Sprint(i), fmt.Sprintf("bot-%d", i%2), "slack")
		want = append(want, fmt.Sprint(i))
		e.h.Advance(time.Minute)
	}
	up := func(q relay.Query, want ...string) {
		e.Helper()
		q.OldestFirst = true
		var got []string
		for {
			p, err := e.store.Events(e.ctx, q)
			if err != nil {
				e.Fatal(err)
			}
			for _, ev := range p.Items {
				if ev.Received.After(p.Reached) || ev.Raw != nil {
					e.Errorf("a page that reached %v has %+v", p.Reached, ev)
				}
				got = append(got, ev.ID)
			}
			if q.From = p.Next; q.From == "" {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			e.Errorf("events of %+v, oldest first: got %q, want %q", q, got, want)
		}
	}
	up(relay.Query{}, want...)
	up(relay.Query{Limit: 7}, want...)
	up(relay.Query{Since: began.Add(20 * time.Minute), Limit: 2}, "20", "21", "22", "23", "24")
	up(relay.Query{Since: began.Add(3 * time.Minute), Until: began.Add(6 * time.Minute)}, "3", "4", "5")
	up(relay.Query{Bot: "bot-1", Until: began.Add(4 * time.Minute)}, "1", "3")
}

func readFates(e *env) {
	e.add("wanted", "bot-a", "slack")
	e.append(e.event("filtered", "bot-a"))
	e.append(e.event("watched", "bot-a"), relay.Target{Sink: "_watch", After: e.h.Now().Add(time.Minute)})
	for _, id := range []string{"odd", "odder"} {
		ev := e.event(id, "")
		ev.Fields, ev.Trouble = relay.Fields{}, "no event"
		e.append(ev)
	}
	e.events(relay.Query{State: relay.StateFiltered}, "watched", "filtered")
	e.events(relay.Query{State: relay.StatePending}, "wanted")
	e.events(relay.Query{State: relay.StateQuarantined}, "odder", "odd")
	e.events(relay.Query{State: relay.StateQuarantined, Limit: 1}, "odder", "odd")
	first, err := e.store.Events(e.ctx, relay.Query{State: relay.StateQuarantined, OldestFirst: true, Limit: 1})
	if err != nil || len(first.Items) != 1 || first.Items[0].ID != "odd" {
		e.Errorf("the oldest that was not understood: %+v, %v", first.Items, err)
	}
}

func readBots(e *env) {
	for i, bot := range []string{"5b1c7f0e", "5b1c", "5a", "5b2", "9", "5b1c7f0e"} {
		ev := e.event(fmt.Sprint(i), bot)
		if i == 2 {
			ev.Source = "another"
		}
		e.append(ev)
	}
	off := e.event("off", "5b3")
	off.Fields.Event = "transcript.done" // is on no timeline
	e.append(off)
	for _, c := range []struct {
		prefix string
		limit  int
		want   string
	}{
		{"5b1", 10, "[{recall 5b1c} {recall 5b1c7f0e}]"},
		{"5b1c7f0e", 10, "[{recall 5b1c7f0e}]"},
		{"5", 10, "[{another 5a} {recall 5b1c} {recall 5b1c7f0e} {recall 5b2}]"},
		{"5", 2, "[{another 5a} {recall 5b1c}]"},
		{"", 10, "[{another 5a} {recall 5b1c} {recall 5b1c7f0e} {recall 5b2} {recall 9}]"},
		{"7", 10, "[]"},
	} {
		got, err := e.store.Bots(e.ctx, c.prefix, c.limit)
		if err != nil || fmt.Sprint(got) != c.want {
			e.Errorf("bots that begin with %q: got %v, %v, want %s", c.prefix, got, err, c.want)
		}
	}
}

func readDeliveries(e *env) {
	for i := range 6 {
		e.h.Advance(time.Second)
		e.add(fmt.Sprint(i), fmt.Sprintf("bot-%d", i), "slack", "lake")
	}
	ds := e.expect("slack", "0", "1", "2", "3", "4", "5")
	for i, v := range []relay.Verdict{relay.Delivered, relay.Dead, relay.Retry, relay.Muted, relay.Detach, relay.Release} {
		e.verdict(v, ds[i])
	}
	e.drop(true, ref("5", "slack"))
	all := func(q relay.Query, want ...string) {
		e.Helper()
		var got []string
		for {
			p, err := e.store.Deliveries(e.ctx, q)
			if err != nil {
				e.Fatal(err)
			}
			for _, s := range p.Items {
				if q.Sink != "" && s.Sink != q.Sink || q.State != "" && s.State != q.State {
					e.Errorf("deliveries of %+v have %+v", q, s)
				}
				got = append(got, s.ID)
			}
			if q.From = p.Next; q.From == "" {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			e.Errorf("deliveries of %+v: got %q, want %q", q, got, want)
		}
	}
	all(relay.Query{}, "5", "5", "4", "4", "3", "3", "2", "2", "1", "1", "0", "0")
	all(relay.Query{Limit: 5}, "5", "5", "4", "4", "3", "3", "2", "2", "1", "1", "0", "0")
	all(relay.Query{Sink: "slack", Limit: 2}, "5", "4", "3", "2", "1", "0")
	all(relay.Query{State: relay.StateRetrying, Limit: 1}, "4", "2")
	all(relay.Query{State: relay.StateDead}, "1")
	all(relay.Query{State: relay.StateMuted}, "3")
	all(relay.Query{State: relay.StateDropped}, "5")
	all(relay.Query{State: relay.StatePending}, "5", "4", "3", "2", "1", "0")
	all(relay.Query{State: relay.StateDelivered, Sink: "slack"}, "0")
	all(relay.Query{Bot: "bot-3"}, "3", "3")
}

func readBot(e *env) {
	for i, name := range []string{"bot.joining_call", "bot.log", "bot.output_log", "recording.done", "transcript.done", "botrelay.bot_stuck", "bot.done"} {
		ev := e.event(fmt.Sprint(i), "bot-a")
		ev.Fields.Event = name
		e.append(ev)
	}
	e.add("other", "bot-b")
	elsewhere := e.event("elsewhere", "bot-a")
	elsewhere.Source = "another"
	e.append(elsewhere)
	got, err := e.store.Bot(e.ctx, source, "bot-a")
	if err != nil {
		e.Fatal(err)
	}
	var ids []string
	for _, ev := range got {
		ids = append(ids, ev.ID)
		if ev.Raw != nil || ev.Fields.BotID != relay.Some("bot-a") || ev.Seq == 0 {
			e.Errorf("the timeline has %+v", ev)
		}
	}
	if fmt.Sprint(ids) != "[0 3 5 6]" {
		e.Errorf("the timeline is %q, want 0 3 5 6", ids)
	}
}

func readSinks(e *env) {
	began := e.h.Now()
	check := func(pending, retrying, dead int, oldest time.Time) {
		e.Helper()
		b := e.backlog("slack")
		if b.Pending != pending || b.Retrying != retrying || b.Dead != dead || !b.Oldest.Equal(oldest) {
			e.Errorf("got %+v, want %d pending, %d retrying, %d dead, the oldest of %v", b, pending, retrying, dead, oldest)
		}
	}
	for i := range 4 {
		e.add(fmt.Sprint(i), fmt.Sprintf("bot-%d", i), "slack")
		e.h.Advance(time.Minute)
	}
	e.add("4", "bot-1", "slack")
	check(5, 0, 0, began)
	ds := e.expect("slack", "0", "1", "2", "3")
	check(5, 0, 0, began)
	if b := e.backlog("slack"); !b.LastOK.IsZero() {
		e.Errorf("nothing was delivered, the last was at %v", b.LastOK)
	}
	settled := e.h.Now()
	e.verdict(relay.Delivered, ds[0])
	if b := e.backlog("slack"); !b.LastOK.Equal(settled) {
		e.Errorf("the last was delivered at %v, shown is %v", settled, b.LastOK)
	}
	check(4, 0, 0, began.Add(time.Minute))
	e.retry(ds[1], time.Hour)
	e.verdict(relay.Dead, ds[2])
	check(2, 1, 1, began.Add(time.Minute))
	e.crash()
	e.h.Advance(time.Second) // a store may count beside its start
	check(2, 1, 1, began.Add(time.Minute))
	e.requeue(true, ref("0", "slack"), ref("2", "slack"))
	check(4, 1, 0, began)
	e.drop(true, ref("0", "slack"), ref("1", "slack"))
	if b := e.backlog("slack"); b.Pending != 3 || b.Retrying != 0 {
		e.Errorf("after the drop: %+v", b)
	}
	if _, err := e.store.Move(e.ctx, "slack", "lake"); err != nil {
		e.Fatal(err)
	}
	if b := e.backlog("slack"); b.Pending != 0 || b.Retrying != 0 || b.Dead != 0 || !b.Oldest.IsZero() {
		e.Errorf("after the move: %+v", b)
	}
	if b := e.backlog("lake"); b.Pending != 3 {
		e.Errorf("after the move: %+v", b)
	}
}
