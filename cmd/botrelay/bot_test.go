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
			NextStep: "Next time: the host admits it, or you raise `automatic_leave.waiting_room_timeout` (1200 s unless you set it).",
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
