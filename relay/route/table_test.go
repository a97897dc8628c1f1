package route

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func patterns(texts ...string) []Pattern {
	var ps []Pattern
	for _, text := range texts {
		if text == "~" {
			ps = append(ps, Null())
			continue
		}
		ps = append(ps, ParsePattern(text))
	}
	return ps
}

// block reads "event=bot.fatal|bot.done sub_code=zoom_*"; ~ is null.
func blockOf(text string) Block {
	var b Block
	for part := range strings.FieldsSeq(text) {
		field, want, _ := strings.Cut(part, "=")
		b = append(b, Condition{Field: field, Patterns: patterns(strings.Split(want, "|")...)})
	}
	return b
}

func blocksOf(texts ...string) []Block {
	var bs []Block
	for _, text := range texts {
		bs = append(bs, blockOf(text))
	}
	return bs
}

const body = `{"event":"bot.fatal","data":{"data":{"code":"fatal"},"recording":{"id":"r-1","n":1.50,"big":9007199254740993,
"ok":true,"none":null,"list":[1],"obj":{"a":1},"twice":"first","twice":"last"},"bot":{"id":"b-1"}}}`

func fatal() *relay.Event {
	return &relay.Event{
		Source: "recall", ID: "msg_1", Raw: []byte(body),
		Fields: relay.Fields{
			Event: "bot.fatal", Code: relay.Some("fatal"), SubCode: relay.Some("zoom_internal_error"), Side: "platform",
			Platform: "zoom", BotID: relay.Some("b-1"), Key: "b-1",
			Metadata: []byte(`{"tenant":"acme","deep":{"er":{"x":"y"}},"empty":"","n":017e0,"team":null}`),
		},
	}
}

func withMetadata(raw string) *relay.Event {
	ev := fatal()
	ev.Fields.Metadata = []byte(raw)
	return ev
}

func named(name string) *relay.Event {
	ev := fatal()
	ev.Fields.Event = name
	return ev
}

