package recall

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

var update = flag.Bool("update", false, "write testdata/fields.golden anew")

// describe prints fields for people. Absent ones are left out; "" is present and
// empty.
func describe(f relay.Fields) string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "  %-9s%s\n", name, value) }
	optional := func(name string, o relay.Optional) {
		if text, ok := o.Get(); ok {
			line(name, fmt.Sprintf("%q", text))
		}
	}
	line("event", fmt.Sprintf("%q", f.Event))
	optional("code", f.Code)
	optional("sub_code", f.SubCode)
	for _, v := range []struct{ name, value string }{{"side", f.Side}, {"platform", f.Platform}} {
		if v.value != "" {
			line(v.name, v.value)
		}
	}
	optional("bot.id", f.BotID)
	if f.Metadata != nil {
		text := string(f.Metadata)
		if len(text) > 200 {
			text = fmt.Sprintf("%s… %d bytes", text[:40], len(text))
		}
		line("metadata", text)
	}
	if !f.At.IsZero() {
		line("at", f.At.Format(time.RFC3339Nano))
	}
	line("key", fmt.Sprintf("%q", f.Key))
	return b.String()
}

// Every sample and every quarantined body, with all that is read from it.
func TestNormaliseGolden(t *testing.T) {
	var got strings.Builder
	one := func(name string, body []byte) {
		before := bytes.Clone(body)
		f, trouble := Normalise("msg_1", body)
		if !bytes.Equal(before, body) {
			t.Errorf("%s: the body was changed", name)
		}
		fmt.Fprintf(&got, "%s\n", name)
		if trouble != "" {
			if diff := cmp.Diff(relay.Fields{}, f, cmp.AllowUnexported(relay.Optional{})); diff != "" {
				t.Errorf("%s is quarantined and has fields:\n%s", name, diff)
			}
			fmt.Fprintf(&got, "  quarantined: %s\n", trouble)
			return
		}
		got.WriteString(describe(f))
	}
	for _, s := range Samples() {
		one(s.Name, s.Body)
	}
	quarantined, err := filepath.Glob("testdata/quarantined/*.json")
	if err != nil || len(quarantined) == 0 {
		t.Fatalf("testdata/quarantined: %v, %d files", err, len(quarantined))
	}
	for _, file := range quarantined {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		one("quarantined/"+strings.TrimSuffix(filepath.Base(file), ".json"), body)
	}

	const golden = "testdata/fields.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("fields differ from %s (-want +got):\n%s", golden, diff)
	}
}

// wrap makes a current body around the inside of data.
func wrap(data string) string { return `{"event":"bot.done","data":{` + data + `}}` }

// done is what is read of a body that has the event bot.done and nothing else.
var done = relay.Fields{Event: "bot.done", Key: "msg_1"}

// with is done with a change.
func with(change func(*relay.Fields)) relay.Fields {
	f := done
	change(&f)
	return f
}

// bot is the change that a bot id makes.
func bot(id string) func(*relay.Fields) {
	return func(f *relay.Fields) { f.BotID, f.Key = relay.Some(id), id }
}

