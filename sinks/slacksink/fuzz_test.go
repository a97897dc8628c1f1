package slacksink

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// ours are the only pieces of markup that a message may have.
var ours = regexp.MustCompile(`<!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d UTC>` +
	`|<https://[^<>|]+\|[^<>|]+>|<@U0123DANA>|<!here>`)

// FuzzRender holds that nothing of an event can make markup, break a line or
// pass a limit of Slack's.
func FuzzRender(f *testing.F) {
	for _, s := range recall.Samples() {
		fields, _ := recall.Normalise("msg_1", s.Body)
		f.Add(fields.Event, fields.SubCode.String(), fields.Side, fields.BotID.String(), "recall", "msg_1", s.Body, fields.At.Unix(), true)
	}
	for _, hostile := range []string{
		"<!channel>", "&lt;!here&gt;", "`", "*", "a\nb", "\u202e", "\x00", "\xff\xfe", ">", "<", "|", strings.Repeat("<", 100_000), strings.Repeat("é", 61),
	} {
		f.Add(hostile, hostile, hostile, hostile, hostile, hostile, []byte(`{"data":{"x":{"id":"<!here>"}}}`), int64(-1), false)
	}
	f.Fuzz(func(t *testing.T, event, subCode, side, bot, source, id string, body []byte, unix int64, inCall bool) {
		ev := &relay.Event{Source: source, ID: id, Raw: body, Received: time.Unix(unix, 0)}
		ev.Fields = relay.Fields{
			Event: event, SubCode: relay.Some(subCode), Side: side, BotID: relay.Some(bot),
			Platform: recall.Platform(relay.Some(subCode)), At: time.Unix(unix/2, 0),
		}
		holdMessage(t, render(alert{
			event: ev, life: recall.Life{InCall: inCall, SetOut: time.Unix(1, 0), Failed: time.Unix(unix, 0)},
			leads: []string{"SIMULATED"}, mentions: []string{"<@U0123DANA>", "<!here>"},
		}))
	})
}

func holdMessage(t *testing.T, m message) {
	t.Helper()
	whole, err := json.Marshal(m.forWebhook())
	if err != nil || len(whole) > 13_200 {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	for i, b := range m.blocks {
		object := textOf(b)
		if err := object.Validate(); err != nil {
			t.Errorf("%v: %q", err, object.Text)
		}
		lines := 1
		if i == 0 {
			lines = 2
		}
		holdText(t, object.Text, lines)
		if strings.Count(object.Text, "`")%2 != 0 {
			t.Errorf("a piece of code is not closed: %q", object.Text)
		}
	}
	holdText(t, m.text, 1)
	if strings.ContainsAny(m.text, "<>") {
		t.Errorf("markup in the phone text: %q", m.text)
	}
	if n := utf8.RuneCountInString(unescape(m.text)); n > phoneLimit || n == 0 {
		t.Errorf("the phone text has %d characters: %q", n, m.text)
	}
}

func textOf(b slack.Block) *slack.TextBlockObject {
	if c, ok := b.(*slack.ContextBlock); ok {
		return c.ContextElements.Elements[0].(*slack.TextBlockObject)
	}
	return b.(*slack.SectionBlock).Text
}

func holdText(t *testing.T, text string, lines int) {
	t.Helper()
	if !utf8.ValidString(text) || strings.Count(text, "\n")+1 != lines || strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}) {
		t.Errorf("not %d clean lines: %q", lines, text)
	}
	rest := ours.ReplaceAllString(text, "")
	if strings.ContainsAny(rest, "<>") {
		t.Errorf("markup that is not ours: %q", text)
	}
	for _, piece := range strings.Split(rest, "&")[1:] {
		if !strings.HasPrefix(piece, "amp;") && !strings.HasPrefix(piece, "lt;") && !strings.HasPrefix(piece, "gt;") {
			t.Errorf("an & that is not escaped: %q", text)
		}
	}
}

// FuzzAnswer holds that only a clear yes counts as one, and that no error shows
// a secret or more than one line.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"ok":true,"ts":"1.000001"}`, `{"ok":false,"error":"invalid_auth"}`, `{"ok":false}`, `{}`, ``, `null`, `[]`, `"ok"`, `ok`, `<html>`,
		`{"ok":true,"ts":1}`, `{"ok":false,"ts":"1.000001","error":" "}`, `{"ok":false,"error":"x","errors":["y",{"z":1}]}`,
		`{"ok":false,"error":"` + testToken + `"}`, `no_service`, "ok\n", `{"ok":true,"ts":"1.000001"`,
	} {
		for _, status := range []int{200, 201, 302, 400, 403, 404, 429, 500, 503} {
			f.Add(status, "7", body)
		}
	}
	f.Add(429, "1.5", "")
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		o := DefaultOptions()
		o.Token, o.Channel = testToken, testChannel
		w := DefaultOptions()
		w.WebhookURL = "https://hooks.slack.com/services/T0/B0/" + webhookCanary
		for _, options := range []Options{o, w} {
			m := &memorySlack{answer: func(string) (int, http.Header, string) {
				return max(status, 1), http.Header{"Retry-After": {retryAfter}}, body
			}}
			c := newClient(options, "test")
			c.transport = m
			ts, err := c.post(t.Context(), options.Channel, message{text: "x"}, []byte("{}"))
			if err == nil {
				var answer struct {
					OK bool
				}
				yes := options.Token != "" && json.Unmarshal([]byte(body), &answer) == nil && answer.OK && ts != "" ||
					options.Token == "" && strings.TrimSpace(body) == "ok"
				if status != 200 || !yes {
					t.Errorf("HTTP %d %q is taken for a yes", status, body)
				}
				continue
			}
			text := err.Error()
			if strings.Contains(text, testToken) || strings.Contains(text, webhookCanary) || !utf8.ValidString(text) ||
				strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(text) > 1000 || text == "" {
				t.Errorf("the error is %q", text)
			}
		}
	})
}
