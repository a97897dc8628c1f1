package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

// replayed waits until a replay has ended and returns it.
func (b *bench) ended(id string) (r Replay) {
	b.Helper()
	b.until("replay "+id+" has ended", func() bool {
		r = Replay{}
		b.get("/api/v1/replays/"+id, &r)
		return r.State != ReplayRunning
	})
	return r
}

// begin starts a replay.
func (b *bench) begin(req ReplayRequest) (r Replay) {
	b.Helper()
	b.ask("POST", "/api/v1/replays", req, 202, &r)
	return r
}

// deliver lets everything for the sinks through, and returns what each got.
func (b *bench) deliver(sinks ...string) string {
	b.Helper()
	var all []string
	for _, sink := range sinks {
		all = append(all, sink+": "+strings.Join(b.settle(sink, relay.Delivered, "ok"), " "))
	}
	return strings.Join(all, "; ")
}

func TestReplayRefuses(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "lake")
	for _, c := range []struct {
		req  ReplayRequest
		want int
		text string
	}{
		{ReplayRequest{}, 400, "whither is not said"},
		{ReplayRequest{Since: "1h"}, 400, "whither is not said"},
		{ReplayRequest{Since: "1h", To: []string{"lake"}, Again: true}, 400, "whither is not said"},
		{ReplayRequest{To: []string{"lake"}}, 400, "nothing is selected"},
		{ReplayRequest{Source: source, To: []string{"lake"}}, 400, "nothing is selected"},
		{ReplayRequest{Since: "1h", To: []string{"nosuch"}}, 400, `unknown sink "nosuch"`},
		{ReplayRequest{Since: "1h", To: []string{"_watch"}}, 400, `unknown sink "_watch"`},
		{ReplayRequest{Since: "1h", To: []string{"lake", "lake"}}, 400, "lake is in to twice"},
		{ReplayRequest{Since: "1h", Until: "2h", To: []string{"lake"}}, 400, "since is not before until"},
		{ReplayRequest{Since: "1h", Rate: -1, To: []string{"lake"}}, 400, "rate -1"},
		{ReplayRequest{Since: "1h", Rate: 1e6, To: []string{"lake"}}, 400, "rate 1000000"},
		{ReplayRequest{Where: []string{"x=1"}, Again: true}, 400, `unknown field "x"`},
		{ReplayRequest{Quarantined: true, Again: true}, 400, "has gone nowhere"},
		{ReplayRequest{IDs: []EventRef{{ID: "none"}}, Again: true}, 404, "no source has an event none"},
		{ReplayRequest{IDs: []EventRef{{ID: "e1"}, {Source: source, ID: "e1"}}, Again: true}, 400, "twice"},
		{ReplayRequest{IDs: []EventRef{{ID: "e1"}}, Since: "1h", Again: true}, 400, "ids stand alone"},
		{ReplayRequest{Bot: "none", Again: true}, 404, "no bot starts with none"},
		{ReplayRequest{Since: "1h", Again: true, RequestID: "a b"}, 400, "request_id"},
	} {
		for _, dry := range []bool{true, false} {
			c.req.DryRun = dry
			var p Problem
			b.ask("POST", "/api/v1/replays", c.req, c.want, &p)
			if !strings.Contains(p.Error, c.text) {
				t.Errorf("%+v: %q, want %q", c.req, p.Error, c.text)
			}
		}
	}
	b.ask("GET", "/api/v1/replays/7", nil, 404, nil)
	b.ask("DELETE", "/api/v1/replays/7", nil, 404, nil)
}

