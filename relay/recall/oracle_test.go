package recall

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

// viaMap reads the fields another way: encoding/json into a map, where the last
// of two equal keys counts, and look-ups by path.
func viaMap(tb testing.TB, id string, raw []byte) relay.Fields {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var body map[string]any
	if err := dec.Decode(&body); err != nil {
		tb.Fatalf("encoding/json refuses what was understood: %v", err)
	}
	return fieldsFrom(id, func(path string) relay.Optional {
		var v any = body
		for name := range strings.SplitSeq(path, ".") {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		if text, ok := v.(string); ok {
			return relay.Some(text)
		}
		return relay.Optional{}
	})
}

// viaStruct reads them a third way, as most programs do: into structs, where
// encoding/json ignores the case of keys.
func viaStruct(tb testing.TB, id string, raw []byte) relay.Fields {
	tb.Helper()
	type object struct {
		Event, Data            json.RawMessage
		Bot, Status, Recording json.RawMessage
		SDKUpload              json.RawMessage `json:"sdk_upload"`
		SlackTeam              json.RawMessage `json:"slack_team"`
		BotID                  json.RawMessage `json:"bot_id"`
		CalendarID             json.RawMessage `json:"calendar_id"`
		ID, Code               json.RawMessage
		SubCode                json.RawMessage `json:"sub_code"`
		UpdatedAt              json.RawMessage `json:"updated_at"`
		CreatedAt              json.RawMessage `json:"created_at"`
	}
	pick := map[string]func(*object) json.RawMessage{
		"event": func(o *object) json.RawMessage { return o.Event }, "data": func(o *object) json.RawMessage { return o.Data },
		"bot": func(o *object) json.RawMessage { return o.Bot }, "status": func(o *object) json.RawMessage { return o.Status },
		"recording": func(o *object) json.RawMessage { return o.Recording }, "sdk_upload": func(o *object) json.RawMessage { return o.SDKUpload },
		"slack_team": func(o *object) json.RawMessage { return o.SlackTeam }, "bot_id": func(o *object) json.RawMessage { return o.BotID },
		"calendar_id": func(o *object) json.RawMessage { return o.CalendarID }, "id": func(o *object) json.RawMessage { return o.ID },
		"code": func(o *object) json.RawMessage { return o.Code }, "sub_code": func(o *object) json.RawMessage { return o.SubCode },
		"updated_at": func(o *object) json.RawMessage { return o.UpdatedAt }, "created_at": func(o *object) json.RawMessage { return o.CreatedAt },
	}
	return fieldsFrom(id, func(path string) relay.Optional {
		v := json.RawMessage(raw)
		for name := range strings.SplitSeq(path, ".") {
			var o object
			if json.Unmarshal(v, &o) != nil {
				return relay.Optional{}
			}
			v = pick[name](&o)
		}
		var text *string
		if json.Unmarshal(v, &text) != nil || text == nil {
			return relay.Optional{}
		}
		return relay.Some(*text)
	})
}

// fieldsFrom is the rules of the fields over any way to read a text; it leaves
// metadata out.
func fieldsFrom(id string, text func(path string) relay.Optional) relay.Fields {
	present := func(path string) bool { _, ok := text(path).Get(); return ok }
	status, at := "data.status.", "created_at"
	if present("data.data.code") || present("data.data.sub_code") || present("data.data.updated_at") {
		status, at = "data.data.", "updated_at"
	}
	f := relay.Fields{
		Event: text("event").String(), Code: text(status + "code"), SubCode: text(status + "sub_code"),
		At: readTime(text(status + at).String()), BotID: text("data.bot.id"), Key: id,
	}
	if f.Event == "bot.status_change" && f.Code.String() != "" {
		f.Event = "bot." + f.Code.String()
	}
	if old := text("data.bot_id"); f.BotID.String() == "" && old.String() != "" {
		f.BotID = old
	}
	for _, path := range []string{"data.slack_team.id", "data.calendar_id", "data.sdk_upload.id", "data.recording.id"} {
		if s := text(path).String(); s != "" {
			f.Key = s
		}
	}
	if s := f.BotID.String(); s != "" {
		f.Key = s
	}
	f.Side, f.Platform = Side(f.Event, f.SubCode), Platform(f.SubCode)
	return f
}

// agrees holds that a body which was understood is understood in the same way
// by encoding/json, into maps and into structs.
func agrees(tb testing.TB, id string, raw []byte, f relay.Fields) {
	tb.Helper()
	if !json.Valid(raw) {
		tb.Fatal("understood, but not valid for encoding/json")
	}
	if f.Metadata != nil && (!bytes.Contains(raw, f.Metadata) || !json.Valid(f.Metadata) || f.Metadata[0] != '{') {
		tb.Errorf("metadata is no object of the body: %q", f.Metadata)
	}
	f.Metadata = nil
	for name, read := range map[string]func(testing.TB, string, []byte) relay.Fields{"maps": viaMap, "structs": viaStruct} {
		if diff := cmp.Diff(read(tb, id, raw), f, cmp.AllowUnexported(relay.Optional{})); diff != "" {
			tb.Errorf("encoding/json into %s reads otherwise (-theirs +ours):\n%s", name, diff)
		}
	}
}

func TestNormaliseAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range Samples() {
		t.Run(s.Name, func(t *testing.T) {
			f, trouble := Normalise("msg_1", s.Body)
			if trouble != "" {
				t.Fatal(trouble)
			}
			agrees(t, "msg_1", s.Body, f)
		})
	}
}

// Never panics, never changes the body; what it understands has an event and
// means the same to encoding/json.
func FuzzNormalise(f *testing.F) {
	for _, s := range Samples() {
		if len(s.Body) < 4096 {
			f.Add(s.Body)
		}
	}
	quarantined, err := filepath.Glob("testdata/quarantined/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range quarantined {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, seed := range []string{
		wrap(`"bot":{"id":"a","ID":"b"}`), wrap(`"data":{},"data":{}`), `{"\u0065vent":"x","event":"y"}`, wrap("\"\u017ftatus\":1"),
		wrap(`"bot_id":"b","status":{"code":"done","created_at":"2024-08-06 01:23:07"}`), wrap(`"x":` + strings.Repeat("[", 600)),
		wrap(`"sdk_upload":{"id":"u"},"slack_team":{"id":"t"},"calendar_id":"c","recording":{"id":"r"}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		fields, trouble := Normalise("msg_1", raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("the body was changed")
		}
		_, err := Decode(raw)
		if trouble != "" {
			if len(trouble) > 100 {
				t.Errorf("trouble is %d bytes long", len(trouble))
			}
			return
		}
		if err != nil {
			t.Errorf("understood, but Decode says: %v", err)
		}
		if fields.Event == "" || fields.Key == "" {
			t.Errorf("event %q, key %q", fields.Event, fields.Key)
		}
		agrees(t, "msg_1", raw, fields)
	})
}
