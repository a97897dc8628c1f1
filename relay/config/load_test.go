package config

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// goodSecret is a signing secret of 24 bytes.
const goodSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// world is what a test file may refer to.
type world struct {
	env    map[string]string
	files  map[string]string
	denied string // a path that may not be read
	mounts map[string]bool
	skip   bool
}

func (w world) options(text string) Options {
	return Options{
		Getenv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			if name == "config.yaml" {
				return []byte(text), nil
			}
			if data, ok := w.files[name]; ok {
				return []byte(data), nil
			}
			if name == w.denied {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
		Mounted:     func(name string) bool { return w.mounts[name] },
		SkipSecrets: w.skip,
	}
}

// load reads text as config.yaml, with S as a good secret.
func load(text string, w world) *File {
	if w.env == nil {
		w.env = map[string]string{}
	}
	if _, ok := w.env["S"]; !ok {
		w.env["S"] = goodSecret
	}
	return Load("config.yaml", w.options(text))
}

func printed(ps []Problem) string {
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

const checkExample = `sources:
  recall:
    secrets: ${env:RECALL_WEBHOOK_SECRET}
sinks:
  lake: {type: log}
  bots:
    type: slack
    token: ${env:SLACK_BOT_TOKEN}
    channel: "#bot-alerts"

routes:
  - name: failed bots
    match:
      event: [bot.fatl, recording.failed]
      source: recall
    except:
      sub_code: !meeting_not_started
    to: [bots, lakee]
`

// slackKeys are the keys that the example gives its slack sink.
type slackKeys struct {
	SinkCommon
	Token   Secret `key:"token"`
	Channel string `key:"channel"`
}

func TestCheckExample(t *testing.T) {
	f := load(checkExample, world{env: map[string]string{"RECALL_WEBHOOK_SECRET": goodSecret, "SLACK_BOT_TOKEN": "xoxb-1"}})
	for _, s := range f.Sinks {
		keys := slackKeys{SinkCommon: DefaultSinkCommon()}
		s.Block.Decode(&keys)
		if strings.HasPrefix(keys.Channel, "#") {
			s.Block.Errorf("channel", "%q is a name, Slack wants the id (channel details, bottom of the page: C0123456789)", keys.Channel)
		}
	}
	want := `config.yaml:9:14: sinks.bots.channel: "#bot-alerts" is a name, Slack wants the id (channel details, bottom of the page: C0123456789)
 9 |     channel: "#bot-alerts"
   |              ^^^^^^^^^^^^^
config.yaml:14:15: warning: routes[0].match.event: no documented event is called "bot.fatl" (did you mean "bot.fatal"?)
14 |       event: [bot.fatl, recording.failed]
   |               ^^^^^^^^
config.yaml:17:17: routes[0].except.sub_code: !meeting_not_started is a YAML tag, not text (under "except" no ! is needed: sub_code: meeting_not_started)
17 |       sub_code: !meeting_not_started
   |                 ^^^^^^^^^^^^^^^^^^^^
config.yaml:18:16: routes[0].to[1]: unknown sink "lakee" (did you mean "lake"?)
18 |     to: [bots, lakee]
   |                ^^^^^
`
	var got strings.Builder
	for _, p := range f.Problems() {
		fmt.Fprintf(&got, "%s\n%s", p, p.Excerpt())
	}
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

// TestLineEnds: places do not depend on how lines end, nor on a byte order mark.
func TestLineEnds(t *testing.T) {
	want := printed(load(checkExample, world{}).Problems())
	for _, end := range []string{"\r\n", "\r"} {
		if got := printed(load("\ufeff"+strings.ReplaceAll(checkExample, "\n", end), world{}).Problems()); got != want || got == "" {
			t.Errorf("lines that end with %q:\n%s\nwant:\n%s", end, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 300)
	cases := map[string]struct {
		problem Problem
		want    string
	}{
		"tab":       {Problem{Line: 7, Col: 3, width: 2, gutter: 3, source: "\té: ab"}, "  7 | \té: ab\n    | \t ^^\n"},
		"end":       {Problem{Line: 7, Col: 4, width: 9, gutter: 1, source: "abc"}, "7 | abc\n  |    ^\n"},
		"beyond":    {Problem{Line: 7, Col: 9, width: 1, gutter: 1, source: "abc"}, "7 | abc\n  |    ^\n"},
		"no width":  {Problem{Line: 7, Col: 1, gutter: 1, source: "abc"}, "7 | abc\n  | ^\n"},
		"control":   {Problem{Line: 7, Col: 1, width: 3, gutter: 1, source: "a\x1b[31m"}, "7 | a?[31m\n  | ^^^\n"},
		"long line": {Problem{Line: 7, Col: 201, width: 1, gutter: 1, source: long}, "7 | " + long[:160] + "\n  | " + strings.Repeat(" ", 80) + "^\n"},
		"no line":   {Problem{Line: 7, Col: 1, width: 1, gutter: 1}, ""},
	}
	for name, c := range cases {
		if got := c.problem.Excerpt(); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
