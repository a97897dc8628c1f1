package recall

import (
	"strings"

	"botrelay/relay"
)

// The sides: whose turn it is.
const (
	SideAccount  = "account"  // the people who run the bots: credentials, plan, their own app
	SideHost     = "host"     // the meeting: its host, its settings, its link
	SidePlatform = "platform" // Zoom, Google, Microsoft, Webex
	SideRecall   = "recall"   // Recall itself
	SideNobody   = "nobody"   // an ordinary end
	SideUnknown  = "unknown"  // no code, or one that is not in the catalogue
)

// The platforms, as fields name them.
const (
	Zoom           = "zoom"
	GoogleMeet     = "google_meet"
	MicrosoftTeams = "microsoft_teams"
	Webex          = "webex"
)

// HasSide tells whether events of this name have a side: bot.fatal,
// bot.call_ended, bot.recording_permission_denied and botrelay.bot_*.
func HasSide(event string) bool {
	switch event {
	case "bot.fatal", "bot.call_ended", "bot.recording_permission_denied":
		return true
	}
	return strings.HasPrefix(event, "botrelay.bot_")
}

// Side is whose turn it is, by the catalogue: empty for events that have none,
// [SideUnknown] when there is no sub code or none that is known. The sub code of
// botrelay.bot_stuck is a state, which has a side of its own.
func Side(event string, subCode relay.Optional) string {
	if !HasSide(event) {
		return ""
	}
	text := subCode.String()
	if event == "botrelay.bot_stuck" {
		return stuckSide(text)
	}
	if c, ok := Lookup(text); ok {
		return c.Side
	}
	return SideUnknown
}

// stuckSide is whose turn it is when a bot stays in state.
func stuckSide(state string) string {
	switch state {
	case "in_waiting_room", "in_call_not_recording", "recording_permission_denied":
		return SideHost
	case "call_ended":
		return SideRecall
	}
	return SideUnknown
}

// Platform is what the beginning of the sub code tells, known or not; empty
// when it tells nothing.
func Platform(subCode relay.Optional) string {
	for _, p := range [...]string{Zoom, GoogleMeet, MicrosoftTeams, Webex} {
		if rest, ok := strings.CutPrefix(subCode.String(), p); ok && strings.HasPrefix(rest, "_") {
			return p
		}
	}
	return ""
}

// NeverGotIn tells whether a sub code of bot.call_ended says that the bot never
// got into the meeting, so that nothing can have been recorded.
func NeverGotIn(subCode string) bool {
	switch subCode {
	case "timeout_exceeded_waiting_room", "call_ended_by_platform_waiting_room_timeout", "bot_kicked_from_waiting_room":
		return true
	}
	return false
}
