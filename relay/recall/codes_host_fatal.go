package recall

import "slices"

// hostFatalCodes are for the meeting that the bot could not join: its host, its
// settings, the link that was given.
var hostFatalCodes = slices.Concat(
	entries(SideHost, WithFatal, hostAny...),
	entries(SideHost, WithFatal, hostZoom...),
	entries(SideHost, WithFatal, hostMeet...),
	entries(SideHost, WithFatal, hostTeamsWebex...))

var hostAny = []Code{{
	Code: "meeting_not_found", Title: "there is no meeting at that link",
	Explanation: "The platform knows no meeting under the link that the bot was given.",
	NextStep:    "Check the meeting link, then send the bot again.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}, {
	Code: "meeting_not_started", Title: "the meeting had not started yet", Short: "too early",
	Explanation: "The bot came before the host had started the meeting.",
	NextStep:    "Send the bot again when the meeting has begun.",
	OurAdvice:   true,
}, {
	Code: "meeting_requires_registration", Title: "the meeting wants a registration",
	Explanation: "Only those who have registered may join. On Teams such meetings are not supported.",
	NextStep:    "For Zoom, register the bot as Recall's guide says.",
	URL:         registration, LinkText: "Registration",
}, {
	Code: "meeting_requires_sign_in", Title: "only signed-in people may join",
	Explanation: "The host lets only signed-in people in, and the bot was not signed in.",
	NextStep:    "Use a signed-in bot, or ask the host to let guests in.",
	URL:         signedIn, LinkText: "Signed-in bots",
}, {
	Code: "meeting_link_expired", Title: "the meeting link has expired",
	Explanation: "The link that the bot was given is no longer good.",
	NextStep:    "Get a new link from the host, then send the bot again.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}, {
	Code: "meeting_link_invalid", Title: "the meeting link is not valid",
	Explanation: "There is no such meeting, or the link is malformed.",
	NextStep:    "Check the meeting link, then send the bot again.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}, {
	Code: "meeting_password_incorrect", Title: "the meeting password was wrong",
	Explanation: "The platform did not accept the password that the link holds.",
	NextStep:    "Get the whole link, with its password, from the host.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}, {
	Code: "meeting_locked", Title: "the host had locked the meeting",
	Explanation: "The host lets nobody else into the meeting.",
	NextStep:    "Ask the host to unlock the meeting, then send the bot again.",
	OurAdvice:   true,
}, {
	Code: "meeting_full", Title: "the meeting was full",
	Explanation: "The meeting had as many people as its host's plan allows.",
	NextStep:    "Ask the host for a place, then send the bot again.",
	OurAdvice:   true,
}, {
	Code: "meeting_ended", Title: "the meeting was over already",
	Explanation: "The meeting had ended for good when the bot came.",
	NextStep:    "Send the bot earlier next time.",
	OurAdvice:   true,
}, {
	Code: "meeting_not_accessible", Title: "the meeting is not open to the bot", ThirdParty: true,
	Explanation: "The host's settings keep the bot out.",
	NextStep:    "Ask the host to check who may join the meeting.",
}}

var hostZoom = []Code{{
	Code: "zoom_email_blocked_by_admin", Title: "a Zoom admin bars the bot's account",
	Explanation: "The administrator of a Zoom workspace does not let the account in that the bot joins from.",
	NextStep:    "Ask that administrator to allow the account, or let the bot join from another.",
	OurAdvice:   true,
}, {
	Code: "zoom_registration_required", Title: "this Zoom meeting wants a registration",
	Explanation: "Only those who have registered for the meeting may join.",
	NextStep:    "Register the bot as Recall's guide says, or ask the host to turn registration off.",
	OurAdvice:   true, URL: registration, LinkText: "Registration",
}, {
	Code: "zoom_captcha_required", Title: "Zoom asked the bot for a captcha",
	Explanation: "This meeting asks guests for a captcha, which a bot cannot solve.",
	NextStep:    "Ask the host to turn the captcha for guests off, or use a signed-in bot.",
	OurAdvice:   true, URL: zoomSignedIn, LinkText: "Signed-in Zoom bots",
}, {
	Code: "zoom_web_disallowed", Title: "the host bars joining Zoom from the web",
	Explanation: "The meeting cannot be joined from a browser, for example because it is end-to-end encrypted.",
	NextStep:    "Ask the host to turn end-to-end encryption off, or use Recall's native Zoom bot.",
}, {
	Code: "zoom_meeting_not_accessible", Title: "this Zoom meeting is closed to the bot",
	Explanation: "Zoom did not give the bot access to the meeting; limits by country are one reason that others report.",
	NextStep:    "Ask the host to check who may join the meeting, and from which countries.",
	OurAdvice:   true,
}, {
	Code: "zoom_meeting_host_inactive", Title: "the host's Zoom account is disabled",
	Explanation: "Zoom has disabled or restricted the account that hosts the meeting, so no bot can join it.",
	NextStep:    "Tell the host to hold the meeting from another Zoom account.",
	OurAdvice:   true,
}, {
	Code: "zoom_another_meeting_in_progress", Title: "the host was in another Zoom meeting", ThirdParty: true,
	Explanation: "The host runs another meeting, so this one cannot begin.",
	NextStep:    "Send the bot again when the host has ended the other meeting.",
	OurAdvice:   true,
}, {
	Code: "zoom_bot_blocked", Title: "Zoom let no bot into the meeting", ThirdParty: true,
	Explanation: "By its name, the meeting refuses bots; no text by Recall explains this code.",
	NextStep:    "Ask the host to allow the bot, and see whether Zoom wants a token for meetings outside your account.",
	OurAdvice:   true, URL: zoomOBF, LinkText: "Zoom's OBF tokens",
}, {
	Code: "zoom_authorized_participants_only", Title: "only authorised people may join on Zoom", ThirdParty: true,
	Explanation: "By its name, the meeting admits only people whom its host has authorised.",
	NextStep:    "Ask the host to authorise the bot, or use a signed-in bot.",
	OurAdvice:   true, URL: zoomSignedIn, LinkText: "Signed-in Zoom bots",
}}

