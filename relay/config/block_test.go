package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

// everything has a field of each type that can be decoded.
type everything struct {
	SinkCommon
	Text   string            `key:"text"`
	Yes    bool              `key:"yes"`
	Number int               `key:"number"`
	Span   time.Duration     `key:"span"`
	Size   Size              `key:"size"`
	Token  Secret            `key:"token"`
	One    []string          `key:"one"`
	Many   []string          `key:"many"`
	Tokens []Secret          `key:"tokens,required"`
	Labels map[string]string `key:"labels"`
	Inner  inner             `key:"inner"`
	Point  *inner            `key:"point"`
	Nil    *inner            `key:"nil"`
	Kept   *inner            `key:"kept"`
	Raw    *Block            `key:"raw"`
	Other  string            // no key
}

type inner struct {
	A string `key:"a"`
	B string `key:"b" oneof:"x y"`
}

const everyType = `sources: {recall: {secrets: "${env:S}"}}
sinks:
  all:
    type: log
    rate: 10/s
    retry: {max_backoff: 1m}
    text: 017
    yes: true
    number: -5
    span: 1h30m
    size: 2KiB
    token: "a${env:PART}-$${b}"
    one: only
    many: [yes, 12:30, "${env:NONE:-}", 2026-03-04, 'it''s', "x\ty"]
    tokens: ["${env:NONE:-}", "${file:/secret}"]
    labels: {a: 1, b.c: "${env:PART}"}
    inner: {a: set}
    point: {}
    kept: {a: over}
    raw: {deep: {er: [{x: y}]}}
routes: [{name: r, to: all}]
`

func TestDecodeEveryType(t *testing.T) {
	f := load(everyType, world{env: map[string]string{"PART": "rt: #x\n"}, files: map[string]string{"/secret": "line\n\n"}})
	got := everything{
		SinkCommon: DefaultSinkCommon(), Inner: inner{A: "before", B: "x"}, Kept: &inner{A: "before", B: "y"}, Other: "mine",
		Nil: nil,
	}
	block := f.sink("all").Block
	block.Decode(&got)
	if problems := printed(f.Problems()); problems != "" {
		t.Fatalf("problems:\n%s", problems)
	}
	raw := got.Raw
	got.Raw = nil
	want := everything{
		SinkCommon: DefaultSinkCommon(),
		Text:       "017", Yes: true, Number: -5, Span: 90 * time.Minute, Size: 2048, Token: "art: #x\n-${b}",
		One: []string{"only"}, Many: []string{"yes", "12:30", "2026-03-04", "it's", "x\ty"}, Tokens: []Secret{"line\n"},
		Labels: map[string]string{"a": "1", "b.c": "rt: #x\n"},
		Inner:  inner{A: "set", B: "x"}, Point: &inner{}, Kept: &inner{A: "over", B: "y"}, Other: "mine",
	}
	want.Type, want.Rate, want.Retry.MaxBackoff = "log", Rate{10, time.Second}, time.Minute
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Secret) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if raw == nil || !raw.Has("deep") {
		t.Error("the raw block is not there")
	}
}