func TestMatch(t *testing.T) {
	metadata := withMetadata(`{"tenant":"acme","deep":{"er":{"x":"y"}},"empty":"","n":1e3,"team":null,"flag":false,"obj":{}}`)
	nothing := withMetadata("")
	nothing.Fields.SubCode, nothing.Fields.Side, nothing.Fields.Platform = relay.Optional{}, "", ""
	nothing.Fields.BotID = relay.Optional{}
	empty := fatal()
	empty.Fields.SubCode = relay.Some("")
	tests := []struct {
		name          string
		ev            *relay.Event
		match, except []Block
		want          bool
	}{
		{"no match matches", fatal(), nil, nil, true},
		{"event", fatal(), blocksOf("event=bot.fatal"), nil, true},
		{"event differs", fatal(), blocksOf("event=bot.done"), nil, false},
		{"case counts", fatal(), blocksOf("event=Bot.fatal"), nil, false},
		{"any of a list", fatal(), blocksOf("event=bot.done|bot.fatal"), nil, true},
		{"all of a block", fatal(), blocksOf("event=bot.fatal sub_code=zoom_* side=platform platform=zoom source=recall id=msg_1 bot.id=b-1 code=fatal"), nil, true},
		{"one of a block fails", fatal(), blocksOf("event=bot.fatal sub_code=webex_*"), nil, false},
		{"any of the blocks", fatal(), blocksOf("event=bot.done", "sub_code=zoom_*"), nil, true},
		{"except", fatal(), nil, blocksOf("sub_code=zoom_internal_error"), false},
		{"except differs", fatal(), nil, blocksOf("sub_code=other"), true},
		{"except any of the blocks", fatal(), nil, blocksOf("sub_code=other", "side=platform"), false},
		{"except never drops for lack of a value", nothing, nil, blocksOf("sub_code=*", "bot.metadata.env=staging", "side=*"), true},
		{"null is absent", nothing, blocksOf("sub_code=~"), nil, true},
		{"null in a list", nothing, blocksOf("sub_code=x|~"), nil, true},
		{"null is not empty", empty, blocksOf("sub_code=~"), nil, false},
		{"empty matches empty", empty, blocksOf("sub_code="), nil, true},
		{"empty is not absent", nothing, blocksOf("sub_code="), nil, false},
		{"side absent", nothing, blocksOf("side=~"), nil, true},
		{"platform absent", nothing, blocksOf("platform=~"), nil, true},
		{"star is not absent", nothing, blocksOf("bot.id=*"), nil, false},
		{"metadata", metadata, blocksOf("bot.metadata.tenant=ac*"), nil, true},
		{"metadata deep", metadata, blocksOf("bot.metadata.deep.er.x=y"), nil, true},
		{"metadata path ends early", metadata, blocksOf("bot.metadata.tenant.x=~"), nil, true},
		{"metadata empty text", metadata, blocksOf("bot.metadata.empty="), nil, true},
		{"metadata JSON null is absent", metadata, blocksOf("bot.metadata.team=~"), nil, true},
		{"metadata missing", metadata, blocksOf("bot.metadata.nope=~"), nil, true},
		{"metadata number by its text", metadata, blocksOf("bot.metadata.n=1e3"), nil, true},
		{"metadata boolean", metadata, blocksOf("bot.metadata.flag=false"), nil, true},
		{"metadata object only for a star", metadata, blocksOf("bot.metadata.obj=*"), nil, true},
		{"metadata object has no text", metadata, blocksOf("bot.metadata.obj="), nil, false},
		{"metadata object is present", metadata, blocksOf("bot.metadata.obj=~"), nil, false},
		{"no metadata", nothing, blocksOf("bot.metadata.tenant=~"), nil, true},
		{"data", fatal(), blocksOf("data.recording.id=r-*"), nil, true},
		{"data number keeps its text", fatal(), blocksOf("data.recording.n=1.50"), nil, true},
		{"data big number", fatal(), blocksOf("data.recording.big=9007199254740993"), nil, true},
		{"data boolean", fatal(), blocksOf("data.recording.ok=true"), nil, true},
		{"data null", fatal(), blocksOf("data.recording.none=~"), nil, true},
		{"data list", fatal(), blocksOf("data.recording.list=*"), nil, true},
		{"data last of equal keys", fatal(), blocksOf("data.recording.twice=last"), nil, true},
		{"derived needs a pattern", named("botrelay.sink_down"), blocksOf("event=*"), nil, false},
		{"derived without match", named("botrelay.sink_down"), nil, nil, false},
		{"derived by name", named("botrelay.sink_down"), blocksOf("event=botrelay.sink_down"), nil, true},
		{"derived by pattern", named("botrelay.sink_down"), blocksOf("event=botrelay.*"), nil, true},
		{"derived: a shorter prefix does not", named("botrelay.sink_down"), blocksOf("event=botrelay*"), nil, false},
		{"derived: block without event", named("botrelay.bot_stuck"), blocksOf("bot.metadata.tenant=acme"), nil, false},
		{"derived: except block without event", named("botrelay.bot_stuck"), blocksOf("event=botrelay.*"), blocksOf("source=recall"), false},
		{"derived: except star does not", named("botrelay.bot_stuck"), blocksOf("event=botrelay.*"), blocksOf("event=*"), true},
		{"received event named by botrelay pattern", fatal(), blocksOf("event=botrelay.*"), nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := Compile([]Rule{{Name: "r", Match: tt.match, Except: tt.except, To: []string{"s"}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(table.Targets(tt.ev)) == 1; got != tt.want {
				t.Errorf("matches: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTargetsOncePerSinkWithTheFirstRoute(t *testing.T) {
	table, err := Compile([]Rule{
		{Name: "ours", Match: blocksOf("event=bot.fatal"), To: []string{"ops"}},
		{Name: "others", Match: blocksOf("event=bot.done"), To: []string{"never"}},
		{Name: "all failures", Match: blocksOf("event=*fatal"), To: []string{"ops", "pager"}},
		{Name: "everything", To: []string{"lake", "ops"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table.Unordered("lake")
	want := []relay.Target{
		{Sink: "ops", Route: "ours", Key: "recall/b-1"},
		{Sink: "pager", Route: "all failures", Key: "recall/b-1"},
		{Sink: "lake", Route: "everything"},
	}
	if diff := cmp.Diff(want, table.Targets(fatal())); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ops", "never", "pager", "lake"}, table.Sinks()); diff != "" {
		t.Errorf("sinks (-want +got):\n%s", diff)
	}
}

// More sinks than a machine word has bits, so that the set's second half works.
func TestTargetsManySinks(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	table, err := Compile([]Rule{{Name: "a", To: names}, {Name: "b", To: names}})
	if err != nil {
		t.Fatal(err)
	}
	targets := table.Targets(fatal())
	if len(targets) != 200 {
		t.Fatalf("targets: got %d, want 200", len(targets))
	}
	for i, target := range targets {
		if target.Sink != names[i] || target.Route != "a" {
			t.Errorf("target %d: got %v", i, target)
		}
	}
}

func TestParseField(t *testing.T) {
	for _, good := range []string{"event", "bot.id", "bot.metadata.a", "bot.metadata.a.b", "data.recording.id", "data.data.code"} {
		if err := ParseField(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "Event", "bot", "bot.metadata", "bot.metadata.", "bot.metadata.a..b", "bot.meta.env", "data", "data.", "at"} {
		err := ParseField(bad)
		if _, ok := errors.AsType[*UnknownFieldError](err); !ok {
			t.Errorf("%s: got %v, want an unknown field", bad, err)
		}
	}
	got := ParseField("data.sub_code")
	if want := "Recall's docs write data.sub_code; here it is sub_code"; got == nil || got.Error() != want {
		t.Errorf("data.sub_code: got %v, want %s", got, want)
	}
	if _, err := Compile([]Rule{{Name: "r", Match: blocksOf("nope=1")}}); err == nil {
		t.Error("a rule with an unknown field compiles")
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false},
		{"*", "", true}, {"*", "anything", true}, {"**", "x", true},
		{"a*", "a", true}, {"a*", "ab", true}, {"a*", "ba", false},
		{"*a", "ba", true}, {"*a", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"ab*ba", "aba", false},
		{"a*b*c", "a-b-c", true}, {"a*b*c", "acb", false}, {"*b*b*", "b", false}, {"*b*b*", "bb", true},
		{`a\*`, "a*", true}, {`a\*`, "ab", false}, {`\n`, `\n`, true}, {`\`, `\`, true}, {`\\*`, `\*`, true},
		{"zoom_*", "zoom_", true}, {"[a-z]?", "[a-z]?", true}, {"*é*", "café!", true},
	}
	for _, tt := range tests {
		if got := ParsePattern(tt.pattern).Match(tt.text); got != tt.want {
			t.Errorf("%q on %q: got %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
	if _, ok := ParsePattern("a*").Literal(); ok {
		t.Error("a pattern with a star is a literal")
	}
	if text, ok := ParsePattern(`a\*`).Literal(); !ok || text != "a*" {
		t.Errorf(`literal of a\*: got %q, %v`, text, ok)
	}
}

// FuzzPattern holds the matcher against the plainest one there is.
func FuzzPattern(f *testing.F) {
	f.Add("a*b*c", "aXbYc")
	f.Add(`\**`, "*x")
	f.Add("*a*a*", "a")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 40 || len(text) > 80 {
			return
		}
		p := ParsePattern(pattern)
		if got, want := p.Match(text), plainMatch(pattern, text); got != want {
			t.Errorf("%q on %q: got %v, want %v", pattern, text, got, want)
		}
	})
}

func plainMatch(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case strings.HasPrefix(pattern, `\*`):
		return strings.HasPrefix(text, "*") && plainMatch(pattern[2:], text[1:])
	case pattern[0] == '*':
		rest := strings.TrimLeft(pattern, "*")
		for i := 0; i <= len(text); i++ {
			if plainMatch(rest, text[i:]) {
				return true
			}
		}
		return false
	default:
		return text != "" && text[0] == pattern[0] && plainMatch(pattern[1:], text[1:])
	}
}

// BenchmarkTargets is a large table: 300 routes and 100 sinks, of which most
// look at the event's name and a sub code, some at metadata and the body.
func BenchmarkTargets(b *testing.B) {
	var rules []Rule
	for i := range 300 {
		r := Rule{Name: fmt.Sprintf("route %d", i), To: []string{fmt.Sprintf("s%d", i%100)}}
		switch i % 4 {
		case 0:
			r.Match = blocksOf("event=bot.fatal|recording.failed|transcript.failed", fmt.Sprintf("sub_code=zoom_%d*", i))
		case 1:
			r.Match = blocksOf(fmt.Sprintf("event=bot.* bot.metadata.tenant=tenant-%d", i))
			r.Except = blocksOf("bot.metadata.env=staging|dev")
		case 2:
			r.Match = blocksOf(fmt.Sprintf("event=bot.done side=host sub_code=*_%d", i))
		default:
			r.Match = blocksOf(fmt.Sprintf("data.recording.id=r-%d", i))
		}
		rules = append(rules, r)
	}
	table, err := Compile(rules)
	if err != nil {
		b.Fatal(err)
	}
	ev := withMetadata(`{"tenant":"acme","meeting_ref":"m-1042","env":"production"}`)
	b.ReportAllocs()
	for b.Loop() {
		table.Targets(ev)
	}
}