var hostMeet = []Code{{
	Code: "google_meet_bot_blocked", Title: "Google Meet refused the bot entry",
	Explanation: "The bot was not allowed into the meeting.",
	NextStep:    "Go through the causes in Recall's questions and answers on Google Meet.",
	URL:         meetFAQ, LinkText: "Google Meet FAQ",
}, {
	Code: "google_meet_permission_denied_breakout", Title: "the bot was refused at a breakout room",
	Explanation: "The bot tried to follow into a running Google Meet breakout room and was turned away.",
	NextStep:    "Expect no recording of breakout rooms: there is no remedy.",
	URL:         meetFAQ, LinkText: "Google Meet FAQ",
}, {
	Code: "google_meet_knocking_disabled", Title: "the host lets nobody ask to join", ThirdParty: true,
	Explanation: "Guests without an invitation cannot knock at this Google Meet meeting.",
	NextStep:    "Invite the bot, or use a signed-in bot whose account is invited.",
	URL:         meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_watermark_kicked", Title: "watermarks keep guests out", ThirdParty: true,
	Explanation: "The meeting shows watermarks, and the bot was removed because it was not signed in.",
	NextStep:    "Use a signed-in bot.",
	URL:         meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_organisation_restricted", Title: "only the host's organisation may join", ThirdParty: true,
	Explanation: "The Google Meet meeting admits members of the host's organisation only.",
	NextStep:    "Ask the host to open the meeting to guests, or use an account of that organisation.",
	URL:         meetSignedIn, LinkText: "Signed-in Meet bots",
}}

var hostTeamsWebex = []Code{{
	Code: "microsoft_teams_captcha_detected", Title: "Teams asks guests for a captcha",
	Explanation: "The host's organisation asks guests who are not signed in for a captcha.",
	NextStep:    "Use a signed-in bot, and have the domain of its account trusted by the host's organisation.",
	URL:         teamsSignedIn, LinkText: "Signed-in Teams bots",
}, {
	Code: "microsoft_teams_captcha_error", Title: "Teams wanted a captcha from the bot", ThirdParty: true,
	Explanation: "The host's organisation asks guests who are not signed in for a captcha.",
	NextStep:    "Use a signed-in bot, and have the domain of its account trusted by the host's organisation.",
	URL:         teamsSignedIn, LinkText: "Signed-in Teams bots",
}, {
	Code: "microsoft_teams_bot_not_invited", Title: "another Microsoft account was invited",
	Explanation: "Teams lets only the invited account in, and the bot came with another.",
	NextStep:    "Ask the host to invite the bot's account, or see Microsoft's guide on signing in with a different account.",
	URL:         teamsFAQ, LinkText: "Teams FAQ",
}, {
	Code: "microsoft_teams_breakout_room_unsupported", Title: "the bot was moved to a breakout room",
	Explanation: "Somebody moved the bot to a Teams breakout room, which Recall does not support.",
	NextStep:    "Ask the host to leave the bot in the main room.",
	OurAdvice:   true, URL: teamsFAQ, LinkText: "Teams FAQ",
}, {
	Code: "microsoft_teams_event_not_started_for_external", Title: "too early for people from outside",
	Explanation: "People from outside the host's organisation cannot join this Teams event before it begins.",
	NextStep:    "Send the bot again when the event has begun.",
	OurAdvice:   true,
}, {
	Code: "microsoft_teams_townhall_meeting_not_supported", Title: "Teams town halls are not supported", ThirdParty: true,
	Explanation: "The meeting is a Teams town hall, which bots cannot join.",
	NextStep:    "Ask the host to hold it as an ordinary meeting.",
	OurAdvice:   true,
}, {
	Code: "microsoft_teams_captions_failure", Title: "captions were off in Teams", ThirdParty: true,
	Explanation: "The bot needs captions for its transcript, and they could not be turned on, for example because of the host.",
	NextStep:    "Ask the host to allow captions.",
	OurAdvice:   true,
}, {
	Code: "webex_pin_required", Title: "this Webex meeting wants a PIN", ThirdParty: true,
	Explanation: "By its name, Webex asked for a PIN that the bot does not have.",
	NextStep:    "Get a link that needs no PIN from the host.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}, {
	Code: "webex_password_required", Title: "this Webex meeting wants a password", ThirdParty: true,
	Explanation: "By its name, Webex asked for a password that the bot does not have.",
	NextStep:    "Get the whole link, with its password, from the host.",
	OurAdvice:   true, URL: meetingLinks, LinkText: "Meeting links",
}}
