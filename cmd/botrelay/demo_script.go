package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// demoScript is what happens in the demo, and what must come of it.
type demoScript struct {
	scenes []scene

	mu       sync.Mutex
	letters  map[string]placed
	statuses map[string][]int
	slowest  time.Duration
	sent     map[string]time.Time
}

type scene struct {
	at          time.Duration
	say         string
	letters     []letter
	tellAnswers bool // one event that comes twice
	alert       bool // the last event is an alert
}

// placed is an event with its place among those of its bot.
type placed struct {
	letter
	place int
}

// newDemoScript writes the lives of four bots: one is recorded, the host of
// one refuses, one fails, and one ends after an event that came twice.
func newDemoScript(now time.Time) (*demoScript, error) {
	s := &demoScript{letters: map[string]placed{}, statuses: map[string][]int{}, sent: map[string]time.Time{}}
	// Each set out as long ago as its life lasts, so that nothing lies in the future.
	acme, globex := newActor("acme", "m-1", now.Add(-43*time.Minute)), newActor("globex", "m-2", now.Add(-2*time.Minute))
	initech, umbrella := newActor("initech", "m-3", now.Add(-20*time.Second)), newActor("umbrella", "m-4", now.Add(-43*time.Minute))
	joining := step{event: "bot.joining_call"}
	ended := step{event: "bot.call_ended", subCode: "call_ended_by_host", after: 40 * time.Minute}
	done := step{event: "bot.done", after: 43 * time.Second}
	var twice letter
	plan := []struct {
		scene
		lines func() []line
	}{
		{scene{say: "four bots set out: acme m-1, globex m-2, initech m-3, umbrella m-4"}, func() []line {
			return []line{{acme, joining}, {globex, joining}, {initech, joining}, {umbrella, joining}}
		}},
		{scene{at: 800 * time.Millisecond, say: "initech m-3 fails", alert: true}, func() []line {
			return []line{{initech, step{event: "bot.fatal", subCode: "zoom_sdk_credentials_missing", after: 17 * time.Second}}}
		}},
		{scene{at: 1200 * time.Millisecond, say: "umbrella m-4's event comes twice, with one id", tellAnswers: true}, func() []line {
			return []line{{umbrella, step{event: "bot.in_waiting_room", after: 10 * time.Second}}, {umbrella, step{again: true}}}
		}},
		{scene{at: 2 * time.Second, say: "acme m-1 records"}, func() []line {
			return []line{{acme, step{event: "bot.in_call_not_recording", after: 75 * time.Second}},
				{acme, step{event: "bot.in_call_recording", after: 6 * time.Millisecond}}}
		}},
		{scene{at: 3100 * time.Millisecond, say: "the host of globex m-2 refuses to be recorded", alert: true}, func() []line {
			return []line{{globex, step{event: "bot.in_call_not_recording", after: 12 * time.Second}},
				{globex, step{event: "bot.recording_permission_denied", subCode: "zoom_local_recording_request_denied_by_host", after: 20 * time.Second}}}
		}},
		{scene{at: 4 * time.Second, say: "the other calls end: nobody is told"}, func() []line {
			return []line{{acme, ended}, {acme, done},
				{globex, step{event: "bot.call_ended", subCode: "timeout_exceeded_recording_permission_denied", after: 30 * time.Second}}, {globex, done},
				{umbrella, ended}, {umbrella, done}}
		}},
	}
	for _, p := range plan {
		for _, l := range p.lines() {
			if !l.step.again {
				var err error
				if twice, err = l.actor.letter(l.step); err != nil {
					return nil, err
				}
				s.letters[twice.id] = placed{twice, l.actor.events}
			}
			p.scene.letters = append(p.scene.letters, twice)
		}
		s.scenes = append(s.scenes, p.scene)
	}
	return s, nil
}

// line is one event of one bot.
type line struct {
	actor *actor
	step  step
}

// actor is a bot of the demo.
type actor struct {
	bot      string
	metadata map[string]string
	at       time.Time // of its last event
	events   int
}

func newActor(tenant, meeting string, setOut time.Time) *actor {
	return &actor{
		bot:      fmt.Sprintf("%08x-3a94-4c1d-9d52-%012x", rand.Uint32(), rand.N(uint64(1)<<48)),
		metadata: map[string]string{"tenant": tenant, "meeting_ref": meeting},
		at:       setOut,
	}
}

func (a *actor) letter(s step) (letter, error) {
	a.at = a.at.Add(s.after)
	a.events++
	body, err := botBody(s, a.bot, a.metadata, a.at)
	return letter{id: fmt.Sprintf("msg_demo%016x", rand.Uint64()), bot: a.bot, step: s, body: body}, err
}

// expected is what the backend must get for an id.
func (s *demoScript) expected(id string) (body []byte, bot string, place int, ok bool) {
	l, ok := s.letters[id]
	return l.body, l.bot, l.place, ok
}

func (s *demoScript) answered(id string, status int, took time.Duration, sent time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[id] = append(s.statuses[id], status)
	s.slowest = max(s.slowest, took)
	if s.sent[id].IsZero() {
		s.sent[id] = sent
	}
}

func (s *demoScript) sentAt(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[id]
}

// alerts counts the events that must reach Slack.
func (s *demoScript) alerts() int {
	n := 0
	for _, scene := range s.scenes {
		if scene.alert {
			n++
		}
	}
	return n
}

// wrap breaks a text into lines of at most width characters, at blanks.
func wrap(text string, width int) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case current == "":
			current = word
		case utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) <= width:
			current += " " + word
		default:
			lines = append(lines, current)
			current = word
		}
	}
	return append(lines, current)
}