func TestErrorfPlaces(t *testing.T) {
	f := load(everyType, world{env: map[string]string{"PART": "hidden-part"}, files: map[string]string{"/secret": "x"}})
	block := f.sink("all").Block
	block.Decode(&everything{})
	for _, key := range []string{"", "number", "retry", "retry.max_backoff", "retry.absent", "absent.x", "many[3]", "many[9]", "labels.b.c", "raw.deep.er[0].x", "inner.a"} {
		block.Errorf(key, "here")
	}
	block.Errorf("token", "%q and %v", Secret("shown?"), "a hidden-part of it (and hidden-part)")
	block.Warnf("text", "%d of %s", 3, []string{"hidden-part"})
	want := `config.yaml:3:3: sinks.all: here
config.yaml:3:3: sinks.all.absent.x: here
config.yaml:6:12: sinks.all.retry: here
config.yaml:6:12: sinks.all.retry.absent: here
config.yaml:6:26: sinks.all.retry.max_backoff: here
config.yaml:7:11: warning: sinks.all.text: 3 of [${env:PART}]
config.yaml:9:13: sinks.all.number: here
config.yaml:12:12: sinks.all.token: "<secret>" and a ${env:PART} of it (and ${env:PART})
config.yaml:14:11: sinks.all.many[9]: here
config.yaml:14:41: sinks.all.many[3]: here
config.yaml:16:25: sinks.all.labels.b.c: here
config.yaml:17:16: sinks.all.inner.a: here
config.yaml:20:27: sinks.all.raw.deep.er[0].x: here
`
	if diff := cmp.Diff(want, printed(f.Problems())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestErrorfOnce: a sink that checks a field which could not be decoded does
// not add a second message about it, but each fault of its own is kept.
func TestErrorfOnce(t *testing.T) {
	f := load(strings.Replace(everyType, "span: 1h30m", "span: soon", 1), world{env: map[string]string{"PART": "x"}, files: map[string]string{"/secret": "x"}})
	block := f.sink("all").Block
	block.Decode(&everything{})
	block.Errorf("span", "must not be zero")
	block.Errorf("text", "one")
	block.Errorf("text", "two")
	want := `config.yaml:7:11: sinks.all.text: one
config.yaml:7:11: sinks.all.text: two
config.yaml:10:11: sinks.all.span: "soon" is not a duration (write 15m)
`
	if diff := cmp.Diff(want, printed(f.Problems())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNilBlock(t *testing.T) {
	var b *Block
	b.Decode(&everything{})
	b.Errorf("a", "x")
	b.Warnf("a", "x")
	if _, ok := b.ReadFile("a", "/x"); ok || b.Has("a") || b.Keys() != nil {
		t.Error("an absent block has something")
	}
}

func TestBlockReadFile(t *testing.T) {
	text := strings.Replace(everyType, "text: 017", "text: /ca.pem", 1)
	w := world{env: map[string]string{"PART": "x"}, files: map[string]string{"/secret": "x", "/ca.pem": "PEM"}, mounts: map[string]bool{"/ca.pem": true}}
	f := load(text, w)
	b := f.sink("all").Block
	if data, ok := b.ReadFile("text", "/ca.pem"); !ok || string(data) != "PEM" {
		t.Errorf("got %q %v", data, ok)
	}
	if _, ok := b.ReadFile("one", "/nowhere"); ok {
		t.Error("a file that is not there was read")
	}
	want := `config.yaml:7:11: warning: sinks.all.text: /ca.pem is a single-file mount; edits will not be seen (mount its folder)
config.yaml:13:10: sinks.all.one: cannot read /nowhere: no such file
`
	if diff := cmp.Diff(want, printed(f.Problems())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"config.yaml", "/ca.pem", "/nowhere"}, f.Files()); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
	w.skip = true
	f = load(text, w)
	if _, ok := f.sink("all").Block.ReadFile("one", "/nowhere"); ok || f.Faulty() {
		t.Error("a file was read although secrets are skipped")
	}
}

func TestKeysAndOptionsOfRoutes(t *testing.T) {
	f := load(`x-a: &a {timeout: 3s, order: none}
sources: {recall: {secrets: "${env:S}"}}
sinks:
  one: {<<: *a, type: kafka, brokers: b, topic: t}
  two: {type: kafka, brokers: b, topic: t}
routes:
  - name: first
    match: {event: "bot.*", bot.metadata.n: [1, null]}
    to: [one: {topic: u}, two]
  - {name: second, except: {event: bot.fatal}, to: two}
`, world{})
	decodeSinks(f)
	if got := printed(f.Problems()); got != "" {
		t.Fatal(got)
	}
	one := f.sink("one")
	if diff := cmp.Diff([]string{"type", "brokers", "topic", "timeout", "order"}, one.Block.Keys()); diff != "" {
		t.Errorf("keys, -want +got:\n%s", diff)
	}
	var o kafkaOptions
	one.Routes["first"].Decode(&o)
	if o.Topic != "u" || len(one.Routes) != 1 || len(f.sink("two").Routes) != 0 {
		t.Errorf("got %+v, %d, %d", o, len(one.Routes), len(f.sink("two").Routes))
	}
	ev := &relay.Event{Source: "recall", ID: "1", Fields: relay.Fields{Event: "bot.fatal", Key: "k", Metadata: []byte(`{"n":1}`)}}
	want := []relay.Target{{Sink: "one", Route: "first"}, {Sink: "two", Key: "recall/k", Route: "first"}}
	if diff := cmp.Diff(want, f.Routes.Targets(ev)); diff != "" {
		t.Errorf("targets, -want +got:\n%s", diff)
	}
}

// TestPlaceholders: with secrets skipped, each form has a value that its check accepts.
func TestPlaceholders(t *testing.T) {
	for _, fd := range []field{{form: formURL}, {form: formSigning}, {form: formListen}, {form: formStore}, {placeholder: "C0"}, {}} {
		text := placeholder(fd, "${env:X}")
		if message := checkForm(fd.form, text, "it"); message != "" || text == "" {
			t.Errorf("form %q: %q: %s", fd.form, text, message)
		}
	}
}

// TestSkippedTarget: a sink whose name is behind a reference is not known while
// secrets are skipped; it is in no table, and none is called unused.
func TestSkippedTarget(t *testing.T) {
	f := load(`sources: {recall: {secrets: "${env:S}"}}
sinks: {one: {type: log}, two: {type: log}}
routes: [{name: r, to: ["${env:WHICH}", one]}]
`, world{skip: true})
	if got := printed(f.Problems()); got != "" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"one"}, f.Routes.Sinks()); diff != "" {
		t.Errorf("sinks, -want +got:\n%s", diff)
	}
}