// Bodies with something odd that are understood, and what is read from them.
var understood = []struct {
	name, body string
	want       relay.Fields
}{
	{"event alone", `{"event":"bot.done"}`, done},
	{"blanks around", " \t\r\n{\"event\" :\n\"bot.done\"}\r\n\t ", done},
	{"data null", `{"event":"bot.done","data":null}`, done},
	{"data a list", `{"event":"bot.done","data":[{"bot":{"id":"b"}}]}`, done},
	{"data a text", `{"event":"bot.done","data":"{}"}`, done},
	{"bot a text", wrap(`"bot":"b"`), done},
	{"bot null", wrap(`"bot":null`), done},
	{"bot id a number", wrap(`"bot":{"id":7}`), done},
	{"bot id null", wrap(`"bot":{"id":null}`), done},
	{"bot id a list", wrap(`"bot":{"id":["b"]}`), done},
	{"bot id empty", wrap(`"bot":{"id":""}`), with(func(f *relay.Fields) { f.BotID = relay.Some("") })},
	{"bot id empty, legacy id there", wrap(`"bot":{"id":""},"bot_id":"b"`), with(bot("b"))},
	{"both bot ids", wrap(`"bot_id":"old","bot":{"id":"b"}`), with(bot("b"))},
	{"code a number", wrap(`"data":{"code":1,"sub_code":2.5,"updated_at":3}`), done},
	{"code true", wrap(`"data":{"code":true,"sub_code":false}`), done},
	{"code empty", wrap(`"data":{"code":"","sub_code":""}`), with(func(f *relay.Fields) { f.Code, f.SubCode = relay.Some(""), relay.Some("") })},
	{"metadata null", wrap(`"bot":{"metadata":null}`), done},
	{"metadata a list", wrap(`"bot":{"metadata":[1]}`), done},
	{"metadata a text", wrap(`"bot":{"metadata":"{}"}`), done},
	{"metadata twice inside", wrap(`"bot":{"metadata":{"a":1,"a":2,"A":3}}`), with(func(f *relay.Fields) { f.Metadata = []byte(`{"a":1,"a":2,"A":3}`) })},
	{"metadata with blanks", wrap(`"bot":{"metadata": { "a" : 1 } }`), with(func(f *relay.Fields) { f.Metadata = []byte(`{ "a" : 1 }`) })},
	{"metadata with names of ours", wrap(`"bot":{"metadata":{"event":1,"event":2,"Data":3,"id":4,"ID":5}}`),
		with(func(f *relay.Fields) { f.Metadata = []byte(`{"event":1,"event":2,"Data":3,"id":4,"ID":5}`) })},
	{"unknown keys twice", `{"x":1,"event":"bot.done","x":2,"X":3,"data":{"y":1,"y":2,"data":{"z":1,"z":2},"bot":{"w":1,"w":2}}}`, done},
	{"names of ours where they are not read", `{"code":1,"Code":2,"id":1,"id":2,"event":"bot.done","data":{"event":1,"Event":2,"event":3,"code":1,"CODE":2}}`, done},
	{"names of ours in unread objects", wrap(`"transcript":{"id":"a","id":"b","ID":"c"},"calendar":{"id":1,"id":2}`), done},
	{"data within data.data is not read", wrap(`"data":{"data":1,"data":2,"Data":3,"bot":4,"bot":5}`), done},
	{"bot beside data is not read", `{"event":"bot.done","bot":{"id":"b"},"Bot":1}`, done},
	{"escaped key", `{"\u0065vent":"bot.done","d\u0061ta":{"b\u006ft":{"i\u0064":"b"}}}`, with(bot("b"))},
	{"escaped value", wrap(`"bot":{"id":"\u0062\/\ud83d\ude00\n"}`), with(bot("b/😀\n"))},
	{"zero character", wrap(`"bot":{"id":"a\u0000b"}`), with(bot("a\x00b"))},
	{"noncharacters", wrap(`"bot":{"id":"\ufffe\uffff"}`), with(bot("\ufffe\uffff"))},
	{"a replacement character is a character", wrap(`"bot":{"id":"\ufffd` + "\uFFFD" + `"}`), with(bot("\ufffd\ufffd"))},
	{"byte order mark inside a text", wrap(`"bot":{"id":"` + "\ufeff" + `"}`), with(bot("\ufeff"))},
	{"dashes are no case", wrap(`"bot-id":"x","botid":"y","sub-code":1`), done},
	{"key of the recording", wrap(`"slack_team":{"id":"t"},"sdk_upload":{"id":"u"},"recording":{"id":"r"},"calendar_id":"c"`), with(func(f *relay.Fields) { f.Key = "r" })},
	{"key of the upload", wrap(`"slack_team":{"id":"t"},"sdk_upload":{"id":"u"},"recording":null,"calendar_id":"c"`), with(func(f *relay.Fields) { f.Key = "u" })},
	{"key of the calendar", wrap(`"slack_team":{"id":"t"},"sdk_upload":{"id":""},"calendar_id":"c"`), with(func(f *relay.Fields) { f.Key = "c" })},
	{"key of the team", wrap(`"slack_team":{"id":"t"},"calendar_id":7`), with(func(f *relay.Fields) { f.Key = "t" })},
	{"nested 512 deep", wrap(`"x":` + strings.Repeat("[", 510) + strings.Repeat("]", 510)), done},
	{"nested 512 deep, and more beside", wrap(`"x":` + strings.Repeat("[", 510) + strings.Repeat("]", 510) + `,"y":[[],[],[]]`), done},
	{"600 brackets within a text, behind an escaped quote", wrap(`"x":"\\\"` + strings.Repeat("[{", 600) + `"`), done},
	{"600 brackets within a text", wrap(`"x":"` + strings.Repeat("[{", 600) + `"`), done},
	{"600 brackets side by side", wrap(`"x":[` + strings.Repeat("[],{},", 300) + `"\\\"[["]`), done},
	{"legacy event, no code", `{"event":"bot.status_change","data":{"bot_id":"b","status":{"code":null,"created_at":"x"}}}`,
		relay.Fields{Event: "bot.status_change", BotID: relay.Some("b"), Key: "b"}},
	{"legacy event, empty code", `{"event":"bot.status_change","data":{"status":{"code":""}}}`,
		relay.Fields{Event: "bot.status_change", Code: relay.Some(""), Key: "msg_1"}},
	{"legacy event, both objects: the current one counts", `{"event":"bot.status_change","data":{"status":{"code":"fatal","sub_code":"meeting_full"},"data":{"code":"done","sub_code":null}}}`,
		relay.Fields{Event: "bot.done", Code: relay.Some("done"), Key: "msg_1"}},
	{"current event, legacy object", wrap(`"bot_id":"b","status":{"code":"done","created_at":"2024-08-06T01:23:07Z"}`),
		with(func(f *relay.Fields) {
			bot("b")(f)
			f.Code, f.At = relay.Some("done"), time.Date(2024, 8, 6, 1, 23, 7, 0, time.UTC)
		})},
	{"hostile event", `{"event":"*\u0000<!channel>\n"}`, relay.Fields{Event: "*\x00<!channel>\n", Key: "msg_1"}},
}

