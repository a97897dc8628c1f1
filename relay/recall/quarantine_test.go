package recall

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func twice(path string) string { return `"` + path + `" is here twice` }

func otherCase(path string) string {
	return `a key differs from "` + path + `" in upper and lower case only`
}

const good = `{"event":"bot.done"}`

// Bodies that are quarantined, each with its sentence.
var quarantined = []struct{ name, body, want string }{
	// not one JSON object
	{"nothing", "", "the body is empty"},
	{"blanks", " \n", "the JSON is cut off at byte 2"},
	{"byte order mark", "\ufeff" + good, "the body begins with a byte order mark"},
	{"UTF-16", "{\x00\"\x00e\x00", "not valid JSON at byte 1"},
	{"null", "null", "not a JSON object"},
	{"list", "[" + good + "]", "not a JSON object"},
	{"text", `"event"`, "not a JSON object"},
	{"number", "1", "not a JSON object"},
	{"true", "true", "not a JSON object"},
	{"form", "event=bot.done", "not valid JSON at byte 0"},
	{"xml", "<event/>", "not valid JSON at byte 0"},
	{"gzip", "\x1f\x8b\x08\x00", "not valid UTF-8 at byte 1"},
	{"lone end", "}", "not a JSON object"},
	// something behind it
	{"second object", good + good, "something follows the JSON, which ends at byte 20"},
	{"second object in a line of its own", good + "\n" + good, "something follows the JSON, which ends at byte 20"},
	{"second end", good + "}", "something follows the JSON, which ends at byte 20"},
	{"comma behind", good + ",", "something follows the JSON, which ends at byte 20"},
	{"zero byte behind", good + "\x00", "something follows the JSON, which ends at byte 20"},
	{"comment behind", good + "// x", "something follows the JSON, which ends at byte 20"},
	// not strict
	{"cut off", `{"event":"bot.do`, "the JSON is cut off at byte 16"},
	{"cut off after a value", `{"event":"bot.done"`, "the JSON is cut off at byte 19"},
	{"comma before the end", `{"event":"bot.done",}`, "not valid JSON at byte 19"},
	{"no colon", `{"event" "bot.done"}`, "not valid JSON at byte 9"},
	{"single quotes", `{'event':'bot.done'}`, "not valid JSON at byte 1"},
	{"key without quotes", `{event:"bot.done"}`, "not valid JSON at byte 1"},
	{"key a number", `{"event":"bot.done",1:2}`, "not valid JSON at byte 20"},
	{"key an object", `{"event":"bot.done",{}:2}`, "not valid JSON at byte 20"},
	{"NaN", `{"event":"bot.done","x":NaN}`, "not valid JSON at byte 24"},
	{"leading zero", `{"event":"bot.done","x":01}`, "not valid JSON at byte 25"},
	{"plus", `{"event":"bot.done","x":+1}`, "not valid JSON at byte 24"},
	{"comment", `{/**/"event":"bot.done"}`, "not valid JSON at byte 1"},
	{"line feed in a text", "{\"event\":\"bot\n.done\"}", "not valid JSON at byte 13"},
	{"unknown escape", `{"event":"bot\x.done"}`, "not valid JSON at byte 13"},
	{"form feed as a blank", "{\f\"event\":\"bot.done\"}", "not valid JSON at byte 1"},
	{"no-break space as a blank", "{\u00a0\"event\":\"bot.done\"}", "not valid JSON at byte 1"},
	{"wrong end", `{"event":"bot.done","x":[1}`, "not valid JSON at byte 26"},
	// not UTF-8
	{"invalid byte in a value", "{\"event\":\"bot.done\",\"x\":\"a\xffb\"}", "not valid UTF-8 at byte 26"},
	{"invalid byte in a key", "{\"event\":\"bot.done\",\"\xc3\":1}", "not valid UTF-8 at byte 21"},
	{"overlong", "{\"event\":\"bot.done\",\"x\":\"\xc0\xaf\"}", "not valid UTF-8 at byte 25"},
	{"surrogate as UTF-8", "{\"event\":\"bot.done\",\"x\":\"\xed\xa0\x80\"}", "not valid UTF-8 at byte 25"},
	{"beyond Unicode", "{\"event\":\"bot.done\",\"x\":\"\xf4\x90\x80\x80\"}", "not valid UTF-8 at byte 25"},
	{"lone high surrogate", `{"event":"bot.done","x":"\ud83d"}`, "not valid JSON at byte 25"},
	{"lone low surrogate", `{"event":"bot.done","x":"\ude00"}`, "not valid JSON at byte 25"},
	{"surrogates the wrong way round", `{"event":"bot.done","x":"\ude00\ud83d"}`, "not valid JSON at byte 25"},
	{"lone surrogate in metadata", wrap(`"bot":{"metadata":{"x":"\ud800!"}}`), "not valid JSON at byte 52"},
	{"lone surrogate in the event", `{"event":"\ud800"}`, "not valid JSON at byte 10"},
	// too deep
	{"513 deep", wrap(`"x":` + strings.Repeat("[", 511) + strings.Repeat("]", 511)), "nested deeper than 512"},
	{"513 deep in metadata", wrap(`"bot":{"metadata":` + strings.Repeat(`{"a":`, 510) + "1" + strings.Repeat("}", 510) + "}"), "nested deeper than 512"},
	{"20,000 deep", strings.Repeat("[", 20000), "nested deeper than 512"},
	{"a million deep", `{"event":` + strings.Repeat(`{"a":`, 1_000_000), "nested deeper than 512"},
	// no event
	{"empty object", "{}", `no "event"`},
	{"event null", `{"event":null}`, `no "event"`},
	{"event a number", `{"event":1}`, `no "event"`},
	{"event an object", `{"event":{"name":"bot.done"}}`, `no "event"`},
	{"event a list", `{"event":["bot.done"]}`, `no "event"`},
	{"event empty", `{"event":""}`, `"event" is empty`},
	{"type instead", `{"type":"bot.done"}`, `no "event"`},
	{"event within data", `{"data":{"event":"bot.done"}}`, `no "event"`},
	// a key twice on the path
	{"event twice", `{"event":"a","event":"b"}`, twice("event")},
	{"event twice, the same", `{"event":"a","event":"a"}`, twice("event")},
	{"event twice, one null", `{"event":null,"event":"a"}`, twice("event")},
	{"event twice, one escaped", `{"event":"a","\u0065vent":"b"}`, twice("event")},
	{"event twice, far apart", `{"event":"a","data":{"bot":{"metadata":{}}},"x":[1],"event":"b"}`, twice("event")},
	{"data twice", `{"event":"a","data":{},"data":{}}`, twice("data")},
	{"data twice, one null", `{"event":"a","data":{"bot":{"id":"b"}},"data":null}`, twice("data")},
	{"data.data twice", wrap(`"data":{},"data":{"code":"x"}`), twice("data.data")},
	{"data.bot twice", wrap(`"bot":null,"bot":{}`), twice("data.bot")},
	{"data.bot_id twice", wrap(`"bot_id":1,"bot_id":"b"`), twice("data.bot_id")},
	{"data.status twice", wrap(`"status":{},"status":[]`), twice("data.status")},
	{"data.recording twice", wrap(`"recording":{},"recording":{}`), twice("data.recording")},
	{"data.sdk_upload twice", wrap(`"sdk_upload":{},"sdk_upload":{}`), twice("data.sdk_upload")},
	{"data.slack_team twice", wrap(`"slack_team":{},"slack_team":{}`), twice("data.slack_team")},
	{"data.calendar_id twice", wrap(`"calendar_id":"a","calendar_id":"b"`), twice("data.calendar_id")},
	{"code twice", wrap(`"data":{"code":"a","code":"b"}`), twice("data.data.code")},
	{"sub_code twice", wrap(`"data":{"sub_code":null,"sub_code":"b"}`), twice("data.data.sub_code")},
	{"updated_at twice", wrap(`"data":{"updated_at":"","updated_at":""}`), twice("data.data.updated_at")},
	{"bot.id twice", wrap(`"bot":{"id":"a","id":"b"}`), twice("data.bot.id")},
	{"bot.metadata twice", wrap(`"bot":{"metadata":{},"metadata":{}}`), twice("data.bot.metadata")},
	{"status.code twice", wrap(`"status":{"code":"a","code":"b"}`), twice("data.status.code")},
	{"status.sub_code twice", wrap(`"status":{"sub_code":"a","sub_code":"b"}`), twice("data.status.sub_code")},
	{"status.created_at twice", wrap(`"status":{"created_at":"a","created_at":"b"}`), twice("data.status.created_at")},
	{"recording.id twice", wrap(`"recording":{"id":"a","id":"b"}`), twice("data.recording.id")},
	{"sdk_upload.id twice", wrap(`"sdk_upload":{"id":"a","id":"b"}`), twice("data.sdk_upload.id")},
	{"slack_team.id twice", wrap(`"slack_team":{"id":"a","id":"b"}`), twice("data.slack_team.id")},
	// a key in another case on the path
	{"Event beside event", `{"event":"a","Event":"b"}`, otherCase("event")},
	{"Event alone", `{"Event":"a"}`, otherCase("event")},
	{"EVENT escaped", `{"event":"a","\u0045VENT":"b"}`, otherCase("event")},
	{"Data", `{"event":"a","Data":{}}`, otherCase("data")},
	{"data.Data", wrap(`"Data":{}`), otherCase("data.data")},
	{"data.BOT", wrap(`"BOT":{"id":"b"}`), otherCase("data.bot")},
	{"data.Bot_Id", wrap(`"Bot_Id":"b"`), otherCase("data.bot_id")},
	{"data.bot.ID", wrap(`"bot":{"id":"a","ID":"b"}`), otherCase("data.bot.id")},
	{"data.bot.Metadata", wrap(`"bot":{"Metadata":{}}`), otherCase("data.bot.metadata")},
	{"data.data.Code", wrap(`"data":{"Code":"x"}`), otherCase("data.data.code")},
	{"data.data.Sub_code", wrap(`"data":{"Sub_code":"x"}`), otherCase("data.data.sub_code")},
	{"data.Status", wrap(`"Status":{}`), otherCase("data.status")},
	{"long s", wrap("\"\u017ftatus\":{}"), otherCase("data.status")},
	{"Kelvin sign", wrap("\"slac\u212a_team\":{}"), otherCase("data.slack_team")},
	{"recording.Id", wrap(`"recording":{"Id":"r"}`), otherCase("data.recording.id")},
}

