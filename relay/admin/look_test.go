package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
	"botrelay/relay/receive"
)

func eventIDs(page EventPage) string {
	var ids []string
	for _, ev := range page.Events {
		ids = append(ids, ev.ID)
	}
	return strings.Join(ids, " ")
}

func TestEventsSelect(t *testing.T) {
	b := newBench(t)
	b.status("e1", "bot.joining_call", "", "bot-a", "lake", "bots")
	b.status("e2", "bot.fatal", "zoom_internal_error", "bot-a", "lake")
	b.add("e3", []byte(`{"event":"recording.done","data":{"recording":{"id":"r-7"},"bot":{"id":"bot-b","metadata":{"tenant":"globex","n":7}}}}`), "lake")
	b.status("filtered", "bot.done", "", "bot-c")
	b.add("odd", []byte(`not json`))
	b.settle("bots", relay.Dead, "HTTP 422: no")
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct{ query, want string }{
		{"", "odd filtered e3 e2 e1"},
		{"?bot=bot-a", "e2 e1"},
		{"?event=bot.fatal", "e2"},
		{"?sink=bots", "e1"},
		{"?state=dead", "e1"},
		{"?state=filtered", "filtered"},
		{"?state=quarantined", "odd"},
		{"?source=other", ""},
		{"?where=event%3Dbot.*", "filtered e2 e1"},
		{"?where=event%3Dbot.*&where=event%3Drecording.*", "filtered e3 e2 e1"},
		{"?where=event%3Dbot.*&where=side%3Dplatform", "e2"},
		{"?where=bot.metadata.tenant%3Dglobex", "e3"},
		{"?where=bot.metadata.n%3D7", "e3"},
		{"?where=data.recording.id%3Dr-*", "e3"},
		{"?where=sub_code%3Dnull", "odd filtered e3 e1"},
		{"?since=1h", "odd filtered e3 e2 e1"},
		{"?until=1h", ""},
		{"?since=" + soon, ""},
		{"?until=" + soon + "&limit=1000", "odd filtered e3 e2 e1"},
	} {
		var page EventPage
		b.get("/api/v1/events"+c.query, &page)
		if got := eventIDs(page); got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
}

func TestEventsRefuse(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]string{
		"?wher=event%3Dx":          `"wher" is not known here`,
		"?where=event":             "not FIELD=PATTERN",
		"?where=bot.meta.x%3D1":    `unknown field "bot.meta.x"`,
		"?where=data.sub_code%3Dx": "here it is sub_code",
		"?since=yesterday":         "neither a time nor an age",
		"?limit=0":                 "from 1 to 1000",
		"?limit=1001":              "from 1 to 1000",
		"?state=ded":               `state "ded" is none`,
		"?from=elsewhere":          "from is not the next of a page",
		"?since=1h&since=2h":       "since is here 2 times",
		"?bot=a;b":                 "the query cannot be read",
	} {
		var p Problem
		b.ask("GET", "/api/v1/events"+query, nil, 400, &p)
		if !strings.Contains(p.Error, want) {
			t.Errorf("%s: %q, want %q", query, p.Error, want)
		}
	}
}

func TestEventDetail(t *testing.T) {
	b := newBench(t)
	ev := b.status("e1", "bot.fatal", "zoom_internal_error", "bot-a", "lake", "bots")
	b.append(&relay.Event{Source: source, ID: "binary", Received: time.Now(), Raw: []byte{0xff, 0xfe}, Trouble: "no UTF-8"})
	b.settle("bots", relay.Dead, "HTTP 422: unknown tenant 17")
	var got EventDetail
	b.get("/api/v1/events/recall/e1", &got)
	if got.Payload != nil || got.Event.Event != "bot.fatal" || *got.SubCode != "zoom_internal_error" || got.Side != "platform" ||
		got.Platform != "zoom" || got.Bot != "bot-a" || string(got.Metadata) != `{"tenant":"acme"}` {
		t.Errorf("got %+v", got)
	}
	if len(got.Deliveries) != 2 || got.Deliveries[0].Sink != "bots" || got.Deliveries[0].State != "dead" ||
		got.Deliveries[0].Reason != "HTTP 422: unknown tenant #" || got.Deliveries[0].Route != "all" || len(got.Deliveries[0].Tries) != 1 {
		t.Errorf("deliveries are %+v", got.Deliveries)
	}
	b.get("/api/v1/events/-/e1?payload=true", &got)
	if got.Payload == nil || *got.Payload != string(ev.Raw) {
		t.Errorf("the payload is %v", got.Payload)
	}
	var binary EventDetail
	b.get("/api/v1/events/recall/binary?payload=true", &binary)
	if !binary.PayloadBase64 || *binary.Payload != "//4=" || binary.Trouble == "" {
		t.Errorf("got %+v", binary)
	}
	b.ask("GET", "/api/v1/events/recall/none", nil, 404, nil)
	b.ask("GET", "/api/v1/events/-/none", nil, 404, nil)
	b.ask("GET", "/api/v1/events/recall/e1?payload=yes", nil, 400, nil)
}

