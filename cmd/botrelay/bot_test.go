package main

import (
	"encoding/json"
	"testing"
	"time"

	"botrelay/relay/admin"
)

func afternoon(clock string) time.Time {
	t, err := time.Parse("15:04:05.000", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, time.March, 4, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// waitedBot was kept in the waiting room.
func waitedBot() admin.BotDetail {
	const id = "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"
	code := "timeout_exceeded_waiting_room"
	waiting := "in_waiting_room"
	entry := func(id, name, at string, subCode *string, ds ...admin.Delivery) admin.TimelineEntry {
		e := admin.TimelineEntry{Event: admin.Event{
			Source: "recall", ID: id, Event: name, At: afternoon(at), Received: afternoon(at).Add(100 * time.Millisecond), SubCode: subCode, Bot: id,
		}}
		lake := admin.Delivery{Ref: admin.Ref{Source: "recall", ID: id, Sink: "lake"}, State: "delivered", Attempts: 1}
		e.Deliveries = append([]admin.Delivery{lake}, ds...)
		return e
	}
	alert := func(at string) admin.Delivery {
		return admin.Delivery{
			Ref: admin.Ref{Sink: "bots"}, State: "delivered", Attempts: 1, Ended: afternoon(at).Add(500 * time.Millisecond),
		}
	}
	b := admin.BotDetail{
		Bot: admin.Bot{
			Source: "recall", ID: id, Words: "ended, no recording received", Outcome: "not_recorded", Failed: true, SubCode: code, Side: "host",
			Metadata: json.RawMessage(`{"tenant":"acme","meeting_ref":"m-1042"}`), LastEvent: afternoon("15:20:17.000"),
		},
		Dashboard: "https://us-west-2.recall.ai/dashboard/explorer/bot/" + id, Waited: 1200.006,
		Code: &admin.CodeText{
			Code: code, Side: "host", Title: "nobody let the bot into the meeting",
			Explanation: "The bot waited in the waiting room, then left. Nothing to fix in your systems.",
			NextStep:    "Next time: the host admits it, or you raise `automatic_leave.waiting_room_timeout` (1200 s unless you set it).",
		},
		Timeline: []admin.TimelineEntry{
			entry("msg_1", "bot.joining_call", "15:00:02.118", nil),
			entry("msg_2", "bot.in_waiting_room", "15:00:11.904", nil),
			entry("brl_1", "botrelay.bot_stuck", "15:04:11.904", &waiting, alert("15:04:11.904")),
			entry("msg_3", "bot.call_ended", "15:20:11.910", &code, admin.Delivery{
				Ref: admin.Ref{Sink: "backend"}, State: "retrying", Attempts: 6, Reason: "HTTP 503", Due: evening.Add(21 * time.Second),
			}),
			entry("brl_2", "botrelay.bot_not_recorded", "15:20:11.910", &code, alert("15:20:11.910")),
			entry("msg_2kFqX4", "bot.done", "15:20:17.000", nil, admin.Delivery{Ref: admin.Ref{Sink: "backend"}, State: "pending"}),
		},
	}
	b.Timeline[5].WaitsFor = map[string]string{"backend": "msg_3"}
	return b
}

func TestBotScreen(t *testing.T) {
	t.Parallel()
	got := shown(func(s screen) { s.bot(waitedBot(), map[string]admin.Sink{"bots": {Alert: true}}) })
	const dashboard = "https://us-west-2.recall.ai/dashboard/explorer/bot/5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"
	checkWide(t, got, `
5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31   recall   ended, no recording received
tenant acme, meeting_ref m-1042
`+dashboard+`

Nobody let the bot into the meeting: it waited 20 min and left.
Host's side. Next time: the host admits it, or you raise
automatic_leave.waiting_room_timeout (1200 s unless you set it).

4 MARCH, UTC          EVENT                      DETAIL
15:00:02.118          bot.joining_call
15:00:11.904    +10s  bot.in_waiting_room
15:04:11.904          botrelay.bot_stuck         in_waiting_room
                        bots: delivered in 0.4 s
15:20:11.910  +20min  bot.call_ended             timeout_exceeded_waiting_room
                        backend: retrying, HTTP 503, 7th try in 21 s
15:20:11.910          botrelay.bot_not_recorded  timeout_exceeded_waiting_room
                        bots: delivered in 0.4 s
15:20:17.000     +5s  bot.done
                        backend: waits for bot.call_ended

Everything else was delivered. Payload of one event: botrelay events msg_2kFqX4
`, dashboard)
}

func TestBotsScreen(t *testing.T) {
	t.Parallel()
	checkScreen(t, shown(func(s screen) { s.bots([]admin.Bot{waitedBot().Bot}) }), `
BOT       LAST EVENT     STATE
5b1c7f0e  4 March 15:20  ended, no recording received
`)
}

// What a bot's end means is said by its code, if it is known.
func TestBotInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		bot  admin.BotDetail
		want string
	}{
		{"account", admin.BotDetail{
			Bot: admin.Bot{Failed: true, Outcome: "fatal", SubCode: "zoom_sdk_credentials_missing"},
			Code: &admin.CodeText{
				Code: "zoom_sdk_credentials_missing", Side: "account", Title: "Zoom SDK credentials are missing",
				Explanation: "The Recall workspace has no credentials of a Zoom app.", NextStep: "Enter the Client ID and Secret of your Zoom app.",
			},
		}, "Zoom SDK credentials are missing. The Recall workspace has no credentials of a\nZoom app.\n" +
			"Yours to fix. Enter the Client ID and Secret of your Zoom app.\n"},
		{"recorded, ordinary end", admin.BotDetail{
			Bot:  admin.Bot{Outcome: "recorded", SubCode: "call_ended_by_host"},
			Code: &admin.CodeText{Code: "call_ended_by_host", Side: "nobody", Title: "the host ended the call", NextStep: "Nothing to do."},
		}, "The host ended the call.\n"},
		{"a code that is not listed", admin.BotDetail{
			Bot: admin.Bot{Failed: true, Outcome: "fatal", SubCode: "zoom_\x1bnew"},
		}, "Recall sent a cause that is not in botrelay's list of June 2025: zoom_\ufffdnew\n"},
		{"no code", admin.BotDetail{Bot: admin.Bot{Failed: true, Outcome: "not_recorded"}}, ""},
		{"under way", admin.BotDetail{}, ""},
	} {
		if got := explanation(c.bot); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// How a delivery is, in a few words.
func TestDeliveryInWords(t *testing.T) {
	t.Parallel()
	s := screen{now: evening, zone: time.UTC}
	received := before(time.Minute)
	for _, c := range []struct {
		d      admin.Delivery
		behind string
		paused bool
		want   string
	}{
		{admin.Delivery{State: "delivered", Attempts: 1, Ended: received.Add(400 * time.Millisecond)}, "", false, "delivered in 0.4 s"},
		{admin.Delivery{State: "delivered", Attempts: 3, Ended: received.Add(40 * time.Second), OutOfOrder: true}, "", false, "delivered in 40 s, at the 3rd try, out of order"},
		{admin.Delivery{State: "delivered", Attempts: 1, Replay: 1, Ended: evening}, "", false, "delivered, replayed"},
		{admin.Delivery{State: "retrying", Attempts: 6, Reason: "HTTP 503", Due: evening.Add(21 * time.Second)}, "", false, "retrying, HTTP 503, 7th try in 21 s"},
		{admin.Delivery{State: "retrying", Attempts: 1, Due: before(time.Second)}, "", false, "retrying, 2nd try now"},
		{admin.Delivery{State: "retrying", Attempts: 1, Due: before(time.Second)}, "", true, "retrying, 2nd try when the sink goes on"},
		{admin.Delivery{State: "pending"}, "bot.call_ended", false, "waits for bot.call_ended"},
		{admin.Delivery{State: "pending"}, "", true, "waits until the sink goes on"},
		{admin.Delivery{State: "pending"}, "", false, "pending"},
		{admin.Delivery{State: "pending", Due: evening.Add(time.Minute)}, "", false, "waits, first try in 1 min"},
		{admin.Delivery{State: "dead", Reason: "HTTP 422: unknown \x1btenant"}, "", false, "dead, HTTP 422: unknown \ufffdtenant"},
		{admin.Delivery{State: "dropped"}, "", false, "dropped"},
		{admin.Delivery{State: "dropped", Tries: []admin.Attempt{{Note: "moved to lake"}}}, "", false, "moved to lake"},
		{admin.Delivery{State: "muted"}, "", false, "muted"},
	} {
		c.d.Received = received
		if got := s.deliveryText(c.d, c.behind, c.paused); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