func TestReplayToASink(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.status(fmt.Sprint("e", i), "bot.fatal", "zoom_internal_error", fmt.Sprint("bot-", i%2), "lake")
	}
	b.status("own", "botrelay.bot_stuck", "x", "bot-0", "lake") // the relay's own are not meant
	b.add("odd", []byte("no json"))
	b.deliver("lake")
	req := ReplayRequest{Since: "1h", To: []string{"backend"}, DryRun: true, By: "kim"}
	var dry Replay
	b.ask("POST", "/api/v1/replays", req, 200, &dry)
	if p := dry.Plan; p.Events != 5 || p.Bots != 2 || p.First.IsZero() || !p.Last.After(p.First) || fmt.Sprint(p.Sinks) != "[backend]" ||
		!p.Complete || p.Seconds != 5.0/200 || dry.ID != "" || !dry.DryRun {
		t.Errorf("dry run: %+v", dry)
	}
	if got := b.deliver("backend"); got != "backend: " {
		t.Errorf("a dry run sends %s", got)
	}
	req.DryRun = false
	begun := b.begin(req)
	done := b.ended(begun.ID)
	if done.State != ReplayDone || done.Events != 5 || done.Queued != 5 || len(done.Skipped) != 0 || done.OnTheWay != 5 {
		t.Errorf("done: %+v", done)
	}
	if got := b.deliver("backend", "lake"); got != "backend: e0 e1 e2 e3 e4; lake: " {
		t.Errorf("sent %s", got)
	}
	var ev EventDetail
	b.get("/api/v1/events/recall/e0", &ev)
	if d := ev.Deliveries[0]; d.Sink != "backend" || d.Replay != 1 || d.State != "delivered" {
		t.Errorf("the delivery is %+v", d)
	}
	var list ReplayList
	b.get("/api/v1/replays", &list)
	if len(list.Replays) != 1 || list.Replays[0].ID != begun.ID || list.Replays[0].Ended.IsZero() {
		t.Errorf("list %+v", list)
	}
	if !strings.Contains(b.log.String(), `"what":"replay begun","by":"kim"`) {
		t.Errorf("the log does not say who:\n%s", b.log)
	}
	b.ask("DELETE", "/api/v1/replays/"+begun.ID, nil, 409, nil)
}

func TestReplayAgainAndReroute(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "lake", "bots", "gone")
	b.status("e2", "bot.done", "", "bot-a", "bots")
	b.status("e3", "bot.fatal", "", "bot-b", "lake")
	b.deliver("bots", "gone")
	b.settle("lake", relay.Dead, "HTTP 422")
	b.status("e4", "bot.fatal", "", "bot-c", "lake") // live: left alone
	done := b.ended(b.begin(ReplayRequest{Where: []string{"event=bot.fatal"}, Again: true}).ID)
	if done.Queued != 3 || fmt.Sprint(done.Skipped) != "[{it is on its way already 1} {sink gone is not in the configuration 1}]" {
		t.Errorf("again: %+v", done)
	}
	if got := b.deliver("bots", "lake"); got != "bots: e1; lake: e4 e1 e3" {
		t.Errorf("again sends %s", got)
	}
	b.routes = func(ev *relay.Event) []relay.Target {
		if ev.Fields.Event == "bot.done" || ev.Raw == nil {
			return nil
		}
		return append(b.targets(ev, "backend"), relay.Target{Sink: "_watch", After: time.Now()})
	}
	done = b.ended(b.begin(ReplayRequest{Bot: "bot-a", Reroute: true}).ID)
	if done.Queued != 1 || fmt.Sprint(done.Skipped) != "[{no sink wants it 1}]" || fmt.Sprint(done.Plan.Sinks) != "[backend]" {
		t.Errorf("reroute: %+v", done)
	}
	if got := b.deliver("backend", "bots"); got != "backend: e1; bots: " {
		t.Errorf("reroute sends %s", got)
	}
	var ev EventDetail
	b.get("/api/v1/events/recall/e1", &ev)
	if d := ev.Deliveries[0]; d.Sink != "backend" || d.Route != "all" {
		t.Errorf("what is routed anew does not go by its route: %+v", d)
	}
}

func TestReplayUnderNewIDs(t *testing.T) {
	b := newBench(t)
	ev := b.status("e1", "bot.fatal", "", "bot-a", "lake")
	b.deliver("lake")
	for n := 1; n <= 2; n++ {
		done := b.ended(b.begin(ReplayRequest{IDs: []EventRef{{ID: "e1"}}, Again: true, NewIDs: true}).ID)
		if done.Queued != 1 || len(done.Plan.Notes) != 1 {
			t.Errorf("replay %d: %+v", n, done)
		}
		id := fmt.Sprint("e1_replay_", n)
		if got := b.deliver("lake"); got != "lake: "+id {
			t.Errorf("sent %s", got)
		}
		var copied EventDetail
		b.get("/api/v1/events/recall/"+id+"?payload=true", &copied)
		if *copied.Payload != string(ev.Raw) || copied.Bot != "bot-a" {
			t.Errorf("the copy is %+v", copied)
		}
	}
	// The replay's own copies are not among what a replay of the hour sends.
	if done := b.ended(b.begin(ReplayRequest{Since: "1h", To: []string{"backend"}, NewIDs: true}).ID); done.Queued != 3 {
		t.Errorf("of the hour: %+v", done)
	}
}

