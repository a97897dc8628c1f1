package recall

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"botrelay/relay"
)

// Life is what one bot's events tell about it. The zero value is a bot of which
// nothing is known. Times are those of the events, by [Happened].
type Life struct {
	State   string    // the last main state, such as in_waiting_room; empty when none was received
	Since   time.Time // when it began
	BegunBy string    // the id of the event that began it

	Last   time.Time // the latest event of any kind that was received
	LastID string    // its id

	SetOut     time.Time // the first bot.joining_call; zero when this relay did not receive it
	Waiting    time.Time // the first bot.in_waiting_room
	InCall     bool      // a state in the call was received, whatever came later
	InCallAt   time.Time // the first of them
	Recorded   bool      // a recording event was received (IsRecording)
	RecordedAt time.Time // the first of them
	// RecordedFor is how long the bot was in bot.in_call_recording, pauses left
	// out. A stretch that is still open does not count: it began at Since.
	RecordedFor time.Duration

	Ended   time.Time      // the first of bot.call_ended, bot.done and bot.fatal; zero while none was received
	EndCode relay.Optional // the sub code of bot.fatal if there was one, else of bot.call_ended
	Fatal   bool           // bot.fatal was received; nothing takes that back
	Failed  time.Time      // the first bot.fatal
	Done    bool           // bot.done was received: media are ready if it has recorded
}

// Waited is how long the bot was kept in the waiting room: until it was let in,
// else until the end. It is 0 while the wait goes on, and when there was none.
func (l Life) Waited() time.Duration {
	until := l.Ended
	if l.InCall {
		until = l.InCallAt
	}
	if l.Waiting.IsZero() || until.Before(l.Waiting) {
		return 0
	}
	return until.Sub(l.Waiting)
}

// FailedAfter is the time from setting out to bot.fatal; false when one of the
// two was not received, or they are the wrong way round.
func (l Life) FailedAfter() (time.Duration, bool) {
	if l.SetOut.IsZero() || l.Failed.Before(l.SetOut) {
		return 0, false
	}
	return l.Failed.Sub(l.SetOut), true
}

// The outcomes of a bot.
const (
	OutcomeRecorded    = "recorded"
	OutcomeNotRecorded = "not_recorded" // no recording event was received
	OutcomeFatal       = "fatal"
)

// Outcome is how the bot ended; empty while it has not.
func (l Life) Outcome() string {
	switch {
	case l.Fatal:
		return OutcomeFatal
	case l.Ended.IsZero():
		return ""
	case l.Recorded:
		return OutcomeRecorded
	}
	return OutcomeNotRecorded
}

// rank orders events of the same time: the usual course of a bot. It is also the
// list of main states; terminal ones are at the end.
func rank(state string) int {
	switch state {
	case "joining_call":
		return 10
	case "in_waiting_room":
		return 20
	case "in_call_not_recording":
		return 30
	case "recording_permission_allowed", "recording_permission_denied":
		return 40
	case "in_call_recording":
		return 50
	case "call_ended":
		return 60
	case "done":
		return terminal
	case "fatal":
		return terminal + 1
	}
	return 0
}

// terminal is the rank from which on a state is final.
const terminal = 70

// Happened is when an event took place: by the sender's word, else when it was
// received.
func Happened(e *relay.Event) time.Time {
	if e.Fields.At.IsZero() {
		return e.Received
	}
	return e.Fields.At
}

// InOrder returns the events in the order in which they took place: by
// [Happened], those of one time by the usual course of a bot. The order does not
// depend on that of the argument, which is not changed.
func InOrder(events []*relay.Event) []*relay.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b *relay.Event) int {
		return cmp.Or(
			Happened(a).Compare(Happened(b)),
			cmp.Compare(course(a), course(b)),
			strings.Compare(a.Fields.Event, b.Fields.Event),
			strings.Compare(a.ID, b.ID),
			strings.Compare(a.Source, b.Source))
	})
}

// Fold computes a bot's life from its events: all of [relay.Reader.Bot], or
// those received so far. It depends on what they say, never on the order in
// which they came. Events that the relay made itself are passed over.
//
// The state is that of the latest event with a main state. Once bot.done or
// bot.fatal was received nothing but the other of the two, with a later time,
// changes it. Other events (breakout rooms, media, unknown states) leave it.
func Fold(events []*relay.Event) Life {
	var l Life
	for _, e := range InOrder(events) {
		if !e.Derived() {
			l.add(e)
		}
	}
	return l
}

// add takes in the next event in order.
func (l *Life) add(e *relay.Event) {
	at, name := Happened(e), e.Fields.Event
	l.Last, l.LastID = at, e.ID
	if IsRecording(name) && !l.Recorded {
		l.Recorded, l.RecordedAt = true, at
	}
	state, ok := strings.CutPrefix(name, "bot.")
	if !ok || rank(state) == 0 {
		return
	}
	switch state {
	case "joining_call":
		first(&l.SetOut, at)
	case "in_waiting_room":
		first(&l.Waiting, at)
	case "in_call_not_recording", "recording_permission_allowed", "recording_permission_denied", "in_call_recording":
		l.InCall = true
		first(&l.InCallAt, at)
	case "call_ended", "done", "fatal":
		l.end(state, at, e.Fields.SubCode)
	}
	l.enter(state, at, e.ID)
}

// end takes in an event that ends the bot's call.
func (l *Life) end(state string, at time.Time, subCode relay.Optional) {
	first(&l.Ended, at)
	switch state {
	case "call_ended":
		if !l.Fatal {
			l.EndCode = subCode
		}
	case "done":
		l.Done = true
	case "fatal":
		l.Fatal = true
		first(&l.Failed, at)
		l.EndCode = subCode
	}
}

// enter makes state the present one, if the present one may end.
func (l *Life) enter(state string, at time.Time, id string) {
	if state == l.State || rank(l.State) >= terminal && rank(state) < terminal {
		return
	}
	if l.State == "in_call_recording" {
		l.RecordedFor += at.Sub(l.Since)
	}
	l.State, l.Since, l.BegunBy = state, at, id
}

// first sets t to at unless it is set.
func first(t *time.Time, at time.Time) {
	if t.IsZero() {
		*t = at
	}
}

// course is an event's place in the usual course of a bot: main states, then
// whatever else has the same time.
func course(e *relay.Event) int {
	if state, ok := strings.CutPrefix(e.Fields.Event, "bot."); ok && rank(state) > 0 {
		return rank(state)
	}
	return 2 * terminal
}
