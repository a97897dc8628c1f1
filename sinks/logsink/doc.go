// Package logsink is the sink types log and discard.
//
// log writes one JSON line of the normalised fields for each event:
//
//	{"source":"recall","id":"msg_2k","event":"bot.fatal","code":"fatal","sub_code":"bot_errored","side":"recall",
//	 "bot":{"id":"5b1c…","metadata":{"tenant":"acme"}},"at":"2026-03-04T15:20:11.91Z","received_at":"…"}
//
// (in one line). Absent fields are left out. With Options.Body the line has the
// body as received in "body", a JSON string: decoded, it is the same bytes, which
// an embedded object would not be. A body that is not UTF-8 is in "body_base64".
//
// Whatever a terminal or a log viewer would act upon is written as \u escapes,
// so a line is one line for every reader and shows nothing but itself.
//
// discard accepts and drops: for dry runs and load tests.
package logsink
