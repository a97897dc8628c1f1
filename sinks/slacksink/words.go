package slacksink

import (
	"fmt"
	"strings"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// words say an event. They are clean and cut, and not escaped yet, but for
// advice, which has links.
type words struct {
	dot    string
	side   string // whose turn it is; empty where the event has no side
	cause  string // in few words, for the phone; empty without a side
	title  string // the first line: what happened, and why
	cost   string // for the phone: whose bot or object, and what became of it
	whose  string // the second line
	id     string // of the bot or object, whole
	advice string // side and next step, as mrkdwn; empty where there is nothing to say
}

// The dots, by how much they ask of a reader.
const (
	red, orange, white = "🔴", "🟠", "⚪"
)

// sideWord and sideDot are what a reader learns first: whether it is his.
func sideWord(side string) string {
	switch side {
	case recall.SideAccount:
		return "Yours to fix"
	case recall.SideRecall:
		return "Recall's side"
	case recall.SidePlatform:
		return "Meeting platform's side"
	case recall.SideHost:
		return "Host's side"
	case recall.SideNobody:
		return "Ordinary end"
	}
	return unknownCause
}

const unknownCause = "Cause not known to botrelay"

func sideDot(side string) string {
	switch side {
	case recall.SidePlatform, recall.SideHost, recall.SideNobody:
		return orange
	}
	return red
}

// Names of the events that have words of their own.
const (
	fatal      = "bot.fatal"
	denied     = "bot.recording_permission_denied"
	callEnded  = "bot.call_ended"
	failedTail = ".failed"
)

// isFailure tells which events go before all others.
func isFailure(name string) bool { return name == fatal || strings.HasSuffix(name, failedTail) }

func dotOf(f *relay.Fields) string {
	switch {
	case f.Event == fatal:
		return sideDot(f.Side)
	case strings.HasSuffix(f.Event, failedTail):
		return red
	case f.Event == denied, f.Event == callEnded && f.Side != recall.SideNobody:
		return orange
	}
	return white
}

// say finds the words for an event. life is of its bot, zero when nothing is
// known of it.
func say(ev *relay.Event, life recall.Life) words {
	f := &ev.Fields
	s := subjectOf(ev)
	w := words{dot: dotOf(f), whose: s.whose(), id: s.id}
	what, own := happened(f.Event, life)
	if own {
		w.title, w.cost = fmt.Sprintf(what, "Bot"), fmt.Sprintf(what, s.bot())
	} else {
		w.title = what
		w.cost = what + ": " + w.whose
	}
	subCode := value(f.SubCode.String())
	full := f.Event == fatal || f.Event == denied
	if f.Side == "" || subCode == "" && !full {
		return w
	}
	w.side = sideWord(f.Side)
	known, listed := recall.Lookup(f.SubCode.String())
	switch {
	case listed:
		w.cause = known.Short
		w.title += ": " + known.Title
		w.advice = nextStep(w.side, known)
	case subCode == "":
		w.side = "" // there is no cause to know or not to know
		w.cost = "Recall gave no cause. " + w.cost
		w.title += ": no cause was given"
		w.advice = "*Recall gave no cause.* Look at the bot in the Recall dashboard. " + link(recall.CatalogueURL, "Recall's list")
	case ev.Derived(): // the relay's own word, and no cause of Recall's
		w.cause = plain(subCode)
		w.title += ": " + w.cause
	default:
		w.cause = subCode
		w.title += ": " + subCode
		w.advice = notListed(f)
	}
	return w
}

// nextStep is the sentence of a listed code. The catalogue's words are our own,
// with settings between backticks.
func nextStep(side string, c recall.Code) string {
	text := "*" + escape(side) + ".*"
	if c.NextStep != "" {
		text += " " + escape(c.NextStep)
	}
	if c.URL != "" && c.LinkText != "" {
		text += " " + link(c.URL, c.LinkText)
	}
	return text
}

// zoomOBF is about the tokens that Zoom wants since March 2026 for meetings
// outside one's account. No listed code names them, so an unlisted one of Zoom
// may be about them.
const zoomOBF = "https://docs.recall.ai/docs/zoom-obf"

func notListed(f *relay.Fields) string {
	text := fmt.Sprintf("*Recall sent a cause that is not in botrelay's list of %s.* %s. %s",
		recall.CatalogueDate, code(f.SubCode.String()), link(recall.CatalogueURL, "Recall's list"))
	if f.Platform == recall.Zoom {
		text += " · " + link(zoomOBF, "Zoom's OBF tokens")
	}
	return text
}

// happened says what an event means. own: it has words of its own, with %s for
// the bot.
func happened(name string, life recall.Life) (what string, own bool) {
	switch name {
	case fatal:
		if life.InCall {
			return "%s was thrown out of the call", true
		}
		return "%s could not join", true
	case denied:
		return "%s may not record", true
	case "bot.recording_permission_allowed":
		return "%s may record", true
	case "bot.joining_call":
		return "%s is joining the call", true
	case "bot.in_waiting_room":
		return "%s is in the waiting room", true
	case "bot.in_call_not_recording":
		return "%s is in the call, not recording", true
	case "bot.in_call_recording":
		return "%s is recording", true
	case callEnded:
		return "%s's call ended", true
	case "bot.breakout_room_entered":
		return "%s has entered a breakout room", true
	case "bot.breakout_room_left":
		return "%s has left a breakout room", true
	case "bot.done":
		return "%s is done", true
	}
	object, what, _ := strings.Cut(strings.TrimPrefix(name, relay.DerivedPrefix), ".")
	if what = value(plain(object) + " " + plain(what)); what == "" {
		what = "event without a readable name"
	}
	return sentence(what), false
}

// plain is a part of an event's name in words.
func plain(part string) string {
	switch part {
	case "sdk_upload":
		return "SDK upload"
	case "slack_team":
		return "Slack team"
	}
	return strings.NewReplacer("_", " ", ".", " ").Replace(part)
}
