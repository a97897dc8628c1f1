package main

import (
	"strings"
	"testing"
	"time"

	"botrelay/relay/admin"
)

func text(s string) *string { return &s }

func TestEventsScreen(t *testing.T) {
	t.Parallel()
	checkScreen(t, shown(func(s screen) {
		s.events([]admin.Event{
			{Source: "recall", ID: "msg_3", Received: afternoon("00:10:00.000"), Event: "bot.fatal", Bot: "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"},
			{Source: "recall-staging", ID: "msg_2", Received: afternoon("00:00:01.500"), Trouble: `"event" is here twice`},
			{Source: "recall", ID: "msg_1", Received: afternoon("00:00:00.000").Add(-time.Second), Event: "calendar.update"},
		})
	}), `
4 MAR UTC  SOURCE          EVENT                               BOT       ID
00:10:00   recall          bot.fatal                           5b1c7f0e  msg_3
00:00:01   recall-staging  quarantined: "event" is here twice            msg_2
3 MAR UTC  SOURCE  EVENT                      BOT       ID
23:59:59   recall  calendar.update                      msg_1
`)
}

// An id is never cut, since people copy it.
func TestEventsScreenWithLongIDs(t *testing.T) {
	t.Parallel()
	long := "msg_" + strings.Repeat("2kFqX4mT0", 3)
	list := []admin.Event{
		{Source: "recall", ID: long, Received: afternoon("00:10:00.000"), Event: "bot.in_call_not_recording", Bot: "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"},
	}
	checkScreen(t, shown(func(s screen) { s.events(list) }), `
4 MAR UTC  EVENT                      BOT       ID
00:10:00   bot.in_call_not_recording  5b1c7f0e  `+long+`
`)
	list = append(list, admin.Event{Source: "recall-staging", ID: "msg_1", Received: afternoon("00:10:00.000"), Event: "bot.done"})
	checkScreen(t, shown(func(s screen) { s.events(list) }), `
4 MAR UTC  SOURCE          EVENT                      BOT
00:10:00   recall          bot.in_call_not_recording  5b1c7f0e
           `+long+`
00:10:00   recall-staging  bot.done
           msg_1
`)
}

func oneEvent() admin.EventDetail {
	began := afternoon("15:20:12.000")
	return admin.EventDetail{
		Event: admin.Event{
			Source: "recall", ID: "msg_2kFqX4", Event: "bot.call_ended", At: afternoon("15:20:11.910"), Received: began,
			Code: text("call_ended"), SubCode: text("timeout_exceeded_waiting_room"), Side: "host", Bot: "5b1c7f0e",
		},
		Deliveries: []admin.Delivery{
			{
				Ref: admin.Ref{Sink: "lake"}, Route: "everything", State: "delivered", Attempts: 1, Ended: began.Add(300 * time.Millisecond),
				Tries: []admin.Attempt{{Began: began.Add(100 * time.Millisecond), Took: 0.2, Note: "partition 3 offset 9"}},
			},
			{
				Ref: admin.Ref{Sink: "backend"}, Route: "everything", State: "retrying", Attempts: 7, Reason: "HTTP 503", Due: evening.Add(21 * time.Second),
				Tries: []admin.Attempt{
					{Began: began.Add(time.Second), Took: 0.1, Note: "HTTP 503"},
					{Began: began.Add(time.Minute), Took: 12, Note: "HTTP 503"},
				},
			},
		},
		Payload: text("{\"event\":\t\"bot.call_ended\",\n \"odd\":\"\u009b31m\"}\n"),
	}
}

func TestEventScreen(t *testing.T) {
	t.Parallel()
	got := shown(func(s screen) {
		if err := s.event(oneEvent(), true, true); err != nil {
			t.Error(err)
		}
	})
	checkScreen(t, got, `
msg_2kFqX4   recall   bot.call_ended
received 4 March 15:20:12.000 UTC, happened 4 March 15:20:11.910 UTC
code call_ended, sub_code timeout_exceeded_waiting_room, side host
bot 5b1c7f0e

SINK     STATE      ROUTE       TRIES
lake     delivered  everything  in 0.3 s
                                15:20:12.100 0.2 s: partition 3 offset 9
backend  retrying   everything  HTTP 503, 8th try in 21 s
                                15:20:13.000 0.1 s: HTTP 503
                                … 5 more
                                15:21:12.000 12 s: HTTP 503

Payload, 44 bytes:
{"event":    "bot.call_ended",
 "odd":"`+"\ufffd"+`31m"}
`)
}

