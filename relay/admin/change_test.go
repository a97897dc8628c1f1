package admin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"botrelay/relay"
)

func (b *bench) deadLetters() {
	b.Helper()
	for i := range 6 {
		b.status(fmt.Sprint("e", i), "bot.fatal", "", fmt.Sprint("bot-", i%2), "backend", "lake")
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for i := 0; i < 6; {
		ds, _ := b.store.Claim(now, "backend", 10)
		for _, d := range ds {
			note := "HTTP 422: unknown tenant"
			if i%3 == 2 {
				note = "given up after 72 h: HTTP 500"
			}
			i++
			if err := b.store.Settle(b.Context(), relay.Settlement{Delivery: d, Verdict: relay.Dead, Note: note}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func TestRetryByReason(t *testing.T) {
	b := newBench(t)
	b.deadLetters()
	var groups DeadGroups
	b.get("/api/v1/dead?sink=backend", &groups)
	if len(groups.Groups) != 2 || groups.Groups[0].Events != 4 || groups.Groups[1].Reason != "given up after 72 h: HTTP 500" {
		t.Fatalf("groups %+v", groups)
	}
	var page DeliveryPage
	b.get("/api/v1/deliveries?state=dead&sink=backend&reason=HTTP+422*&limit=1000", &page)
	if len(page.Deliveries) != 4 || page.Deliveries[0].Bot == "" || page.Deliveries[0].Event != "bot.fatal" || page.Deliveries[0].Received.IsZero() {
		t.Errorf("one by one: %+v", page.Deliveries)
	}
	req := DeliveryChange{Sink: "backend", Reason: "HTTP 422*", DryRun: true, By: "kim"}
	var dry, done DeliveriesChanged
	b.ask("POST", "/api/v1/deliveries/retry", req, 200, &dry)
	if !dry.DryRun || dry.Events != 4 || dry.Bots != 2 || dry.Changed != 0 || dry.First.IsZero() || fmt.Sprint(dry.Sinks) != "[backend]" {
		t.Errorf("dry run: %+v", dry)
	}
	if strings.Contains(b.log.String(), "changed by hand") {
		t.Error("a dry run changes")
	}
	req.DryRun = false
	b.ask("POST", "/api/v1/deliveries/retry", req, 200, &done)
	if done.Changed != 4 || done.More {
		t.Errorf("done: %+v", done)
	}
	if log := b.log.String(); !strings.Contains(log, `"what":"deliveries retried","by":"kim","from":"192.0.2.1:1234","count":4`) {
		t.Errorf("the log says\n%s", log)
	}
	b.ask("POST", "/api/v1/deliveries/retry", req, 200, &done) // a double click
	if done.Changed != 0 || done.Events != 0 {
		t.Errorf("again: %+v", done)
	}
	if got := strings.Join(b.settle("backend", relay.Delivered, "HTTP 200"), " "); got != "e0 e1 e3 e4" {
		t.Errorf("sent again: %s, want the oldest first", got)
	}
}

func TestDropAndRefs(t *testing.T) {
	b := newBench(t)
	b.deadLetters()
	var done DeliveriesChanged
	b.ask("POST", "/api/v1/deliveries/drop", DeliveryChange{Sink: "backend", Reason: "given up*"}, 200, &done)
	if done.Changed != 2 {
		t.Errorf("dropped %+v", done)
	}
	refs := []Ref{
		{source, "e0", "backend"}, {source, "e0", "backend"}, // once
		{source, "e2", "backend"},   // was dropped: goes again
		{source, "e1", "lake"},      // pending
		{source, "e1", "nosuch"},    // a sink that the event was not for
		{source, "none", "backend"}, // no event
		{"elsewhere", "e0", "backend"},
	}
	b.ask("POST", "/api/v1/deliveries/retry", DeliveryChange{Refs: refs}, 200, &done)
	if done.Changed != 2 || done.Deliveries != 2 || fmt.Sprint(done.Kept) != "[{there is no such event 2} {it is pending 1} {it was not for this sink 1}]" {
		t.Errorf("by refs: %+v", done)
	}
	for _, bad := range []DeliveryChange{
		{}, {Reason: "x"}, {Sink: "backend", State: "delivered"}, {Sink: "backend", State: "pending"}, {Refs: refs, Sink: "backend"},
		{Sink: "backend", Since: "x"}, {Refs: make([]Ref, mostRefs+1)},
	} {
		b.ask("POST", "/api/v1/deliveries/retry", bad, 400, nil)
	}
	b.ask("POST", "/api/v1/deliveries/drop", DeliveryChange{Sink: "lake", State: "pending"}, 200, &done)
	if done.Changed != 6 {
		t.Errorf("dropped pending: %+v", done)
	}
}

func TestRetryingIsDueNow(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "backend")
	b.settle("backend", relay.Retry, "HTTP 503")
	if ids := b.settle("backend", relay.Delivered, ""); len(ids) != 0 {
		t.Fatalf("it is due already")
	}
	var done DeliveriesChanged
	b.ask("POST", "/api/v1/deliveries/retry", DeliveryChange{Sink: "backend", State: "retrying"}, 200, &done)
	if ids := b.settle("backend", relay.Delivered, ""); done.Changed != 1 || fmt.Sprint(ids) != "[e1]" {
		t.Errorf("%+v, sent %v", done, ids)
	}
}

func TestPauseAndResume(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "lake")
	var got SinkChanged
	b.ask("POST", "/api/v1/sinks/lake/pause", SinkChange{By: "kim", Reason: "broker work"}, 200, &got)
	if s := got.Sink; s.State != SinkPaused || s.Cause != "hand" || s.By != "kim" || s.Note != "paused by kim: broker work" || s.Since.IsZero() {
		t.Errorf("paused: %+v", s)
	}
	if ids := b.settle("lake", relay.Delivered, ""); len(ids) != 0 {
		t.Error("a paused sink gets something")
	}
	b.reopen()
	b.get("/api/v1/sinks", &Sinks{})
	got = SinkChanged{}
	b.ask("POST", "/api/v1/sinks/lake/resume", nil, 200, &got)
	if got.Sink.State != SinkOK || got.Sink.Note != "" || fmt.Sprint(b.probed) != "[lake]" {
		t.Errorf("resumed: %+v, asked %v", got.Sink, b.probed)
	}
	if ids := b.settle("lake", relay.Delivered, ""); len(ids) != 1 {
		t.Errorf("after that %v are sent", ids)
	}
	var p Problem
	b.ask("POST", "/api/v1/sinks/lakee/pause", nil, 404, &p)
	if p.Error != `unknown sink "lakee"` || p.Hint != "sinks: bots lake backend" {
		t.Errorf("unknown: %+v", p)
	}
}

func TestMoveAndDiscard(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.status(fmt.Sprint("e", i), "bot.fatal", "", fmt.Sprint("bot-", i), "old-lake", "older")
	}
	var got SinkChanged
	b.ask("POST", "/api/v1/sinks/old-lake/move", SinkChange{To: "lake"}, 200, &got)
	if got.Deliveries != 3 || got.Sink.Waiting != 0 {
		t.Errorf("moved %+v", got)
	}
	if ids := b.settle("lake", relay.Delivered, ""); fmt.Sprint(ids) != "[e0 e1 e2]" {
		t.Errorf("lake gets %v", ids)
	}
	b.ask("POST", "/api/v1/sinks/older/discard", SinkChange{By: "kim"}, 200, &got)
	if got.Deliveries != 3 {
		t.Errorf("discarded %+v", got)
	}
	if ids := b.settle("older", relay.Delivered, ""); len(ids) != 0 {
		t.Errorf("discarded ones are sent: %v", ids)
	}
	b.ask("POST", "/api/v1/sinks/old-lake/move", SinkChange{To: "lake"}, 404, nil) // nothing is left of it
	b.ask("POST", "/api/v1/sinks/lake/move", SinkChange{}, 400, nil)
	b.ask("POST", "/api/v1/sinks/lake/move", SinkChange{To: "lake"}, 400, nil)
	b.ask("POST", "/api/v1/sinks/lake/move", SinkChange{To: "nosuch"}, 400, nil)
	b.ask("POST", "/api/v1/sinks/older/pause", nil, 404, nil)
	if n := strings.Count(b.log.String(), "changed by hand"); n != 2 {
		t.Errorf("%d changes are in the log, want 2\n%s", n, b.log)
	}
}

func TestReload(t *testing.T) {
	b := newBench(t)
	b.reload = func(context.Context) (Reloaded, error) {
		return Reloaded{Taken: true, File: "config.yaml", Notes: []string{"listen has changed: restart to change it"}}, nil
	}
	var got Reloaded
	b.ask("POST", "/api/v1/reload", Change{By: "kim"}, 200, &got)
	if !got.Taken || len(got.Notes) != 1 || got.Faults == nil {
		t.Errorf("got %+v", got)
	}
	b.reload = func(context.Context) (Reloaded, error) { return Reloaded{}, errors.New("dial tcp: secret") }
	w := b.ask("POST", "/api/v1/reload", nil, 500, nil)
	if strings.Contains(w.Body.String(), "secret") || !strings.Contains(b.log.String(), "dial tcp") {
		t.Errorf("an error of the inside goes out: %s", w.Body)
	}
}

func TestBackup(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "lake")
	folder := filepath.Join(t.TempDir(), "copy")
	var got BackedUp
	b.ask("POST", "/api/v1/backup", BackupRequest{Folder: folder}, 200, &got)
	if got.Events != 1 || got.Bytes == 0 || got.Folder != folder || got.AsOf.IsZero() {
		t.Errorf("got %+v", got)
	}
	b.ask("POST", "/api/v1/backup", BackupRequest{Folder: folder}, 409, nil) // it is there
	b.ask("POST", "/api/v1/backup", BackupRequest{Folder: "copy"}, 400, nil)
	b.ask("POST", "/api/v1/backup", nil, 400, nil)
}

// Where a command serves the store, what needs a relay is refused or absent.
func TestWithoutARelay(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.fatal", "", "bot-a", "lake")
	o := b.server.opts
	o.LoopState, o.ProbeNow, o.ReceiverStats, o.Ready, o.Backup, o.Reload, o.Access = nil, nil, nil, nil, nil, nil, nil
	var err error
	if b.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	var status Status
	b.get("/api/v1/status", &status)
	if status.Running || len(status.Sources) != 2 || status.Sources[0].LastEvent.IsZero() || status.Bots.Fatal != 1 {
		t.Errorf("status %+v", status)
	}
	b.ask("POST", "/api/v1/reload", nil, 409, nil)
	b.ask("POST", "/api/v1/backup", BackupRequest{Folder: "/x"}, 409, nil)
	b.ask("POST", "/api/v1/sinks/lake/resume", nil, 200, nil)
	if _, err := New(Options{}); err == nil {
		t.Error("a server of nothing is made")
	}
}
