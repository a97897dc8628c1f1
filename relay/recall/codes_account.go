package recall

// accountCodes are for the people who run the bots: credentials, plan, settings
// of their own app.
var accountCodes = entries(SideAccount, WithFatal,
	Code{
		Code: "zoom_sdk_credentials_missing", Title: "Zoom SDK credentials are missing",
		Explanation: "Zoom SDK credentials are missing in the Recall workspace.",
		NextStep:    "Enter the Client ID and Secret of your Zoom app in the Recall dashboard, then send the bot again.",
		OurAdvice:   true, URL: "https://docs.recall.ai/docs/set-up-zoom", LinkText: "Zoom set-up",
	},
)
