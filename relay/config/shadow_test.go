package config

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"botrelay/relay"
	"botrelay/relay/route"
)

// TestShadowed: pairs of routes to one sink, and whether the first leaves the
// second nothing.
func TestShadowed(t *testing.T) {
	cases := []struct {
		first, second string
		want          bool
	}{
		{``, ``, true},
		{``, `match: {event: bot.fatal}`, true},
		{``, `match: {event: "botrelay.*"}`, false},
		{``, `match: {event: [bot.fatal, "botrelay.*"]}`, false},
		{`match: {event: "*"}`, ``, true},
		{`match: {event: "*"}`, `match: {event: botrelay.x}`, false},
		{`match: {event: "botrelay.*"}`, `match: {event: botrelay.x}`, true},
		{`match: {side: host}`, `match: {side: host, event: bot.fatal}`, true},
		{`match: {side: host}`, `match: {side: host, event: botrelay.bot_stuck}`, false},
		{`match: {side: [host, null]}`, `match: {side: null, code: x}`, true},
		{`match: {side: host}`, `match: {side: null}`, false},
		{`match: {side: "*"}`, `match: {side: null}`, false},
		{`match: {side: host}`, `match: {event: bot.fatal}`, false},
		{`match: {event: bot.fatal}`, ``, false},
		{`match: [{side: host}, {code: "f*"}]`, `match: [{code: fatal}, {side: host}]`, true},
		{`match: [{side: host}]`, `match: [{code: fatal}, {side: host}]`, false},
		{`except: {side: host}`, ``, false},
		{`except: {side: host}`, `except: {side: "h*"}`, true},
		{`except: {side: host, code: x}`, `except: [{code: y}, {side: host}]`, true},
		{`except: {side: host}`, `except: {side: host, code: x}`, false},
		{`except: {event: botrelay.x}`, `except: {event: "*"}`, false},
	}
	for _, c := range cases {
		f := load(twoRoutes(c.first, c.second), world{})
		if f.Faulty() {
			t.Fatalf("%s / %s: %s", c.first, c.second, printed(f.Problems()))
		}
		if got := len(f.shadowedBy(1)) > 0; got != c.want {
			t.Errorf("{%s} leaves {%s} nothing: got %v, want %v", c.first, c.second, got, c.want)
		}
	}
}

func twoRoutes(first, second string) string {
	text := "sources: {recall: {secrets: \"${env:S}\"}}\nsinks: {a: {type: log}}\nroutes:\n"
	for i, part := range []string{first, second} {
		text += fmt.Sprintf("  - name: r%d\n    to: a\n", i)
		if part != "" {
			text += "    " + part + "\n"
		}
	}
	return text
}

// TestShadowedIsTrue: of a route that is said to change nothing, no event
// needs it. Rules and events are random.
func TestShadowedIsTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 4000 {
		f := load(twoRoutes(randomRoute(r), randomRoute(r)), world{})
		if f.Faulty() {
			t.Fatal(printed(f.Problems()))
		}
		if len(f.shadowedBy(1)) == 0 {
			continue
		}
		found++
		first := f.routes[0]
		alone, err := route.Compile([]route.Rule{{Name: "r0", Match: first.Match.compile(), Except: first.Except.compile(), To: []string{"a"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range allEvents() {
			if len(f.Routes.Targets(ev)) != len(alone.Targets(ev)) {
				t.Fatalf("%v needs the second route of\n%s", ev.Fields, f.text.lines)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d routes changed nothing: the test says little", found)
	}
}

var (
	randomEvents = []string{"bot.fatal", "bot.done", "botrelay.x", "botrelay.bot_y"}
	randomCodes  = []string{"", "fatal", "done"}
)

func allEvents() (events []*relay.Event) {
	for _, name := range randomEvents {
		for _, code := range randomCodes {
			for _, side := range []string{"", "host", "account"} {
				ev := &relay.Event{Source: "recall", Fields: relay.Fields{Event: name, Side: side}}
				if code != "" {
					ev.Fields.Code = relay.Some(code)
				}
				events = append(events, ev)
			}
		}
	}
	return events
}

func randomRoute(r *rand.Rand) string {
	var parts []string
	for _, key := range []string{"match", "except"} {
		var blocks []string
		for range r.IntN(3) {
			var lines []string
			for _, field := range [][]string{
				{"event", `"*"`, `"bot.*"`, "bot.fatal", `"botrelay.*"`, "botrelay.x", `"bot*"`},
				{"code", `"*"`, "fatal", "null", `"f*"`},
				{"side", `"*"`, "host", "null", `"*o*"`},
			} {
				if n := r.IntN(3); n > 0 {
					chosen := slices.Clone(field[1:])
					r.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
					lines = append(lines, fmt.Sprintf("%s: [%s]", field[0], strings.Join(chosen[:n], ", ")))
				}
			}
			if len(lines) > 0 {
				blocks = append(blocks, "{"+strings.Join(lines, ", ")+"}")
			}
		}
		if len(blocks) > 0 {
			parts = append(parts, fmt.Sprintf("%s: [%s]", key, strings.Join(blocks, ", ")))
		}
	}
	return strings.Join(parts, "\n    ")
}
