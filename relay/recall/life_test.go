package recall

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

var start = time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)

// at is start plus s seconds.
func at(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }

// ev is an event that happened s seconds after start.
func ev(name string, s float64, subCode ...string) *relay.Event {
	f := relay.Fields{Event: name, At: at(s), BotID: relay.Some("b"), Key: "b"}
	for _, c := range subCode {
		f.SubCode = relay.Some(c)
	}
	return &relay.Event{Source: "recall", ID: fmt.Sprintf("%s@%v%v", name, s, subCode), Received: at(s + 1), Fields: f}
}

var compareLives = cmp.AllowUnexported(relay.Optional{})

func TestFold(t *testing.T) {
	code := relay.Some
	for _, c := range []struct {
		name   string
		events []*relay.Event
		want   Life
	}{
		{"nothing", nil, Life{}},
		{"set out", []*relay.Event{ev("bot.joining_call", 2)},
			Life{State: "joining_call", Since: at(2), BegunBy: "bot.joining_call@2[]", Last: at(2), LastID: "bot.joining_call@2[]", SetOut: at(2)}},
		{"could not join", []*relay.Event{ev("bot.joining_call", 2), ev("bot.fatal", 19, "zoom_sdk_credentials_missing")},
			Life{State: "fatal", Since: at(19), BegunBy: "bot.fatal@19[zoom_sdk_credentials_missing]", Last: at(19), LastID: "bot.fatal@19[zoom_sdk_credentials_missing]",
				SetOut: at(2), Ended: at(19), EndCode: code("zoom_sdk_credentials_missing"), Fatal: true, Failed: at(19)}},
		{"thrown out of the call, no cause", []*relay.Event{ev("bot.joining_call", 2), ev("bot.in_call_not_recording", 5), ev("bot.fatal", 19)},
			Life{State: "fatal", Since: at(19), BegunBy: "bot.fatal@19[]", Last: at(19), LastID: "bot.fatal@19[]",
				SetOut: at(2), InCall: true, InCallAt: at(5), Ended: at(19), Fatal: true, Failed: at(19)}},
		{"never let in", []*relay.Event{ev("bot.joining_call", 2), ev("bot.in_waiting_room", 11), ev("bot.call_ended", 1211, "timeout_exceeded_waiting_room"), ev("bot.done", 1217)},
			Life{State: "done", Since: at(1217), BegunBy: "bot.done@1217[]", Last: at(1217), LastID: "bot.done@1217[]",
				SetOut: at(2), Waiting: at(11), Ended: at(1211), EndCode: code("timeout_exceeded_waiting_room"), Done: true}},
		{"recorded with a pause", []*relay.Event{ev("bot.joining_call", 0), ev("bot.in_waiting_room", 10), ev("bot.in_call_not_recording", 70), ev("bot.recording_permission_allowed", 80),
			ev("bot.in_call_recording", 100), ev("recording.processing", 101), ev("bot.in_call_not_recording", 200), ev("bot.in_call_recording", 260),
			ev("bot.call_ended", 300, "call_ended_by_host"), ev("recording.done", 310), ev("bot.done", 320), ev("recording.deleted", 9000)},
			Life{State: "done", Since: at(320), BegunBy: "bot.done@320[]", Last: at(9000), LastID: "recording.deleted@9000[]",
				Waiting: at(10), SetOut: at(0), InCall: true, InCallAt: at(70), Recorded: true, RecordedAt: at(100), RecordedFor: 140 * time.Second,
				Ended: at(300), EndCode: code("call_ended_by_host"), Done: true}},
		{"the same state again did not begin anew", []*relay.Event{ev("bot.in_waiting_room", 10), ev("bot.in_waiting_room", 50), ev("bot.breakout_room_opened", 60)},
			Life{State: "in_waiting_room", Since: at(10), BegunBy: "bot.in_waiting_room@10[]", Last: at(60), LastID: "bot.breakout_room_opened@60[]", Waiting: at(10)}},
		{"permission denied is in the call", []*relay.Event{ev("bot.recording_permission_denied", 10, "zoom_host_not_present")},
			Life{State: "recording_permission_denied", Since: at(10), BegunBy: "bot.recording_permission_denied@10[zoom_host_not_present]",
				Last: at(10), LastID: "bot.recording_permission_denied@10[zoom_host_not_present]", InCall: true, InCallAt: at(10)}},
		{"unknown and side events leave the state", []*relay.Event{ev("bot.in_call_recording", 10), ev("bot.some_future_state", 20), ev("bot.participant_in_waiting_room", 30), ev("bot.ready", 40)},
			Life{State: "in_call_recording", Since: at(10), BegunBy: "bot.in_call_recording@10[]", Last: at(40), LastID: "bot.ready@40[]",
				InCall: true, InCallAt: at(10), Recorded: true, RecordedAt: at(10)}},
		{"events of the relay are passed over", []*relay.Event{ev("bot.in_waiting_room", 10), ev("botrelay.bot_stuck", 310, "in_waiting_room")},
			Life{State: "in_waiting_room", Since: at(10), BegunBy: "bot.in_waiting_room@10[]", Last: at(10), LastID: "bot.in_waiting_room@10[]", Waiting: at(10)}},
		{"nothing follows done, but it is seen", []*relay.Event{ev("bot.done", 10), ev("bot.in_call_recording", 20), ev("bot.call_ended", 30, "call_ended_by_host")},
			Life{State: "done", Since: at(10), BegunBy: "bot.done@10[]", Last: at(30), LastID: "bot.call_ended@30[call_ended_by_host]",
				InCall: true, InCallAt: at(20), Recorded: true, RecordedAt: at(20), Ended: at(10), EndCode: code("call_ended_by_host"), Done: true}},
		{"done after fatal: it failed all the same", []*relay.Event{ev("bot.call_ended", 5, "call_ended_by_host"), ev("bot.fatal", 10, "bot_errored"), ev("bot.done", 20)},
			Life{State: "done", Since: at(20), BegunBy: "bot.done@20[]", Last: at(20), LastID: "bot.done@20[]",
				Ended: at(5), EndCode: code("bot_errored"), Fatal: true, Failed: at(10), Done: true}},
		{"a fatal without a cause hides that of call_ended", []*relay.Event{ev("bot.fatal", 10), ev("bot.call_ended", 20, "call_ended_by_host")},
			Life{State: "fatal", Since: at(10), BegunBy: "bot.fatal@10[]", Last: at(20), LastID: "bot.call_ended@20[call_ended_by_host]",
				Ended: at(10), Fatal: true, Failed: at(10)}},
		{"legacy recording_done says that it recorded", []*relay.Event{ev("bot.recording_done", 10)},
			Life{Last: at(10), LastID: "bot.recording_done@10[]", Recorded: true, RecordedAt: at(10)}},
		{"equal times: the usual course", []*relay.Event{ev("bot.done", 5), ev("bot.in_call_recording", 5), ev("bot.joining_call", 5), ev("bot.call_ended", 5, "call_ended_by_host"), ev("bot.in_call_not_recording", 5)},
			Life{State: "done", Since: at(5), BegunBy: "bot.done@5[]", Last: at(5), LastID: "bot.done@5[]", SetOut: at(5), InCall: true, InCallAt: at(5),
				Recorded: true, RecordedAt: at(5), Ended: at(5), EndCode: code("call_ended_by_host"), Done: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Fold(c.events), compareLives); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An event without a time of its own counts from its receipt.
func TestFoldWithoutTimes(t *testing.T) {
	waiting := ev("bot.in_waiting_room", 100)
	waiting.Fields.At, waiting.Received = time.Time{}, at(30)
	l := Fold([]*relay.Event{ev("bot.in_call_not_recording", 20), waiting, ev("bot.joining_call", 10)})
	if l.State != "in_waiting_room" || !l.Since.Equal(at(30)) || !l.Waiting.Equal(at(30)) {
		t.Errorf("%+v", l)
	}
}

// Whatever order the events came in, the life is the same, and no order of
// arrival is visible in the timeline.
func TestFoldDependsOnNoOrder(t *testing.T) {
	names := []string{"bot.ready", "bot.joining_call", "bot.in_waiting_room", "bot.in_call_not_recording", "bot.recording_permission_allowed",
		"bot.recording_permission_denied", "bot.in_call_recording", "bot.call_ended", "bot.done", "bot.fatal", "bot.breakout_room_opened",
		"recording.processing", "recording.done", "bot.recording_done", "botrelay.bot_stuck"}
	codes := []string{"call_ended_by_host", "bot_errored", ""}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		events := make([]*relay.Event, random.IntN(12))
		for i := range events {
			e := ev(names[random.IntN(len(names))], float64(random.IntN(5)))
			e.ID = fmt.Sprint("msg_", i)
			if c := codes[random.IntN(len(codes))]; c != "" {
				e.Fields.SubCode = relay.Some(c)
			}
			if random.IntN(5) == 0 {
				e.Fields.At = time.Time{}
			}
			events[i] = e
		}
		want, order := Fold(events), InOrder(events)
		for range 5 {
			random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			before := slices.Clone(events)
			if diff := cmp.Diff(want, Fold(events), compareLives); diff != "" {
				t.Fatalf("order changes the life (-one +other):\n%s", diff)
			}
			if !slices.Equal(order, InOrder(events)) {
				t.Fatal("order changes the timeline")
			}
			if !slices.Equal(before, events) {
				t.Fatal("the argument was changed")
			}
		}
		if terminal := want.Fatal || want.Done; terminal != (want.State == "done" || want.State == "fatal") {
			t.Fatalf("state %q with fatal %v, done %v", want.State, want.Fatal, want.Done)
		}
	}
}

// sequence reads the deliveries of a file, in order of arrival, each id once.
func sequence(tb testing.TB, name string) []*relay.Event {
	tb.Helper()
	file, err := os.ReadFile("testdata/sequences/" + name + ".ndjson")
	if err != nil {
		tb.Fatal(err)
	}
	var events []*relay.Event
	seen := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		var d struct {
			ID   string          `json:"svix_id"`
			MS   int             `json:"arrive_ms"`
			Body json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			tb.Fatal(err)
		}
		f, trouble := Normalise(d.ID, d.Body)
		if trouble != "" {
			tb.Fatal(trouble)
		}
		if !seen[d.ID] {
			seen[d.ID] = true
			events = append(events, &relay.Event{Source: "recall", ID: d.ID, Received: at(float64(d.MS) / 1000), Fields: f})
		}
	}
	return events
}

func TestFoldOfSequences(t *testing.T) {
	for name, want := range map[string]struct {
		state, code, outcome string
		inCall               bool
		waited, recorded     time.Duration
	}{
		"happy":                {"done", "call_ended_by_host", OutcomeRecorded, true, 74426734 * time.Microsecond, 45*time.Minute + 43718063*time.Microsecond},
		"swapped_6ms_pair":     {"done", "call_ended_by_host", OutcomeRecorded, true, 74426734 * time.Microsecond, 45*time.Minute + 43718063*time.Microsecond},
		"duplicates":           {"in_waiting_room", "", "", false, 0, 0},
		"waiting_room_timeout": {"done", "timeout_exceeded_waiting_room", OutcomeNotRecorded, false, 20*time.Minute + 5783*time.Microsecond, 0},
		"legacy_happy":         {"done", "call_ended_by_host", OutcomeRecorded, true, 0, 46*time.Minute + 47124948*time.Microsecond},
	} {
		l := Fold(sequence(t, name))
		if l.State != want.state || l.EndCode.String() != want.code || l.Outcome() != want.outcome || l.InCall != want.inCall ||
			l.Waited() != want.waited || l.RecordedFor != want.recorded {
			t.Errorf("%s: waited %v, recorded %v, outcome %q, %+v", name, l.Waited(), l.RecordedFor, l.Outcome(), l)
		}
	}
}

func TestLifeAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		events  []*relay.Event
		waited  time.Duration
		failed  time.Duration
		knows   bool
		outcome string
	}{
		"nothing":                    {},
		"still waiting":              {events: []*relay.Event{ev("bot.in_waiting_room", 10)}},
		"let in":                     {events: []*relay.Event{ev("bot.in_waiting_room", 10), ev("bot.in_call_not_recording", 15)}, waited: 5 * time.Second},
		"in the call without a wait": {events: []*relay.Event{ev("bot.in_call_not_recording", 15)}},
		"waiting after the call":     {events: []*relay.Event{ev("bot.in_call_not_recording", 5), ev("bot.in_waiting_room", 10)}},
		"failed in 17 s": {events: []*relay.Event{ev("bot.joining_call", 2), ev("bot.fatal", 19), ev("bot.fatal", 25)},
			failed: 17 * time.Second, knows: true, outcome: OutcomeFatal},
		"failed while waiting":              {events: []*relay.Event{ev("bot.in_waiting_room", 10), ev("bot.fatal", 40)}, waited: 30 * time.Second, outcome: OutcomeFatal},
		"failed before it set out":          {events: []*relay.Event{ev("bot.joining_call", 20), ev("bot.fatal", 19)}, outcome: OutcomeFatal},
		"fatal counts above a recording":    {events: []*relay.Event{ev("bot.in_call_recording", 1), ev("bot.fatal", 19), ev("bot.done", 20)}, outcome: OutcomeFatal},
		"a late recording event takes back": {events: []*relay.Event{ev("bot.call_ended", 10, "call_ended_by_host"), ev("recording.done", 600)}, outcome: OutcomeRecorded},
		"no recording event":                {events: []*relay.Event{ev("bot.done", 10)}, outcome: OutcomeNotRecorded},
	} {
		l := Fold(c.events)
		failed, knows := l.FailedAfter()
		if l.Waited() != c.waited || failed != c.failed || knows != c.knows || l.Outcome() != c.outcome {
			t.Errorf("%s: waited %v, failed after %v %v, outcome %q", name, l.Waited(), failed, knows, l.Outcome())
		}
	}
}

func BenchmarkFold(b *testing.B) {
	events := sequence(b, "happy")
	b.ReportAllocs()
	for b.Loop() {
		Fold(events)
	}
}
