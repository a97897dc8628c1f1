package recall

import "slices"

// families are the event names that are documented or known from public code,
// by their first part. Legacy codes stand among bot, since they arrive as
// bot.CODE. The real-time ones (participant_events.join, transcript.data) are
// posted by Recall itself and share their first part with media states.
var families = []struct {
	object string
	// states carry data.data.code (legacy: data.status.code), which is the
	// name's second part.
	states []string
	// others carry no code.
	others []string
}{
	{"bot", []string{"ready", "joining_call", "in_waiting_room", "participant_in_waiting_room", "in_call_not_recording",
		"recording_permission_allowed", "recording_permission_denied", "in_call_recording", "recording_done", "call_ended", "done", "fatal",
		"analysis_done", "analysis_failed", "media_expired",
		"breakout_room_entered", "breakout_room_left", "breakout_room_opened", "breakout_room_closed"},
		[]string{"status_change", "log", "output_log"}},
	{"recording", []string{"processing", "paused", "done", "failed", "deleted"}, nil},
	{"transcript", media, []string{"data", "partial_data", "provider_data"}},
	{"participant_events", media, []string{"join", "leave", "update", "speech_on", "speech_off", "webcam_on", "webcam_off",
		"screenshare_on", "screenshare_off", "chat_message"}},
	{"video_mixed", media, nil},
	{"video_separate", media, nil},
	{"audio_mixed", media, nil},
	{"audio_separate", media, nil},
	{"meeting_metadata", media, nil},
	{"realtime_endpoint", []string{"running", "done", "failed"}, nil},
	{"calendar", nil, []string{"update", "sync_events"}},
	{"sdk_upload", []string{"recording_started", "recording_ended", "uploading", "complete", "failed"}, nil},
	{"slack_team", []string{"invited", "active", "access_revoked"}, nil},
}

var media = []string{"processing", "done", "failed", "deleted"}

var events, statusCodes = listed()

func listed() (events, codes []string) {
	for _, f := range families {
		for _, what := range slices.Concat(f.states, f.others) {
			events = append(events, f.object+"."+what)
		}
		codes = append(codes, f.states...)
	}
	slices.Sort(events)
	slices.Sort(codes)
	return events, slices.Compact(codes)
}

// Events returns the sorted names of all known events: current ones, legacy
// ones as they arrive (bot.CODE) and as they are sent (bot.status_change), and
// the real-time ones. It is for hints; others come without notice. The events
// that the relay makes itself are not among them.
func Events() []string { return slices.Clone(events) }

// Documented tells whether event is one of [Events].
func Documented(event string) bool {
	_, ok := slices.BinarySearch(events, event)
	return ok
}

// StatusCodes returns the sorted values of code that known events carry.
func StatusCodes() []string { return slices.Clone(statusCodes) }

// recordingEvents say that something was recorded.
var recordingEvents = []string{"bot.in_call_recording", "recording.processing", "recording.done", "bot.recording_done"}

// IsRecording tells whether an event of this name says that the bot has
// recorded something: bot.in_call_recording, recording.processing,
// recording.done, or the legacy code recording_done.
func IsRecording(event string) bool { return slices.Contains(recordingEvents, event) }
