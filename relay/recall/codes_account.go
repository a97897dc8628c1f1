package recall

import "slices"

// Pages of Recall that several entries point to.
const (
	zoomSetup       = "https://docs.recall.ai/docs/set-up-zoom"
	zoomReview      = "https://docs.recall.ai/docs/zoom-sdk-app-submission-guide"
	zoomSignedIn    = "https://docs.recall.ai/docs/zoom-signed-in-bots"
	zoomOBF         = "https://docs.recall.ai/docs/zoom-obf"
	zoomPermission  = "https://docs.recall.ai/docs/common-zoom-recording-errors"
	meetSignedIn    = "https://docs.recall.ai/docs/google-meet-login-getting-started"
	meetFAQ         = "https://docs.recall.ai/docs/google-meet-faq"
	teamsSignedIn   = "https://docs.recall.ai/docs/setting-up-signed-in-bots-for-microsoft-teams"
	teamsFAQ        = "https://docs.recall.ai/docs/microsoft-teams-bots-faq"
	webexSetup      = "https://docs.recall.ai/docs/webex-bot-setup-service-app"
	registration    = "https://docs.recall.ai/docs/registration-required-meetings-webinars"
	signedIn        = "https://docs.recall.ai/docs/signed-in-bots"
	meetingLinks    = "https://docs.recall.ai/docs/meeting-urls"
	automaticLeave  = "https://docs.recall.ai/docs/automatic-leaving-behavior"
	botDetection    = "https://docs.recall.ai/docs/bot-detection"
	debuggingBots   = "https://docs.recall.ai/docs/debugging-bots"
	zoomStatus      = "https://status.zoom.us"
	googleStatus    = "https://www.google.com/appsstatus/dashboard/"
	microsoftStatus = "https://status.cloud.microsoft"
)

// accountCodes are for the people who run the bots: credentials, plan, settings
// of their own app.
var accountCodes = slices.Concat(
	entries(SideAccount, WithFatal, accountZoom...),
	entries(SideAccount, WithFatal, accountMeet...),
	entries(SideAccount, WithFatal, accountOthers...),
	entries(SideAccount, WithCallEnded, accountLimits...))

var accountZoom = []Code{{
	Code: "zoom_sdk_credentials_missing", Title: "Zoom SDK credentials are missing",
	Explanation: "Zoom SDK credentials are missing in the Recall workspace.",
	NextStep:    "Enter the Client ID and Secret of your Zoom app in the Recall dashboard, then send the bot again.",
	OurAdvice:   true, URL: zoomSetup, LinkText: "Zoom set-up",
}, {
	Code: "zoom_sdk_update_required", Title: "this meeting wants a newer Zoom SDK",
	Explanation: "The meeting accepts only newer versions of the Zoom SDK than the one the bot used.",
	NextStep:    "Ask Recall whether a bot with a newer Zoom SDK is to be had.",
	OurAdvice:   true, URL: debuggingBots, LinkText: "Debugging bots",
}, {
	Code: "zoom_sdk_app_not_published", Title: "Zoom has not approved your app yet",
	Explanation: "Until Zoom approves the app behind the SDK credentials, bots get only into meetings of the Zoom account that made them.",
	NextStep:    "Submit your app to Zoom for approval, and enter its production credentials in the Recall dashboard afterwards.",
	URL:         zoomReview, LinkText: "App submission",
}, {
	Code: "zoom_account_blocked", Title: "Zoom has blocked the bot's account",
	Explanation: "Zoom does not let the account in that the bot joins from.",
	NextStep:    "Make the bot's ZAK token from another Zoom user.",
	URL:         zoomSignedIn, LinkText: "Signed-in Zoom bots",
}, {
	Code: "zoom_invalid_join_token", Title: "Zoom refused the join token",
	Explanation: "The token had expired, was made for another meeting, or is not valid.",
	NextStep:    "Make a fresh token for this very meeting when the bot asks for it.",
	OurAdvice:   true, URL: zoomSignedIn, LinkText: "Signed-in Zoom bots",
}, {
	Code: "zoom_invalid_signature", Title: "Zoom refused the bot's signature",
	Explanation: "The SDK credentials are wrong, or the meeting link is malformed.",
	NextStep:    "Enter the Zoom SDK credentials anew and check the meeting link.",
	URL:         zoomSetup, LinkText: "Zoom set-up",
}, {
	Code: "zoom_email_required", Title: "Zoom wants an email address from the bot",
	Explanation: "This meeting lets in only those who give an email address.",
	NextStep:    "Set `zoom.user_email` when you create the bot.",
	URL:         registration, LinkText: "Registration and email",
}, {
	Code: "zoom_error_multiple_device_join", Title: "the bot's Zoom account is already in there",
	Explanation: "Somebody with the same Zoom credentials has joined the meeting before the bot.",
	NextStep:    "Give each bot of a meeting a Zoom account of its own, and send one bot a meeting.",
	OurAdvice:   true, URL: zoomSignedIn, LinkText: "Signed-in Zoom bots",
}, {
	Code: "zoom_token_expired", Title: "a Zoom token had expired", ThirdParty: true,
	Explanation: "By its name, a token that the bot gave to Zoom was too old; no text by Recall explains this code.",
	NextStep:    "Make the token fresh each time the bot asks for it.",
	OurAdvice:   true, URL: zoomSignedIn, LinkText: "Signed-in Zoom bots",
}, {
	Code: "zoom_invalid_webinar_invite", Title: "the Zoom webinar invitation is not valid",
	Explanation: "Zoom did not accept the invitation to the webinar that the bot was given.",
	NextStep:    "Check the password and the tokens in the webinar's link.",
	URL:         registration, LinkText: "Webinars",
}}