func TestReplayQuarantined(t *testing.T) {
	b := newBench(t)
	b.append(&relay.Event{Source: source, ID: "q1", Received: time.Now(), Raw: body("bot.fatal", "", "bot-a", "{}", time.Now()), Trouble: "an older version did not understand"})
	b.append(&relay.Event{Source: source, ID: "q2", Received: time.Now(), Raw: []byte("no json"), Trouble: "not JSON"})
	b.status("e1", "bot.fatal", "", "bot-b", "lake")
	b.deliver("lake")
	req := ReplayRequest{Quarantined: true, Reroute: true, DryRun: true}
	var dry Replay
	b.ask("POST", "/api/v1/replays", req, 200, &dry)
	want := []string{
		"1 quarantined event is understood today and will be stored anew, as ID_replay_N: a stored event is never changed",
		"left out: 1 × it is still not understood",
	}
	if dry.Plan.Events != 2 || !slices.Equal(dry.Plan.Notes, want) || fmt.Sprint(dry.Plan.Sinks) != "[lake]" {
		t.Errorf("dry run: %+v", dry.Plan)
	}
	req.DryRun = false
	done := b.ended(b.begin(req).ID)
	if done.Queued != 1 || fmt.Sprint(done.Skipped) != "[{it is still not understood 1}]" {
		t.Errorf("done: %+v", done)
	}
	if got := b.deliver("lake"); got != "lake: q1_replay_1" {
		t.Errorf("sent %s", got)
	}
	var old EventDetail
	b.get("/api/v1/events/recall/q1", &old)
	if old.Trouble == "" || len(old.Deliveries) != 0 {
		t.Errorf("the event itself has changed: %+v", old)
	}
}

func TestReplayOnce(t *testing.T) {
	b := newBench(t)
	for i := range 300 {
		b.status(fmt.Sprint("e", i), "bot.fatal", "", fmt.Sprint("bot-", i))
	}
	req := ReplayRequest{Since: "1h", To: []string{"lake"}, Rate: 1000}
	first := b.begin(req)
	var second, third, fourth Replay
	b.ask("POST", "/api/v1/replays", req, 200, &second) // a double click
	if second.ID != first.ID {
		t.Errorf("a double click makes replay %s beside %s", second.ID, first.ID)
	}
	named := ReplayRequest{Since: "1h", To: []string{"backend"}, RequestID: "morning-1"}
	b.ask("POST", "/api/v1/replays", named, 202, &third)
	b.ask("POST", "/api/v1/replays", named, 200, &fourth)
	if third.ID != fourth.ID || third.ID == first.ID {
		t.Errorf("named: %s, then %s", third.ID, fourth.ID)
	}
	named.To = []string{"bots"}
	b.ask("POST", "/api/v1/replays", named, 409, nil)
	var cancelled Replay
	b.ask("DELETE", "/api/v1/replays/"+first.ID+"?by=kim", nil, 200, &cancelled)
	if cancelled.State != ReplayCancelled {
		t.Errorf("cancelled: %+v", cancelled)
	}
	b.ask("DELETE", "/api/v1/replays/"+first.ID, nil, 200, nil)
	b.ask("POST", "/api/v1/replays", req, 202, &second)
	if second.ID == first.ID {
		t.Error("a cancelled one is not begun anew")
	}
}

// outstandingOf is how many replayed deliveries wait for a sink.
func (b *bench) outstandingOf(sink string) int {
	b.Helper()
	all, err := b.store.Sinks(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range all {
		if s.Sink == sink {
			return s.Pending + s.Retrying
		}
	}
	return 0
}

func TestReplayHundredAtOnce(t *testing.T) {
	b := newBench(t)
	for i := range 250 {
		b.status(fmt.Sprintf("e%03d", i), "bot.fatal", "", fmt.Sprint("bot-", i))
	}
	begun := b.begin(ReplayRequest{Since: "1h", To: []string{"lake", "backend"}, Rate: 300})
	b.until("a hundred wait", func() bool { return b.outstandingOf("lake") == 100 && b.outstandingOf("backend") == 100 })
	b.deliver("backend")
	most := 0
	for end := time.After(300 * time.Millisecond); ; {
		most = max(most, b.outstandingOf("lake"))
		select {
		case <-time.After(10 * time.Millisecond):
			continue
		case <-end:
		}
		break
	}
	if most != 100 {
		t.Errorf("%d are on their way to a sink that takes nothing, want 100", most)
	}
	var got []string
	b.until("all have gone", func() bool {
		if n := b.outstandingOf("lake"); n > 100 {
			t.Fatalf("%d are on their way", n)
		}
		got = append(got, b.settle("lake", relay.Delivered, "")...)
		b.settle("backend", relay.Delivered, "")
		return len(got) >= 250
	})
	if done := b.ended(begun.ID); done.Queued != 500 || len(got) != 250 || !slices.IsSorted(got) {
		t.Errorf("%d were sent, in order: %v; %+v", len(got), slices.IsSorted(got), done)
	}
}
