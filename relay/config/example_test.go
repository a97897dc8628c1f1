package config

import (
	"os"
	"reflect"
	"regexp"
	"testing"
)

// The sinks' keys in the example are decoded with the real types by a test of
// package sinks; here it is what botrelay itself reads.

const examplePath = "../../config.example.yaml"

func exampleText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// setting is a line that holds a setting which is off: "#key: value", or a
// further line of one, which is indented. "# words" are left alone.
var setting = regexp.MustCompile(`(?m)^( *)#(\S|  )`)

func TestExampleLoads(t *testing.T) {
	f := load(exampleText(t), world{env: map[string]string{
		"RECALL_WEBHOOK_SECRET": goodSecret, "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
	}})
	if got := printed(f.Problems()); got != "" {
		t.Errorf("the example has problems:\n%s", got)
	}
	if len(f.Sources) != 1 || len(f.Sinks) != 1 || len(f.routes) != 1 {
		t.Errorf("got %d sources, %d sinks, %d routes; want one of each", len(f.Sources), len(f.Sinks), len(f.routes))
	}
}

func TestExampleWithEverySettingOn(t *testing.T) {
	text := setting.ReplaceAllString(exampleText(t), "$1$2")
	f := load(text, world{skip: true})
	if got := printed(f.Problems()); got != "" {
		t.Errorf("the example with every setting has problems:\n%s", got)
	}
	if len(f.Sources) != 2 || len(f.Sinks) != 5 || len(f.routes) != 3 {
		t.Errorf("got %d sources, %d sinks, %d routes; want 2, 5 and 3", len(f.Sources), len(f.Sinks), len(f.routes))
	}
	for _, key := range topLevelKeys() {
		if _, ok := f.readMapping(f.root).find(key); !ok {
			t.Errorf("the example does not show the key %s", key)
		}
	}
}

func topLevelKeys() []string {
	var keys []string
	for _, fd := range fieldsOf(reflect.TypeFor[document]()) {
		keys = append(keys, fd.key)
	}
	return keys
}

// TestExampleShowsDefaults holds the values of the example's own settings equal
// to the defaults, which is what its comments say they are.
func TestExampleShowsDefaults(t *testing.T) {
	text := setting.ReplaceAllString(exampleText(t), "$1$2")
	f := load(text, world{skip: true})
	want := defaultDocument()
	if f.Listen != want.Listen || f.Store != want.Store || f.Retention != want.Retention || f.Shutdown != want.Shutdown || f.Log != want.Log {
		t.Errorf("got  %v %v %v %v %v\nwant %v %v %v %v %v", f.Listen, f.Store, f.Retention, f.Shutdown, f.Log,
			want.Listen, want.Store, want.Retention, want.Shutdown, want.Log)
	}
	if s := f.Sources[0]; s.Path != "/webhooks/recall" || s.MaxBody != 1<<20 {
		t.Errorf("source: got %s %d", s.Path, s.MaxBody)
	}
	var keys logKeys
	f.sink("console").Block.Decode(&keys)
	common := DefaultSinkCommon()
	common.Type, common.Rate = "log", keys.Rate
	if keys.SinkCommon != common {
		t.Errorf("got %+v\nwant %+v", keys.SinkCommon, common)
	}
}
