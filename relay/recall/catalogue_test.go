package recall

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

// testdata/sides.txt says each code's side, event and platform, by itself: a
// change of side is a change of people's routing.
func TestCatalogueSides(t *testing.T) {
	want, err := os.ReadFile("testdata/sides.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, c := range Codes() {
		platform, star := c.Platform, ""
		if platform == "" {
			platform = "-"
		}
		if c.ThirdParty {
			star = " *"
		}
		fmt.Fprintf(&got, "%s %s %s %s%s\n", c.Side, c.With, platform, c.Code, star)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCatalogueCounts(t *testing.T) {
	count := map[string]int{}
	with := map[With]int{}
	thirdParty := 0
	for _, c := range Codes() {
		count[c.Side]++
		with[c.With]++
		if c.ThirdParty {
			thirdParty++
		}
		if found, ok := Lookup(c.Code); !ok || found != c {
			t.Errorf("Lookup(%q) = %v, %v", c.Code, found, ok)
		}
	}
	if diff := cmp.Diff(map[string]int{SideAccount: 25, SideHost: 51, SidePlatform: 8, SideRecall: 2, SideNobody: 8, SideUnknown: 1}, count); diff != "" {
		t.Errorf("by side (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[With]int{WithFatal: 68, WithCallEnded: 18, WithPermission: 9}, with); diff != "" {
		t.Errorf("by event (-want +got):\n%s", diff)
	}
	if len(Codes()) != 95 || CatalogueSize() != 95 || len(byCode) != 95 || thirdParty != 17 {
		t.Errorf("%d codes, %d different, %d from third parties", len(Codes()), len(byCode), thirdParty)
	}
	for _, code := range []string{"", "zoom_quantum_flux", "Meeting_full", "fatal"} {
		if c, ok := Lookup(code); ok || c != (Code{}) {
			t.Errorf("Lookup(%q) = %v", code, c)
		}
	}
	all := Codes()
	all[0].Side = "changed"
	if Codes()[0].Side == "changed" {
		t.Error("Codes gives its own memory away")
	}
}

// sentences counts sentences: what ends with a full stop before a blank or at
// the end.
func sentences(s string) int { return strings.Count(s+" ", ". ") }

func TestCatalogueWords(t *testing.T) {
	proper := []string{"Zoom", "Google", "Microsoft", "Teams", "Webex", "Recall", "SSO"}
	titles := map[string]string{}
	for _, c := range Codes() {
		fault := func(format string, args ...any) { t.Helper(); t.Errorf(c.Code+": "+format, args...) }
		for name, text := range map[string]string{"title": c.Title, "short": c.Short, "explanation": c.Explanation, "next step": c.NextStep,
			"link text": c.LinkText} {
			if text != strings.TrimSpace(text) || strings.Contains(text, "  ") {
				fault("%s has blanks too many: %q", name, text)
			}
			parts := strings.Split(text, "`")
			if len(parts)%2 == 0 {
				fault("%s has an odd number of backticks: %q", name, text)
			}
			for i, part := range parts {
				if i%2 == 0 && strings.ContainsAny(part, "<>&*_~|\n") {
					fault("%s has markup: %q", name, text)
				}
			}
		}
		for name, text := range map[string]string{"title": c.Title, "short": c.Short} {
			first, _ := utf8.DecodeRuneInString(text)
			word, _, _ := strings.Cut(text, " ")
			if !unicode.IsLower(first) && !slices.Contains(proper, word) {
				fault("%s begins with a capital: %q", name, text)
			}
			if strings.ContainsAny(text, ".:;!?`") {
				fault("%s is a cause, not a sentence: %q", name, text)
			}
		}
		if n := utf8.RuneCountInString(c.Title); n > 45 || n < 5 {
			fault("title has %d characters: %q", n, c.Title)
		}
		if n := utf8.RuneCountInString(c.Short); n > 45 || n < 5 {
			fault("short has %d characters: %q", n, c.Short)
		}
		if n := sentences(c.Explanation); n < 1 || n > 2 || !strings.HasSuffix(c.Explanation, ".") || utf8.RuneCountInString(c.Explanation) > 160 {
			fault("explanation has %d sentences: %q", n, c.Explanation)
		}
		if first, _ := utf8.DecodeRuneInString(c.NextStep); sentences(c.NextStep) != 1 || !strings.HasSuffix(c.NextStep, ".") || !unicode.IsUpper(first) || utf8.RuneCountInString(c.NextStep) > 140 {
			fault("next step is not one sentence: %q", c.NextStep)
		}
		if other, ok := titles[c.Title]; ok {
			fault("has the title of %s", other)
		}
		titles[c.Title] = c.Code
	}
}

func TestCatalogueSources(t *testing.T) {
	for _, c := range Codes() {
		if (c.URL == "") != (c.LinkText == "") {
			t.Errorf("%s: link %q with the text %q", c.Code, c.URL, c.LinkText)
		}
		if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || strings.ContainsAny(c.URL, " |<>")) {
			t.Errorf("%s: %q is no plain https address", c.Code, c.URL)
		}
		if utf8.RuneCountInString(c.LinkText) > 30 {
			t.Errorf("%s: the link's text is long: %q", c.Code, c.LinkText)
		}
		if want := map[bool]string{false: CatalogueDate, true: "after " + CatalogueDate}[c.ThirdParty]; c.Seen != want || c.Source == "" {
			t.Errorf("%s: seen %q in %q", c.Code, c.Seen, c.Source)
		}
		if c.Platform != Platform(relay.Some(c.Code)) {
			t.Errorf("%s: platform %q", c.Code, c.Platform)
		}
	}
}

// The words of an alert that people know from the documentation.
func TestCatalogueKnownWords(t *testing.T) {
	want := Code{
		Code: "zoom_sdk_credentials_missing", With: WithFatal, Side: SideAccount, Platform: Zoom,
		Title: "Zoom SDK credentials are missing", Short: "Zoom SDK credentials are missing",
		Explanation: "Zoom SDK credentials are missing in the Recall workspace.",
		NextStep:    "Enter the Client ID and Secret of your Zoom app in the Recall dashboard, then send the bot again.",
		OurAdvice:   true, URL: "https://docs.recall.ai/docs/set-up-zoom", LinkText: "Zoom set-up",
		Source: "https://docs.recall.ai/docs/sub-codes", Seen: "June 2025",
	}
	got, _ := Lookup(want.Code)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for code, want := range map[string][2]string{
		"timeout_exceeded_waiting_room": {"nobody let the bot into the meeting", "nobody let the bot in"},
		"timeout_exceeded_noone_joined": {"nobody came", "nobody came"},
		"zoom_internal_error":           {"fault at Zoom", "fault at Zoom"},
		"zoom_connection_failed":        {"Zoom server error", "Zoom server error"},
		"meeting_not_started":           {"the meeting had not started yet", "too early"},
		"call_ended_by_host":            {"the host closed the meeting", "the host closed the meeting"},
	} {
		if c, _ := Lookup(code); c.Title != want[0] || c.Short != want[1] {
			t.Errorf("%s: %q, %q", code, c.Title, c.Short)
		}
	}
}

func TestSide(t *testing.T) {
	some := relay.Some
	for _, c := range []struct {
		event string
		code  relay.Optional
		want  string
	}{
		{"bot.fatal", some("zoom_sdk_credentials_missing"), SideAccount},
		{"bot.fatal", some("meeting_full"), SideHost},
		{"bot.fatal", some("zoom_quantum_flux"), SideUnknown},
		{"bot.fatal", some(""), SideUnknown},
		{"bot.fatal", relay.Optional{}, SideUnknown},
		{"bot.fatal", some("in_waiting_room"), SideUnknown},
		{"bot.call_ended", some("call_ended_by_host"), SideNobody},
		{"bot.call_ended", relay.Optional{}, SideUnknown},
		{"bot.recording_permission_denied", some("zoom_host_not_present"), SideHost},
		{"bot.recording_permission_denied", relay.Optional{}, SideUnknown},
		{"bot.recording_permission_allowed", some("zoom_host_not_present"), ""},
		{"bot.done", some("meeting_full"), ""},
		{"bot.done", relay.Optional{}, ""},
		{"recording.failed", some("bot_errored"), ""},
		{"botrelay.bot_not_recorded", some("timeout_exceeded_waiting_room"), SideHost},
		{"botrelay.bot_not_recorded", some("call_ended_by_host"), SideNobody},
		{"botrelay.bot_not_recorded", relay.Optional{}, SideUnknown},
		{"botrelay.bot_stuck", some("in_waiting_room"), SideHost},
		{"botrelay.bot_stuck", some("in_call_not_recording"), SideHost},
		{"botrelay.bot_stuck", some("recording_permission_denied"), SideHost},
		{"botrelay.bot_stuck", some("call_ended"), SideRecall},
		{"botrelay.bot_stuck", some("joining_call"), SideUnknown},
		{"botrelay.bot_stuck", some("in_call_recording"), SideUnknown},
		{"botrelay.bot_stuck", some("meeting_full"), SideUnknown},
		{"botrelay.bot_stuck", relay.Optional{}, SideUnknown},
		{"botrelay.sink_down", some("auth"), ""},
		{"botrelay.daily_digest", relay.Optional{}, ""},
	} {
		if got := Side(c.event, c.code); got != c.want {
			t.Errorf("Side(%s, %q) = %q, want %q", c.event, c.code, got, c.want)
		}
		if HasSide(c.event) != (c.want != "") {
			t.Errorf("HasSide(%s) = %v", c.event, c.want == "")
		}
	}
}

func TestPlatform(t *testing.T) {
	for code, want := range map[string]string{
		"zoom_internal_error": Zoom, "zoom_quantum_flux": Zoom, "zoom_": Zoom, "zoom": "", "zoomer": "", "Zoom_x": "", "x_zoom_y": "",
		"google_meet_x": GoogleMeet, "google_x": "", "microsoft_teams_x": MicrosoftTeams, "webex_x": Webex, "meeting_full": "", "": "", "rtms_signature_invalid": "",
	} {
		if got := Platform(relay.Some(code)); got != want {
			t.Errorf("Platform(%q) = %q, want %q", code, got, want)
		}
	}
	if got := Platform(relay.Optional{}); got != "" {
		t.Errorf("Platform of nothing = %q", got)
	}
}

// Who never got in is said by codes of the catalogue only.
func TestNeverGotIn(t *testing.T) {
	var got []string
	for _, c := range Codes() {
		if NeverGotIn(c.Code) {
			got = append(got, c.Code)
			if c.With.Event() != "bot.call_ended" {
				t.Errorf("%s comes with %s", c.Code, c.With.Event())
			}
		}
	}
	slices.Sort(got)
	want := []string{"bot_kicked_from_waiting_room", "call_ended_by_platform_waiting_room_timeout", "timeout_exceeded_waiting_room"}
	if !slices.Equal(got, want) || NeverGotIn("") {
		t.Errorf("%q, want %q", got, want)
	}
}