func TestNormaliseUnderstands(t *testing.T) {
	for _, c := range understood {
		t.Run(c.name, func(t *testing.T) {
			got, trouble := Normalise("msg_1", []byte(c.body))
			if trouble != "" {
				t.Fatalf("quarantined: %s", trouble)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(relay.Optional{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTime(t *testing.T) {
	at := time.Date(2026, 3, 4, 15, 0, 2, 118403000, time.UTC)
	whole := time.Date(2026, 3, 4, 15, 0, 2, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-04T15:00:02.118403Z":      at,
		"2026-03-04T15:00:02.118403+00:00": at,
		"2026-03-04T17:00:02.118403+02:00": at,
		"2026-03-04T09:30:02.118403-05:30": at,
		"2026-03-04T15:00:02.118403":       at,
		"2026-03-04 15:00:02.118403":       at,
		"2026-03-04 15:00:02":              whole,
		"2026-03-04 15:00:02Z":             whole,
		"2026-03-04T15:00:02Z":             whole,
		"":                                 {},
		"yesterday":                        {},
		"2026-03-04":                       {},
		"2026-03-04T15:00Z":                {},
		"2026-03-04T15:00:02,118403Z":      {},
		"2026-03-04T5:00:02.1184030Z":      {},
		"2026-02-30T15:00:02Z":             {},
		"2026-03-04T25:00:02Z":             {},
		"2026-03-04T15:00:02+24:00":        {},
		"2026-03-04T15:00:02Zzz":           {},
		"2026-03-04_15:00:02":              {},
		"1772636402000000000":              {},
		"0001-01-01T00:00:00Z":             {},
		"9999-12-31T23:59:59Z":             {},
		"1969-12-31T23:59:59Z":             {},
		" 2026-03-04T15:00:02Z":            {},
		"2026-03-04T15:00:02Z" + "\x00":    {},
		"2026-03-04T15:00:02." + strings.Repeat("1", 100) + "Z": {},
	} {
		if got := readTime(text); !got.Equal(want) || !got.IsZero() && got.Location() != time.UTC {
			t.Errorf("readTime(%q) = %v, want %v", text, got, want)
		}
	}
}

// Metadata is a part of the body; nothing else may be, or a short text would keep
// a whole body in memory.
func TestNormaliseSharesOnlyMetadata(t *testing.T) {
	raw := kilobyte(t)
	f, _ := Normalise("msg_1", raw)
	before := describe(f)
	metadata := bytes.Clone(f.Metadata)
	clear(raw)
	if bytes.Equal(f.Metadata, metadata) {
		t.Error("metadata is a copy; it was to alias the body")
	}
	if cap(f.Metadata) != len(f.Metadata) {
		t.Errorf("metadata has room for %d bytes more", cap(f.Metadata)-len(f.Metadata))
	}
	f.Metadata = metadata
	if after := describe(f); after != before {
		t.Errorf("fields changed with the body:\n%s", cmp.Diff(before, after))
	}
}

func TestNormaliseAllocations(t *testing.T) {
	raw := kilobyte(t)
	if n := testing.AllocsPerRun(100, func() { Normalise("msg_1", raw) }); n > 14 {
		t.Errorf("%v allocations for 1 KB, want at most 14", n)
	}
}
