package slacksink

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
	"botrelay/sinks/slacksink/slacktest"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// scene is one message, from delivery to what Slack is sent.
type scene struct {
	name     string
	event    func(t *testing.T) *relay.Event
	timeline []string // samples that were received before
	noReader bool
	delivery relay.Delivery
	mention  []string
	mark     string
	refused  string // Slack's error for the route's channel
}

func sampled(name string) func(*testing.T) *relay.Event {
	return func(t *testing.T) *relay.Event { return sample(t, name) }
}

func status(name, subCode string) func(*testing.T) *relay.Event {
	return func(t *testing.T) *relay.Event { return statusEvent(t, name, subCode) }
}

func raw(id, body string) func(*testing.T) *relay.Event {
	return func(t *testing.T) *relay.Event { return received(t, id, []byte(body)) }
}

func later(event func(*testing.T) *relay.Event, by time.Duration) func(*testing.T) *relay.Event {
	return func(t *testing.T) *relay.Event {
		ev := event(t)
		ev.Received = ev.Received.Add(by)
		return ev
	}
}

var setOut = []string{"bot.joining_call"}

func scenes() []scene {
	return []scene{
		{name: "fatal_account", event: sampled("bot.fatal"), timeline: setOut, mention: []string{"S0123ABCD"}},
		{name: "fatal_host", event: status("bot.fatal", `"meeting_requires_registration"`), timeline: setOut},
		{name: "fatal_platform", event: status("bot.fatal", `"zoom_internal_error"`), timeline: setOut, mention: []string{"U0123DANA", "here"}},
		{name: "fatal_recall", event: status("bot.fatal", `"bot_errored"`), timeline: setOut},
		{name: "fatal_unknown_listed", event: status("bot.fatal", `"rtms_signature_invalid"`), timeline: setOut},
		{name: "fatal_unknown_code", event: status("bot.fatal", `"microsoft_teams_quantum_lobby"`), timeline: setOut},
		{name: "fatal_unknown_zoom_code", event: status("bot.fatal", `"zoom_quantum_flux"`), timeline: setOut, mention: []string{"S0123ABCD"}},
		{name: "fatal_null_code", event: sampled("odd.null_sub_code_on_fatal"), timeline: setOut},
		{name: "fatal_thrown_out", event: status("bot.fatal", `"microsoft_teams_call_dropped"`), timeline: []string{"bot.joining_call", "bot.in_waiting_room", "bot.in_call_not_recording"}},
		{name: "fatal_without_timeline", event: sampled("bot.fatal"), noReader: true},
		{name: "fatal_without_bot", event: raw("msg_2kFqV7c3yX1example00001", `{"event":"bot.fatal","data":{"data":{"sub_code":"meeting_full","updated_at":"2026-03-04T15:00:19Z"}}}`)},
		{name: "fatal_legacy", event: sampled("legacy.bot.status_change.fatal")},
		{name: "fatal_hostile", event: status("bot.fatal", `"<!channel> `+"`x`"+` \r\n> <https://evil.example|click> & \u202e\u0007https://evil.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`), timeline: setOut},
		{name: "denied", event: sampled("bot.recording_permission_denied"), mention: []string{"channel"}},
		{name: "denied_null_code", event: status("bot.recording_permission_denied", "null")},
		{name: "recording_failed", event: sampled("recording.failed")},
		{name: "transcript_failed", event: sampled("transcript.failed")},
		{name: "sdk_upload_failed", event: sampled("sdk_upload.failed")},
		{name: "in_call_recording", event: sampled("bot.in_call_recording")},
		{name: "call_ended_host_side", event: sampled("bot.call_ended.waiting_room_timeout")},
		{name: "call_ended_nobody", event: sampled("bot.call_ended")},
		{name: "call_ended_null_code", event: status("bot.call_ended", "null")},
		{name: "bot_done", event: sampled("bot.done")},
		{name: "breakout_room_entered", event: sampled("bot.breakout_room_entered")},
		{name: "calendar_update", event: sampled("calendar.update")},
		{name: "slack_team_invited", event: sampled("slack_team.invited")},
		{name: "derived_listed", event: sampled("botrelay.bot_not_recorded")},
		{name: "derived_own_word", event: sampled("botrelay.bot_stuck")},
		{name: "event_without_dot", event: raw("msg_2kFqV7c3yX1example00001", `{"event":"ping"}`)},
		{name: "event_hostile", event: sampled("odd.event_name_hostile")},
		{name: "metadata_markup", event: sampled("odd.metadata_markup")},
		{name: "simulated_metadata", event: raw("msg_2kFqV7c3yX1example00001", `{"event":"bot.fatal","data":{"data":{"sub_code":"bot_errored","updated_at":"2026-03-04T15:00:19Z"},"bot":{"id":"`+testBot+`","metadata":{"botrelay":"simulated"}}}}`), mention: []string{"here"}},
		{name: "simulated_id", event: raw("sim_0001", `{"event":"calendar.update","data":{"calendar_id":"8c1f0b7e-9a0d-4f52-b6b7-3fd8e1c2a059"}}`)},
		{name: "replayed", event: sampled("bot.fatal"), timeline: setOut, delivery: relay.Delivery{Replay: 1}, mention: []string{"here"}},
		{name: "marked", event: sampled("bot.fatal"), timeline: setOut, mark: "DEMO"},
		{name: "late", event: later(sampled("bot.fatal"), 41*time.Minute), timeline: setOut},
		{name: "meant_for_archived", event: sampled("bot.fatal"), timeline: setOut, refused: "is_archived", mention: []string{"U0123DANA"}},
		{name: "meant_for_all_leads", event: raw("sim_0002", `{"event":"bot.fatal","data":{"data":{"sub_code":"zoom_sdk_credentials_missing"},"bot":{"id":"`+testBot+`"}}}`), delivery: relay.Delivery{Replay: 2}, refused: "not_in_channel", mark: "DEMO"},
	}
}

func TestGoldenMessages(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			got := s.play(t)
			path := filepath.Join("testdata", "messages", s.name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// play sends the scene to the stand-in and returns the message as it arrived.
func (s scene) play(t *testing.T) []byte {
	server := newServer(t, slacktest.Options{Unlimited: true})
	o := tokenOptions(server)
	o.Mention = s.mention
	d := s.delivery
	d.Event = s.event(t)
	if s.refused != "" {
		server.RefuseChannel(otherChannel, s.refused)
		o.Routes = map[string]RouteOptions{"host": {Channel: otherChannel}}
		d.Route = "host"
	}
	deps := Deps{Mark: s.mark}
	if !s.noReader {
		known := timeline{events: []*relay.Event{d.Event}}
		for _, name := range s.timeline {
			known.events = append(known.events, sample(t, name))
		}
		deps.Reader = known
	}
	if d.Event.Fields.BotID.String() != testBot {
		deps.Reader = nil
	}
	if _, err := newSink(t, o, deps).Send(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	m := server.Messages()[0]
	if n := utf8.RuneCountInString(unescape(m.Text)); n > phoneLimit {
		t.Errorf("the phone text has %d characters", n)
	}
	if m.EventID != d.Event.ID || m.Channel != testChannel {
		t.Errorf("posted to %s, metadata with id %q", m.Channel, m.EventID)
	}
	return indented(t, map[string]any{"text": m.Text, "blocks": m.Blocks})
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
