package recall

// platformCodes are faults at Zoom, Google and Microsoft: nobody here can do
// more than wait and tell customers.
var platformCodes = entries(SidePlatform, WithFatal, platformFaults...)

// recallCodes are faults at Recall.
var recallCodes = entries(SideRecall, WithFatal, recallFaults...)

// nobodyCodes are ordinary ends.
var nobodyCodes = entries(SideNobody, WithCallEnded, ordinaryEnds...)

// unknownCodes are listed somewhere without a word on what they mean.
var unknownCodes = entries(SideUnknown, WithFatal, unclear...)

var platformFaults = []Code{{
	Code: "zoom_internal_error", Title: "fault at Zoom",
	Explanation: "Something failed within Zoom.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: zoomStatus, LinkText: "Zoom's status page",
}, {
	Code: "zoom_join_timeout", Title: "Zoom did not answer in time",
	Explanation: "Zoom took too long over the bot's request to join.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: zoomStatus, LinkText: "Zoom's status page",
}, {
	Code: "zoom_connection_failed", Title: "Zoom server error",
	Explanation: "A server of Zoom answered the bot with an error.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: zoomStatus, LinkText: "Zoom's status page",
}, {
	Code: "google_meet_internal_error", Title: "fault at Google Meet",
	Explanation: "Something failed within Google Meet.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: googleStatus, LinkText: "Google's status page",
}, {
	Code: "google_meet_video_error", Title: "Google Meet video error",
	Explanation: "Google Meet failed over the video of the call.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: googleStatus, LinkText: "Google's status page",
}, {
	Code: "google_meet_meeting_room_not_ready", Title: "Google Meet had no room ready",
	Explanation: "Google Meet did not have the meeting ready when the bot came.",
	NextStep:    "Send the bot again in a minute.",
	OurAdvice:   true, URL: googleStatus, LinkText: "Google's status page",
}, {
	Code: "microsoft_teams_call_dropped", Title: "Teams dropped the bot from the call",
	Explanation: "Teams dropped the bot from the call, and it could not come back.",
	NextStep:    "Send the bot again while the meeting lasts, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: microsoftStatus, LinkText: "Microsoft's status page",
}, {
	Code: "microsoft_teams_internal_error", Title: "fault at Microsoft Teams",
	Explanation: "A server of Microsoft Teams failed.",
	NextStep:    "Send the bot again, and report it to Recall if it goes on.",
	OurAdvice:   true, URL: microsoftStatus, LinkText: "Microsoft's status page",
}}

var recallFaults = []Code{{
	Code: "bot_errored", Title: "fault at Recall",
	Explanation: "The bot itself failed, for a reason that Recall does not give.",
	NextStep:    "Send the bot again, and report its id to Recall.",
	OurAdvice:   true, URL: debuggingBots, LinkText: "Debugging bots",
}, {
	Code: "failed_to_launch_in_time", Title: "Recall did not start the bot in time", ThirdParty: true,
	Explanation: "The machine for the bot was not ready when it should have joined.",
	NextStep:    "Create the bot again, and report its id to Recall if it goes on.",
	URL:         debuggingBots, LinkText: "Debugging bots",
}}

var ordinaryEnds = []Code{{
	Code: "call_ended_by_host", Title: "the host closed the meeting",
	Explanation: "The host ended the meeting for everybody.",
	NextStep:    "Do nothing: this is an ordinary end.",
	OurAdvice:   true,
}, {
	Code: "call_ended_by_platform_idle", Title: "the platform closed an idle meeting",
	Explanation: "The platform ended a meeting in which nothing happened any more.",
	NextStep:    "Do nothing: this is an ordinary end.",
	OurAdvice:   true,
}, {
	Code: "timeout_exceeded_everyone_left", Title: "everybody had left",
	Explanation: "All others had left the meeting, and the bot followed after `automatic_leave.everyone_left_timeout` (2 s unless you set it).",
	NextStep:    "Do nothing: this is an ordinary end.",
	OurAdvice:   true, URL: automaticLeave, LinkText: "When bots leave",
}, {
	Code: "timeout_exceeded_silence_detected", Title: "it was silent for long",
	Explanation: "Nobody spoke for so long that only bots seemed to be left.",
	NextStep:    "Raise `automatic_leave.silence_detection` if people were still there.",
	OurAdvice:   true, URL: botDetection, LinkText: "Bot detection",
}, {
	Code: "timeout_exceeded_only_bots_detected_using_participant_names", Title: "only bots were left, by their names",
	Explanation: "The names of all others looked like those of bots.",
	NextStep:    "Change `automatic_leave.bot_detection.using_participant_names` if people were still there.",
	OurAdvice:   true, URL: botDetection, LinkText: "Bot detection",
}, {
	Code: "timeout_exceeded_only_bots_detected_using_participant_events", Title: "only bots were left, by their behaviour",
	Explanation: "None of the others behaved like a person.",
	NextStep:    "Change `automatic_leave.bot_detection.using_participant_events` if people were still there.",
	OurAdvice:   true, URL: botDetection, LinkText: "Bot detection",
}, {
	Code: "timeout_exceeded_only_bots_in_call", Title: "only bots were left", ThirdParty: true,
	Explanation: "All others in the call were bots; this is an older name for it.",
	NextStep:    "Do nothing, unless people were still there.",
	OurAdvice:   true, URL: botDetection, LinkText: "Bot detection",
}, {
	Code: "bot_received_leave_call", Title: "your own request to leave",
	Explanation: "The bot left because your system asked it to, through Recall's API.",
	NextStep:    "Do nothing, unless your system should not have asked.",
	OurAdvice:   true,
}}

var unclear = []Code{{
	Code: "rtms_signature_invalid", Title: "a signature for Zoom RTMS was not valid", ThirdParty: true,
	Explanation: "One list names this code without saying more; RTMS is Zoom's real-time media service.",
	NextStep:    "Look at the bot in Recall's dashboard, and ask Recall what the code means.",
	OurAdvice:   true, URL: debuggingBots, LinkText: "Debugging bots",
}}
