package route_test

import (
	"strings"
	"testing"

	"botrelay/relay"
	"botrelay/relay/route"
)

func TestFilter(t *testing.T) {
	fatal := &relay.Event{
		Source: "recall", ID: "msg_1", Raw: []byte(`{"event":"bot.fatal","data":{"recording":{"id":"r-1"}}}`),
		Fields: relay.Fields{
			Event: "bot.fatal", SubCode: relay.Some("zoom_internal_error"), Side: "platform",
			BotID: relay.Some("b-1"), Metadata: []byte(`{"tenant":"acme"}`),
		},
	}
	own := &relay.Event{Source: "recall", ID: "brl_1", Fields: relay.Fields{Event: "botrelay.bot_stuck", BotID: relay.Some("b-1")}}
	odd := &relay.Event{Source: "recall", ID: "msg_2", Trouble: "no event"}
	for _, c := range []struct {
		where string // field=pattern, several by a blank
		event *relay.Event
		want  bool
	}{
		{"", fatal, true},
		{"event=bot.*", fatal, true},
		{"event=bot.done", fatal, false},
		{"bot.metadata.tenant=acme side=platform", fatal, true},
		{"bot.metadata.tenant=acme side=host", fatal, false},
		{"bot.metadata.tenant=globex", fatal, false},
		{"data.recording.id=r-1", fatal, true},
		{"data.recording.id=r-2", fatal, false},
		{"bot.id=b-*", own, true}, // without an event line, which a route would need
		{"event=*", own, true},
		{"sub_code=NULL", own, true},
		{"sub_code=NULL", fatal, false},
		{"id=msg_2", odd, true},
		{"side=*", odd, false},
	} {
		var conditions []route.Condition
		for _, pair := range strings.Fields(c.where) {
			field, text, _ := strings.Cut(pair, "=")
			pattern := route.ParsePattern(text)
			if text == "NULL" {
				pattern = route.Null()
			}
			conditions = append(conditions, route.Condition{Field: field, Patterns: []route.Pattern{pattern}})
		}
		f, err := route.NewFilter(conditions)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Matches(c.event); got != c.want {
			t.Errorf("%q on %s: got %v, want %v", c.where, c.event.ID, got, c.want)
		}
		if needs := strings.HasPrefix(c.where, "data."); f.NeedsBody() != needs {
			t.Errorf("%q needs the body: got %v, want %v", c.where, f.NeedsBody(), needs)
		}
	}
}

func TestFilterHeaders(t *testing.T) {
	any := func(field, pattern string) route.Condition {
		return route.Condition{Field: field, Patterns: []route.Pattern{route.ParsePattern(pattern)}}
	}
	f, err := route.NewFilter([]route.Condition{any("data.x", "1"), any("event", "bot.*")})
	if err != nil {
		t.Fatal(err)
	}
	noBody := &relay.Event{Fields: relay.Fields{Event: "bot.done"}}
	other := &relay.Event{Fields: relay.Fields{Event: "recording.done"}}
	if h := f.Headers(); !f.NeedsBody() || f.Matches(noBody) || !h.Matches(noBody) || h.Matches(other) {
		t.Errorf("of data.x and event, only event is left for headers")
	}
	if _, err := route.NewFilter([]route.Condition{any("bot.meta.x", "1")}); err == nil {
		t.Error("an unknown field is taken")
	}
}