var accountMeet = []Code{{
	Code: "google_meet_sign_in_failed", Title: "Google sign-in failed",
	Explanation: "The bot could not sign in to its Google account.",
	NextStep:    "Check the Google login that you have set up for bots, by signing in with it yourself.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sign_in_captcha_failed", Title: "Google asked the bot for a captcha",
	Explanation: "Google showed a captcha at sign-in, which the bot could not solve.",
	NextStep:    "Sign in once by hand with the bot's Google account, or set up SSO for it.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sso_sign_in_failed", Title: "Google sign-in by SSO failed",
	Explanation: "The bot could not sign in to Google through your identity provider.",
	NextStep:    "Check the SSO set-up of the Google login that your bots use.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sign_in_missing_login_credentials", Title: "no Google login is set up for the bots",
	Explanation: "The meeting admits only signed-in people, and the bot has no Google login.",
	NextStep:    "Set up a Google login for signed-in Meet bots.",
	URL:         meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sign_in_missing_recovery_credentials", Title: "the Google login lacks its recovery data",
	Explanation: "Google asked for recovery data at sign-in, and none is set up.",
	NextStep:    "Add the recovery data to the Google login that your bots use.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sso_sign_in_missing_login_credentials", Title: "no SSO login is set up for Google",
	Explanation: "Google sent the bot to your identity provider, for which it has no login.",
	NextStep:    "Add the SSO login to the Google login that your bots use.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_sso_sign_in_missing_totp_secret", Title: "the SSO login for Google lacks a TOTP secret",
	Explanation: "Your identity provider asked for a one-time code, and the login has no TOTP secret to make one.",
	NextStep:    "Add the TOTP secret to the password of the SSO login.",
	OurAdvice:   true, URL: meetSignedIn, LinkText: "Signed-in Meet bots",
}, {
	Code: "google_meet_login_not_available", Title: "all your Google logins are in use",
	Explanation: "Every account in the login group of this bot was in a meeting already.",
	NextStep:    "Add Google logins to the group.",
	URL:         meetSignedIn, LinkText: "Signed-in Meet bots",
}}

var accountOthers = []Code{{
	Code: "microsoft_teams_sign_in_credentials_missing", Title: "no Teams login is set up for the bots",
	Explanation: "The meeting admits only signed-in people, and the bot was not signed in.",
	NextStep:    "Set up a Microsoft account for signed-in Teams bots.",
	OurAdvice:   true, URL: teamsSignedIn, LinkText: "Signed-in Teams bots",
}, {
	Code: "microsoft_teams_sign_in_failed", Title: "Teams sign-in failed",
	Explanation: "The meeting admits only signed-in people; the bot's Microsoft account is not set up, or its sign-in failed.",
	NextStep:    "Follow the set-up of signed-in Teams bots, or check the account that is set up.",
	URL:         teamsSignedIn, LinkText: "Signed-in Teams bots",
}, {
	Code: "microsoft_teams_2fa_required", Title: "the bot's Microsoft account wants 2FA",
	Explanation: "Microsoft asked for a second factor at sign-in, which a bot cannot give.",
	NextStep:    "Turn security defaults off for the bot's Microsoft account, so that it asks for no second factor.",
	URL:         teamsSignedIn, LinkText: "Signed-in Teams bots",
}, {
	Code: "webex_join_meeting_error", Title: "Webex credentials or the meeting are wrong",
	Explanation: "Either the Webex meeting is not valid, or the Webex credentials in Recall are not set up properly.",
	NextStep:    "Follow the set-up of Webex bots if you have not, else check the meeting link.",
	URL:         webexSetup, LinkText: "Webex set-up",
}, {
	Code: "webex_service_app_unauthorized", Title: "Webex has not authorised your service app", ThirdParty: true,
	Explanation: "By its name, the Webex service app that your bots use is not authorised.",
	NextStep:    "Authorise the service app in your organisation's Webex Control Hub.",
	OurAdvice:   true, URL: webexSetup, LinkText: "Webex set-up",
}}

var accountLimits = []Code{{
	Code: "timeout_exceeded_max_duration", Title: "your plan's limit for one bot was reached",
	Explanation: "The bot left because pay-as-you-go plans limit how long one bot may stay.",
	NextStep:    "Ask Recall for a plan without this limit, or send a second bot to long meetings.",
	OurAdvice:   true, URL: automaticLeave, LinkText: "When bots leave",
}, {
	Code: "timeout_exceeded_in_call_recording", Title: "your own limit for recording was reached",
	Explanation: "The bot left because it had recorded for as long as `automatic_leave.in_call_recording_timeout` allows.",
	NextStep:    "Raise `automatic_leave.in_call_recording_timeout`, or leave it out: it has no default.",
	OurAdvice:   true, URL: automaticLeave, LinkText: "When bots leave",
}}
