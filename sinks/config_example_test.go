package sinks

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"botrelay/relay/config"
	"botrelay/sinks/httpsink"
	"botrelay/sinks/kafkasink"
	"botrelay/sinks/logsink"
	"botrelay/sinks/slacksink"
)

// TestConfigExample loads config.example.yaml as it stands and with every
// setting on, with the keys that sinks really have.
func TestConfigExample(t *testing.T) {
	data, err := os.ReadFile("../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// "#key: value" and its further lines, which are indented; "# words" stay.
	allOn := regexp.MustCompile(`(?m)^( *)#(\S|  )`).ReplaceAllString(string(data), "$1$2")
	env := map[string]string{
		"RECALL_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"SLACK_WEBHOOK_URL":     "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
	}
	cases := map[string]struct {
		text  string
		skip  bool
		sinks []string
	}{
		"as it stands":     {string(data), false, []string{"alerts"}},
		"secrets skipped":  {string(data), true, []string{"alerts"}},
		"every setting on": {allOn, true, []string{"alerts", "ops", "lake", "backend", "console"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file := config.Load("config.example.yaml", config.Options{
				Getenv:      func(name string) (string, bool) { v, ok := env[name]; return v, ok },
				ReadFile:    func(string) ([]byte, error) { return []byte(c.text), nil },
				Mounted:     func(string) bool { return false },
				SkipSecrets: c.skip,
			})
			NewPlan(file)
			for _, p := range file.Problems() {
				t.Error(p)
			}
			var names []string
			for _, s := range file.Sinks {
				names = append(names, s.Name)
			}
			if !slices.Equal(names, c.sinks) {
				t.Errorf("got sinks %v, want %v", names, c.sinks)
			}
		})
	}
}

// TestConfigExampleShowsEveryKey: a key that a sink reads is in the example, as
// a setting, or in the list of a tls block's keys.
func TestConfigExampleShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile("../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, options := range []any{slacksink.Options{}, kafkasink.Options{}, httpsink.Options{}, logsink.Options{}} {
		for _, key := range keysOf(reflect.TypeOf(options)) {
			if !regexp.MustCompile(`[#{, ]` + key + `:|\n[^\n]*# ca [^\n]*\b` + key + `\b`).Match(data) {
				t.Errorf("%T: the example does not show %s", options, key)
			}
		}
	}
}

func keysOf(t reflect.Type) (keys []string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("key"), ",")
		if key != "" {
			keys = append(keys, key)
		}
		if key != "" || f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
		}
	}
	return keys
}
