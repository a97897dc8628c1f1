package recall

import "slices"

// hostCallCodes are for the meeting that the bot left, or could not record: its
// host and its settings.
var hostCallCodes = slices.Concat(
	entries(SideHost, WithCallEnded, hostEnded...),
	entries(SideHost, WithPermission, hostPermission...))

var hostEnded = []Code{{
	Code: "call_ended_by_platform_waiting_room_timeout", Title: "nobody let the bot in before time ran out", Short: "nobody let the bot in",
	Explanation: "The platform itself ends a long wait in the waiting room; the bot never got in. Nothing to fix in your systems.",
	NextStep:    "Next time: the host admits it earlier, since this limit is the platform's.",
	OurAdvice:   true, URL: automaticLeave, LinkText: "When bots leave",
}, {
	Code: "call_ended_by_platform_max_length", Title: "the platform's limit for meetings was reached",
	Explanation: "The platform ended the meeting for its length, as free plans do.",
	NextStep:    "Ask the host for a plan without this limit, or send a bot to the next meeting, too.",
	OurAdvice:   true,
}, {
	Code: "timeout_exceeded_waiting_room", Title: "nobody let the bot into the meeting", Short: "nobody let the bot in",
	Explanation: "The bot waited in the waiting room, then left. Nothing to fix in your systems.",
	NextStep:    "Next time: the host admits it, or you raise `automatic_leave.waiting_room_timeout` (1200 s unless you set it).",
	URL:         automaticLeave, LinkText: "When bots leave",
}, {
	Code: "timeout_exceeded_noone_joined", Title: "nobody came",
	Explanation: "The bot was in the meeting, nobody else joined, and it left.",
	NextStep:    "Find out whether the meeting took place elsewhere; `automatic_leave.noone_joined_timeout` (1200 s unless you set it) is how long it waits.",
	URL:         automaticLeave, LinkText: "When bots leave",
}, {
	Code: "timeout_exceeded_in_call_not_recording", Title: "the bot never got to record",
	Explanation: "The bot was in the call without recording until `automatic_leave.in_call_not_recording_timeout` (3600 s unless you set it), then left.",
	NextStep:    "Find out in the timeline why it did not record: no permission, no host, or nobody started it.",
	OurAdvice:   true, URL: zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "timeout_exceeded_recording_permission_denied", Title: "the bot may not record",
	Explanation: "Permission to record stayed denied, and the bot left.",
	NextStep:    "Ask the host to allow recording; `recording_permission_denied_timeout` (30 s unless you set it) is how long the bot stays.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "bot_kicked_from_call", Title: "the host removed the bot",
	Explanation: "The host removed the bot from the call.",
	NextStep:    "Ask the host whether the bot is wanted in these meetings.",
	OurAdvice:   true,
}, {
	Code: "bot_kicked_from_waiting_room", Title: "the host turned the bot away",
	Explanation: "The host removed the bot from the waiting room; it never got in.",
	NextStep:    "Ask the host whether the bot is wanted in these meetings.",
	OurAdvice:   true,
}}

var hostPermission = []Code{{
	Code: "zoom_local_recording_disabled", Title: "local recording is off in the host's Zoom",
	Explanation: "Local recording is off for the host's whole Zoom account, so the host was not asked.",
	NextStep:    "Ask the host to turn local recording on in their Zoom settings.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_local_recording_request_disabled", Title: "Zoom lets guests not ask to record",
	Explanation: "Local recording is on, but guests may not be given permission to record, so the host was not asked.",
	NextStep:    "Ask the host to allow, in their Zoom settings, that internal and external participants get permission to record locally.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_local_recording_request_disabled_by_host", Title: "the host takes no requests to record",
	Explanation: "The host has switched such requests off in this call, or refused all further ones.",
	NextStep:    "Ask the host to allow requests to record again, within the call.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_bot_in_waiting_room", Title: "the bot still sits in the waiting room",
	Explanation: "From the waiting room the bot cannot ask for permission to record.",
	NextStep:    "Have the bot admitted to the meeting.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_host_not_present", Title: "the host was away when the bot asked",
	Explanation: "The bot asked for permission to record at a moment when no host was in the meeting.",
	NextStep:    "Ask again through Recall's API when the host is there; Zoom OAuth makes asking unnecessary.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_local_recording_request_denied_by_host", Title: "the host refused to be recorded",
	Explanation: "The host was asked for permission to record and said no.",
	NextStep:    "Ask again through Recall's API once the host agrees.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_local_recording_denied", Title: "the request to record was refused on Zoom",
	Explanation: "Local recording is off in the host's settings, or the host refused, or did not answer in time.",
	NextStep:    "Ask the host to turn local recording on, then ask again through Recall's API.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_local_recording_grant_not_supported", Title: "the host's Zoom client cannot allow it",
	Explanation: "The host uses Zoom Rooms or another client that cannot give permission to record.",
	NextStep:    "Ask the host to join from a desktop client as well, or use Zoom OAuth, which makes asking unnecessary.",
	OurAdvice:   true, URL: zoomPermission, LinkText: "Why Zoom does not record",
}, {
	Code: "zoom_sdk_key_blocked_by_host_admin", Title: "the host's Zoom admin blocks your app",
	Explanation: "The administrator of the host's Zoom workspace blocks the app that the bot uses.",
	NextStep:    "Ask that administrator to unblock your app.",
	URL:         zoomPermission, LinkText: "Why Zoom does not record",
}}
