package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// simulatedMark is the metadata key and value of every simulated bot: sinks
// mark what they send for it.
const simulatedMark, simulatedValue = "botrelay", "simulated"

// step is one event in the life of a simulated bot.
type step struct {
	event   string
	subCode string        // "" is null
	after   time.Duration // since the step before, by the event's own time
	again   bool          // the event before once more, with the same id
	bot     int           // which bot of the life; most have one
}

func (s step) code() string {
	_, code, _ := strings.Cut(s.event, ".")
	return code
}

// lives are the lives that simulate knows, as Recall's documentation describes
// them [docs.recall.ai/docs/bot-status-change-events].
func lives() map[string][]step {
	happy := []step{
		{event: "bot.joining_call"},
		{event: "bot.in_waiting_room", after: 10 * time.Second},
		{event: "bot.in_call_not_recording", after: 75 * time.Second},
		{event: "bot.in_call_recording", after: 6 * time.Millisecond},
		{event: "bot.call_ended", subCode: "call_ended_by_host", after: 40 * time.Minute},
		{event: "bot.done", after: 43 * time.Second},
	}
	swapped := append([]step(nil), happy...)
	swapped[2], swapped[3] = step{event: "bot.in_call_recording", after: 75*time.Second + 6*time.Millisecond},
		step{event: "bot.in_call_not_recording", after: -6 * time.Millisecond}
	swapped[4].after += 6 * time.Millisecond
	return map[string][]step{
		"happy": happy,
		"fatal": {
			{event: "bot.joining_call"},
			{event: "bot.fatal", subCode: "zoom_sdk_credentials_missing", after: 17 * time.Second},
		},
		"waiting-room-timeout": {
			{event: "bot.joining_call"},
			{event: "bot.in_waiting_room", after: 10 * time.Second},
			{event: "bot.call_ended", subCode: "timeout_exceeded_waiting_room", after: 20 * time.Minute},
			{event: "bot.done", after: 6 * time.Second},
		},
		"permission-denied": {
			{event: "bot.joining_call"},
			{event: "bot.in_call_not_recording", after: 12 * time.Second},
			{event: "bot.recording_permission_denied", subCode: "zoom_local_recording_request_denied_by_host", after: 20 * time.Second},
			{event: "bot.call_ended", subCode: "timeout_exceeded_recording_permission_denied", after: 30 * time.Second},
			{event: "bot.done", after: 5 * time.Second},
		},
		"stuck": {
			{event: "bot.joining_call"},
			{event: "bot.in_waiting_room", after: 10 * time.Second},
		},
		"duplicate": {
			{event: "bot.joining_call"},
			{event: "bot.joining_call", again: true},
		},
		"out-of-order": swapped,
		"storm":        storm(12),
	}
}

// storm is the life of many bots that fail within seconds, with one cause.
func storm(bots int) []step {
	var steps []step
	for bot := range bots {
		steps = append(steps, step{event: "bot.joining_call", bot: bot, after: 100 * time.Millisecond})
	}
	for bot := range bots {
		steps = append(steps, step{event: "bot.fatal", subCode: "zoom_internal_error", bot: bot, after: 300 * time.Millisecond})
	}
	return steps
}

// letter is one webhook as the sender would post it.
type letter struct {
	id   string
	bot  string
	step step
	body []byte
}

// letters turns a life into webhooks whose last event has just happened. Bot
// ids are random; the ids of the webhooks begin with sim_.
func letters(steps []step, now time.Time) ([]letter, error) {
	at := now
	for _, s := range steps {
		at = at.Add(-s.after)
	}
	bots := map[int]string{}
	var out []letter
	for _, s := range steps {
		at = at.Add(s.after)
		if s.again {
			out = append(out, out[len(out)-1])
			continue
		}
		if bots[s.bot] == "" {
			bots[s.bot] = fmt.Sprintf("51a1%04x-%04x-4%03x-8%03x-%012x",
				rand.N(1<<16), rand.N(1<<16), rand.N(1<<12), rand.N(1<<12), rand.N(uint64(1)<<48))
		}
		body, err := botBody(s, bots[s.bot], map[string]string{simulatedMark: simulatedValue}, at)
		if err != nil {
			return nil, err
		}
		out = append(out, letter{id: fmt.Sprintf("sim_%016x", rand.Uint64()), bot: bots[s.bot], step: s, body: body})
	}
	return out, nil
}

// botBody is a bot's status event in Recall's current shape.
func botBody(s step, bot string, metadata map[string]string, at time.Time) ([]byte, error) {
	var subCode *string
	if s.subCode != "" {
		subCode = &s.subCode
	}
	type status struct {
		Code      string  `json:"code"`
		SubCode   *string `json:"sub_code"`
		UpdatedAt string  `json:"updated_at"`
	}
	type botRef struct {
		ID       string            `json:"id"`
		Metadata map[string]string `json:"metadata"`
	}
	type data struct {
		Data status `json:"data"`
		Bot  botRef `json:"bot"`
	}
	return json.Marshal(struct {
		Event string `json:"event"`
		Data  data   `json:"data"`
	}{s.event, data{status{s.code(), subCode, at.UTC().Format("2006-01-02T15:04:05.000000Z07:00")}, botRef{bot, metadata}}})
}
