package slacksink

import (
	"encoding/json"
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