// Into a file or a pipe the payload goes as it came.
func TestPayloadIsRawForPrograms(t *testing.T) {
	t.Parallel()
	e := oneEvent()
	got := shown(func(s screen) {
		if err := s.event(e, true, false); err != nil {
			t.Error(err)
		}
	})
	if !strings.HasSuffix(got, *e.Payload) {
		t.Errorf("the payload is not as it came: %q", got)
	}
	e.Payload, e.PayloadBase64 = text("/wBh"), true
	got = shown(func(s screen) {
		if err := s.event(e, true, false); err != nil {
			t.Error(err)
		}
	})
	if !strings.HasSuffix(got, "Payload, 3 bytes:\n\xff\x00a\n") {
		t.Errorf("a payload that is no text: %q", got)
	}
	e.Payload, e.PayloadGone = nil, true
	got = shown(func(s screen) {
		if err := s.event(e, true, false); err != nil {
			t.Error(err)
		}
	})
	if !strings.HasSuffix(got, "Its payload was removed to make room.\n") {
		t.Errorf("a payload that is gone: %q", got)
	}
}

func TestStatusOfSeveralRelaysAndOfNone(t *testing.T) {
	t.Parallel()
	a := companyStatus()
	a.Sources[1].Quarantined = 3
	a.Store = nil
	a.Sinks = a.Sinks[:1]
	a.Bots = admin.BotTally{Reached: before(3 * time.Hour), Ended: 1, Recorded: 1}
	a.Relays = []admin.RelayStatus{
		{Name: "3f2a", Version: "1.4.2", ConfigHash: "9f1c2ab04d5e", Sinks: []string{"bots", "lake"}},
		{Name: "b07c", Version: "1.4.1", ConfigHash: "9f1c2ab04d5e"},
	}
	checkScreen(t, shown(func(s screen) { s.status(a) }), `
botrelay 1.4.2 · up 12 days · config.yaml of 3 March 16:20

SOURCE          LAST EVENT  1 H  REFUSED 1 H  QUARANTINED  SECRETS LAST USED
recall          2 s ago     2,214          0            0  3fa9 2 s ago,
                                                           81bc never
recall-staging  6 min ago      31         12            3  c0de 6 min ago
                                                           12 × no signature
                                                           matches

SINK  STATE  WAITING  DEAD
bots  ok           0     0

BOTS since 4 March 12:35  1: 1 recorded

RELAY  VERSION  CONFIG    SERVES
3f2a   1.4.2    9f1c2ab0  bots, lake
b07c   1.4.1    9f1c2ab0  -
`)
	a.Running, a.Relays = false, nil
	checkScreen(t, shown(func(s screen) { s.status(a) }), `
botrelay 1.4.2 · no relay is running · config.yaml of 3 March 16:20

SOURCE          LAST EVENT  QUARANTINED
recall          2 s ago               0
recall-staging  6 min ago             3

SINK  STATE  WAITING  DEAD
bots  ok           0     0

BOTS since 4 March 12:35  1: 1 recorded
`)
}

func TestStatusVerdict(t *testing.T) {
	t.Parallel()
	good := companyStatus()
	good.Wrong = nil
	if err := statusVerdict(good); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*admin.Status)
		want   string
	}{
		"as the relay says": {
			func(a *admin.Status) { a.Wrong = companyStatus().Wrong },
			"1 sink is paused, 1 is orphaned, 359 dead letters (backend), 12 requests of recall-staging were refused",
		},
		"stopped": {func(a *admin.Status) { a.Running = false }, "no relay is running"},
		"two files": {
			func(a *admin.Status) { a.Relays = []admin.RelayStatus{{ConfigHash: "a"}, {ConfigHash: "b"}} },
			"the relays' configurations differ",
		},
		"two versions": {
			func(a *admin.Status) { a.Relays = []admin.RelayStatus{{Version: "1.4.2"}, {Version: "1.4.1"}} },
			"the relays' versions differ",
		},
	} {
		a := good
		c.change(&a)
		err := statusVerdict(a)
		if f, ok := err.(*failure); !ok || f.code != 1 || f.text != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The same afternoon in another zone, and in another year.
func TestZonesAndYears(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	got := shown(func(s screen) {
		s.zone = zone
		s.printf("%s|%s|%s", s.at(evening), s.clock(evening.Add(-time.Hour)), s.dayTitle(evening))
	})
	if want := "4 March 16:35|15:35|4 MARCH, CET"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = shown(func(s screen) { s.printf("%s|%s", s.at(evening.AddDate(-1, 0, 0)), s.clock(before(day))) })
	if want := "4 March 2025 15:35|3 March 15:35"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