func TestNormaliseQuarantines(t *testing.T) {
	for _, c := range quarantined {
		t.Run(c.name, func(t *testing.T) {
			f, got := Normalise("msg_1", []byte(c.body))
			if got != c.want {
				t.Errorf("trouble %q, want %q", got, c.want)
			}
			if diff := cmp.Diff(relay.Fields{}, f, cmp.AllowUnexported(relay.Optional{})); diff != "" {
				t.Errorf("fields of a quarantined body:\n%s", diff)
			}
		})
	}
}

// The sentences go into logs, alerts and the page: they hold nothing that a body
// said, whatever is wrong with it.
func TestTroubleHoldsNoPayload(t *testing.T) {
	const secret = "hunter2"
	for _, body := range []string{
		secret, `"` + secret + `"`, `{"` + secret, `{"event":"` + secret, `{"event":"` + secret + `"} ` + secret,
		`{"event":"` + secret + `","event":"` + secret + `"}`, `{"` + secret + `":1}`, `{"event":["` + secret + `"]}`,
		`{"event":"` + secret + "\xff\"}", `{"event":"` + secret + `\ud800"}`, `{"` + secret + `":` + strings.Repeat("[", 600),
		`{"` + secret + `":{"` + secret + `":x}}`,
	} {
		_, trouble := Normalise(secret, []byte(body))
		if trouble == "" || strings.Contains(trouble, secret) || len(trouble) > 100 {
			t.Errorf("%q: trouble %q", body, trouble)
		}
		if _, err := Decode([]byte(body)); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: error %q", body, err)
		}
	}
}

// A body made to be slow takes no longer than its size allows.
func TestNormaliseTakesLinearTime(t *testing.T) {
	const size = 1 << 20
	for name, body := range map[string]string{
		"many keys":           `{"event":"a"` + strings.Repeat(`,"key":1`, size/8) + "}",
		"many keys like ours": `{"event":"a","data":{"x":1` + strings.Repeat(`,"STATU$":1`, size/11) + "}}",
		"many escapes":        `{"event":"` + strings.Repeat(`\u0061`, size/6) + `"}`,
		"many brackets":       `{"event":"a","x":[` + strings.Repeat(`[],`, size/3) + `1]}`,
		"quotes and slashes":  `{"event":"a","x":"` + strings.Repeat(`\\\"`, size/4) + strings.Repeat("{", 600) + `"}`,
	} {
		begin := time.Now()
		if _, trouble := Normalise("msg_1", []byte(body)); trouble != "" {
			t.Errorf("%s: %s", name, trouble)
		}
		if took := time.Since(begin); took > 2*time.Second { // about 10 ms on an idle machine
			t.Errorf("%s: 1 MiB took %v", name, took)
		}
	}
}
