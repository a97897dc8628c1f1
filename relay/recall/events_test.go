package recall

import (
	"slices"
	"strings"
	"testing"
)

func TestEvents(t *testing.T) {
	all := Events()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("not sorted or not unique: %q", all)
	}
	for _, name := range all {
		if !Documented(name) {
			t.Errorf("Documented(%q) = false", name)
		}
	}
	// bot 19 and 3 without a code, recording 5, 7 media of 4 each, real-time 3 and
	// 10, realtime_endpoint 3, calendar 2, sdk_upload 5, slack_team 3
	if want := 22 + 5 + 28 + 13 + 3 + 2 + 5 + 3; len(all) != want {
		t.Errorf("%d events, want %d", len(all), want)
	}
	for _, name := range []string{"", "bot", "bot.", "bot.fatl", "Bot.fatal", "fatal", "botrelay.bot_stuck"} {
		if Documented(name) {
			t.Errorf("Documented(%q) = true", name)
		}
	}
	all[0] = "changed"
	if Events()[0] == "changed" {
		t.Error("Events gives its own memory away")
	}
}

// Every sample that is not about an unknown name is of a documented event, with
// a documented code.
func TestSamplesAreDocumented(t *testing.T) {
	codes := StatusCodes()
	if !slices.IsSorted(codes) {
		t.Errorf("not sorted: %q", codes)
	}
	seen := map[string]bool{}
	for _, s := range Samples() {
		f, trouble := Normalise("msg_1", s.Body)
		if trouble != "" {
			t.Errorf("%s: %s", s.Name, trouble)
		}
		seen[f.Event] = true
		if strings.HasPrefix(s.Name, "botrelay.") || s.Name == "odd.unknown_event" || s.Name == "odd.event_name_hostile" {
			if Documented(f.Event) {
				t.Errorf("%s: %q is documented", s.Name, f.Event)
			}
			continue
		}
		if !Documented(f.Event) {
			t.Errorf("%s: %q is not documented", s.Name, f.Event)
		}
		if code, ok := f.Code.Get(); ok && !slices.Contains(codes, code) {
			t.Errorf("%s: code %q is not documented", s.Name, code)
		}
	}
	for _, name := range []string{"bot.joining_call", "bot.fatal", "bot.call_ended", "recording.done", "transcript.data", "calendar.update",
		"sdk_upload.failed", "slack_team.invited", "bot.log", "bot.recording_done", "botrelay.bot_not_recorded", "botrelay.daily_digest"} {
		if !seen[name] {
			t.Errorf("no sample of %s", name)
		}
	}
}

func TestSamplesAreTheCallers(t *testing.T) {
	a := Samples()
	clear(a[0].Body)
	if b := Samples(); b[0].Body[0] != '{' {
		t.Error("Samples gives its own memory away")
	}
	if !slices.IsSortedFunc(a, func(x, y Sample) int { return strings.Compare(x.Name, y.Name) }) {
		t.Error("not sorted")
	}
}

func TestIsRecording(t *testing.T) {
	for name, want := range map[string]bool{
		"bot.in_call_recording": true, "recording.processing": true, "recording.done": true, "bot.recording_done": true,
		"recording.failed": false, "recording.paused": false, "recording.deleted": false, "bot.in_call_not_recording": false, "bot.done": false,
		"transcript.done": false, "video_mixed.done": false, "bot.recording_permission_allowed": false, "": false,
	} {
		if IsRecording(name) != want {
			t.Errorf("IsRecording(%q) = %v", name, !want)
		}
	}
}