func TestBots(t *testing.T) {
	b := newBench(t)
	b.status("a1", "bot.joining_call", "", "5b1c7f0e-aa", "lake")
	b.status("b1", "bot.joining_call", "", "5b1c0000-bb", "lake")
	b.status("a2", "bot.in_waiting_room", "", "5b1c7f0e-aa", "lake")
	b.status("c1", "bot.in_call_recording", "", "9", "lake")
	b.status("a3", "bot.call_ended", "timeout_exceeded_waiting_room", "5b1c7f0e-aa", "lake")
	b.add("d1", body("bot.fatal", "zoom_internal_error", "7", `{"tenant":"globex"}`, time.Now()), "lake")
	for _, c := range []struct{ query, want string }{
		{"", "7:failed 5b1c7f0e-aa:ended, no recording received 9:recording 5b1c0000-bb:joining"},
		{"?limit=2", "7:failed 5b1c7f0e-aa:ended, no recording received"},
		{"?failed=true", "7:failed 5b1c7f0e-aa:ended, no recording received"},
		{"?where=bot.metadata.tenant%3Dglobex", "7:failed"},
		{"?where=event%3Dbot.in_waiting_room", "5b1c7f0e-aa:ended, no recording received"},
		{"?where=data.bot.id%3D9", "9:recording"},
		{"?until=1h", ""},
	} {
		var page BotPage
		b.get("/api/v1/bots"+c.query, &page)
		var got []string
		for _, bot := range page.Bots {
			got = append(got, bot.ID+":"+bot.Words)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %q, want %q", c.query, text, c.want)
		}
	}
	var all []string
	for from := ""; ; {
		var page BotPage
		b.get("/api/v1/bots?limit=1&from="+from, &page)
		for _, bot := range page.Bots {
			all = append(all, bot.ID)
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if got := strings.Join(all, " "); got != "7 5b1c7f0e-aa 9 5b1c0000-bb" {
		t.Errorf("page by page: %s", got)
	}
}

func TestBotDetail(t *testing.T) {
	b := newBench(t)
	began := time.Now().Add(-20 * time.Minute)
	at := func(d time.Duration) time.Time { return began.Add(d) }
	meta := `{"tenant":"acme","meeting_ref":"m-1042"}`
	b.add("a1", body("bot.joining_call", "", "5b1c7f", meta, at(0)), "lake", "backend")
	b.add("a2", body("bot.in_waiting_room", "", "5b1c7f", meta, at(10*time.Second)), "lake", "backend")
	b.settle("backend", relay.Delivered, "HTTP 200")
	b.add("a3", body("bot.call_ended", "timeout_exceeded_waiting_room", "5b1c7f", meta, at(20*time.Minute)), "lake", "backend")
	b.settle("backend", relay.Retry, "HTTP 503")
	b.add("a4", body("bot.done", "", "5b1c7f", meta, at(20*time.Minute+6*time.Second)), "lake", "backend")
	b.status("x", "bot.joining_call", "", "5b1d")
	var got BotDetail
	b.get("/api/v1/bots/5b1c", &got)
	if got.ID != "5b1c7f" || got.Words != "ended, no recording received" || got.Outcome != "not_recorded" || !got.Failed ||
		got.SubCode != "timeout_exceeded_waiting_room" || got.Side != "host" || got.State != "done" || got.LastName != "bot.done" {
		t.Errorf("got %+v", got.Bot)
	}
	if got.Waited != (20*time.Minute-10*time.Second).Seconds() || got.Code == nil || got.Code.Side != "host" || got.Code.NextStep == "" {
		t.Errorf("waited %v, code %+v", got.Waited, got.Code)
	}
	if len(got.Timeline) != 4 || got.Timeline[2].ID != "a3" || got.Timeline[3].WaitsFor["backend"] != "a3" || got.Timeline[2].WaitsFor != nil {
		t.Errorf("timeline %+v", got.Timeline)
	}
	var p Problem
	b.ask("GET", "/api/v1/bots/5b1", nil, 409, &p)
	if !strings.Contains(p.Hint, "recall/5b1c7f, recall/5b1d") {
		t.Errorf("several: %+v", p)
	}
	b.ask("GET", "/api/v1/bots/0000", nil, 404, &p)
	if p.Error != "no bot starts with 0000" || !strings.Contains(p.Hint, "bot.metadata") {
		t.Errorf("none: %+v", p)
	}
	b.ask("GET", "/api/v1/bots/5b1c?source=other", nil, 404, nil)
}

func TestSinksAndStatus(t *testing.T) {
	b := newBench(t)
	for i := range 4 {
		b.status(fmt.Sprint("e", i), "bot.fatal", "zoom_internal_error", fmt.Sprint("bot-", i), "lake", "backend", "old-lake")
	}
	b.settle("lake", relay.Delivered, "partition 3")
	b.settle("backend", relay.Dead, "HTTP 422: unknown tenant 7")
	b.append(&relay.Event{Source: source, ID: "timer", Received: time.Now(), Raw: []byte("x"), Trouble: "no JSON"},
		relay.Target{Sink: "_watch", After: time.Now().Add(time.Hour)})
	since := time.Now().Add(-30 * time.Minute).UTC().Truncate(time.Second)
	pause := fmt.Sprintf(`{"since":%q,"why":"SASL: wrong user name or password","cause":"auth"}`, since.Format(time.RFC3339))
	if err := b.store.Put(t.Context(), "_loop", "lake", []byte(pause), 0); err != nil {
		t.Fatal(err)
	}
	b.states["lake"] = relay.State{Paused: true, NextProbe: time.Now().Add(time.Minute)}
	b.stats.Store(&receive.Stats{Sources: []receive.SourceStats{
		{Name: source, Accepted: 4, Quarantined: 1, LastEvent: time.Now().UTC(), Refused: map[string]uint64{"bad_signature": 0},
			Secrets: []receive.SecretStats{{Fingerprint: "3fa9", LastUsed: time.Now().UTC()}, {Fingerprint: "81bc"}}},
		{Name: "recall-staging", Refused: map[string]uint64{"bad_signature": 12, "clock": 0}},
	}})
	var status Status
	b.get("/api/v1/status", &status)
	want := []string{
		"1 sink is paused", "1 is orphaned", "4 dead letters (backend)",
		"1 event of recall was not understood", "12 requests of recall-staging were refused",
	}
	if diff := cmp.Diff(want, status.Wrong); diff != "" {
		t.Errorf("wrong (-want +got):\n%s", diff)
	}
	if s := status.Sources; len(s) != 2 || s[0].Events != 5 || s[0].Quarantined != 1 || len(s[0].Secrets) != 2 || s[1].Refused != 12 || len(s[1].Reasons) != 1 {
		t.Errorf("sources %+v", s)
	}
	if status.Bots.Ended != 4 || status.Bots.Fatal != 4 || status.Bots.Sides["platform"] != 4 {
		t.Errorf("bots %+v", status.Bots)
	}
	if status.Store == nil || status.Store.MaxBytes == 0 || !status.Running || status.Version != "1.4.2" {
		t.Errorf("status %+v", status)
	}
	b.checkSinks(status.Sinks, since)
	var dead DeadGroups
	b.get("/api/v1/dead", &dead)
	if len(dead.Groups) != 1 || dead.Groups[0].Reason != "HTTP 422: unknown tenant #" || dead.Groups[0].Events != 4 ||
		dead.Groups[0].Bots != 4 || dead.Total != 4 || !dead.Complete || !dead.Expires.Equal(dead.Oldest.Add(30*day)) {
		t.Errorf("dead %+v", dead)
	}
}

// checkSinks looks at the sinks of TestSinksAndStatus.
func (b *bench) checkSinks(sinks []Sink, since time.Time) {
	b.Helper()
	bySink := map[string]Sink{}
	for _, sink := range sinks {
		bySink[sink.Name] = sink
	}
	if lake := bySink["lake"]; lake.State != SinkPaused || lake.Cause != "auth" || !lake.Since.Equal(since) || lake.NextProbe.IsZero() || lake.LastOK.IsZero() ||
		lake.Note != "SASL: wrong user name or password" {
		b.Errorf("lake %+v", lake)
	}
	if old := bySink["old-lake"]; old.State != SinkOrphaned || old.Waiting != 4 || old.Oldest.IsZero() || old.Type != "" {
		b.Errorf("old-lake %+v", old)
	}
	if backend := bySink["backend"]; backend.State != SinkOK || backend.Dead != 4 || backend.LastDead.IsZero() {
		b.Errorf("backend %+v", backend)
	}
	if len(bySink) != 4 {
		b.Errorf("sinks %+v", sinks)
	}
}

func TestReason(t *testing.T) {
	for note, want := range map[string]string{
		"HTTP 422: unknown tenant":                       "HTTP 422: unknown tenant",
		"HTTP 422: order 1234 of 2026-03-04":             "HTTP 422: order # of #-#-#",
		"given up after 72 h: HTTP 500":                  "given up after 72 h: HTTP 500",
		"given up after 6 h 30 min: HTTP 500: at line 7": "given up after 6 h 30 min: HTTP 500: at line #",
		"given up after 72 h: dial tcp 10.0.0.1:80":      "given up after 72 h: dial tcp #.#.#.#:#",
		"HTTP 4223 is none":                              "HTTP # is none",
		"record has 1500000 bytes":                       "record has # bytes",
		"panic: x\ngoroutine 17":                         "panic: x",
		"":                                               "not known",
		"HTTP 400: " + strings.Repeat("ü", 200):          "HTTP 400: " + strings.Repeat("ü", 80),
	} {
		if got := reasonOfNote(note); got != want {
			t.Errorf("%q: got %q, want %q", note, got, want)
		}
	}
}
