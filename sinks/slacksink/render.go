package slacksink

import (
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// alert is all that one message is made of.
type alert struct {
	event    *relay.Event
	life     recall.Life // of its bot; zero when nothing is known of it
	leads    []string    // stand before everything else, such as SIMULATED
	mentions []string    // as markup
}

// lateAfter is the delay at the source from which on a message speaks of it.
const lateAfter = 5 * time.Minute

// metadataLimit is how many characters of a value the metadata holds; Slack
// refuses metadata that is too large.
const metadataLimit = 255

// render makes the message of an alert. It is pure.
func render(a alert) message {
	w := say(a.event, a.life)
	lead := strings.Join(slices.Concat(a.leads, []string{w.dot}), " ")
	phone := w.cost
	if w.side != "" {
		phone = w.side + ": " + w.cause + ". " + w.cost
	}
	first := escape(lead) + " *" + escape(w.title) + "*\n" + escape(w.whose)
	if len(a.mentions) > 0 {
		first += "   " + strings.Join(a.mentions, " ")
	}
	m := message{text: escape(cut(lead+" "+phone, phoneLimit)), mentions: a.mentions, metadata: metadataOf(a.event)}
	m.blocks = append(m.blocks, section(first))
	if w.advice != "" {
		m.blocks = append(m.blocks, section(w.advice))
	}
	if late := a.event.Received.Sub(recall.Happened(a.event)); late > lateAfter {
		m.blocks = append(m.blocks, smallPrint(
			"late: happened "+spoken(late.Truncate(time.Minute))+" before it was received"))
	}
	m.blocks = append(m.blocks, smallPrint(a.moment()...))
	if traces := a.traces(w.id); len(traces) > 0 {
		m.blocks = append(m.blocks, smallPrint(traces...))
	}
	return m
}

// moment is when it happened.
func (a alert) moment() []string {
	at := clock(recall.Happened(a.event))
	if after, ok := a.life.FailedAfter(); ok && a.event.Fields.Event == fatal {
		return []string{"failed " + spoken(after) + " after it set out", at}
	}
	return []string{at}
}

// traces are for searching, not for deciding: source, code, id.
func (a alert) traces(id string) []string {
	f := &a.event.Fields
	searched := code(f.SubCode.String())
	if searched == "" {
		searched = code(f.Event)
	}
	all := []string{escape(value(a.event.Source)), searched, code(id)}
	return slices.DeleteFunc(all, func(part string) bool { return part == "" })
}

func metadataOf(ev *relay.Event) slack.SlackMetadata {
	payload := map[string]any{"id": cut(ev.ID, metadataLimit), "event": cut(ev.Fields.Event, metadataLimit)}
	if bot := ev.Fields.BotID.String(); bot != "" {
		payload["bot_id"] = cut(bot, metadataLimit)
	}
	return slack.SlackMetadata{EventType: "botrelay_alert", EventPayload: payload}
}

func section(text string) slack.Block { return slack.NewSectionBlock(mrkdwn(text), nil, nil) }

// smallPrint is a line that comes last.
func smallPrint(parts ...string) slack.Block {
	return slack.NewContextBlock("", mrkdwn(strings.Join(parts, " · ")))
}

// mrkdwn is a text in which Slack makes no links of its own out of what looks
// like an address, a channel or a name: a payload could hold one
// (https://docs.slack.dev/reference/block-kit/composition-objects/text-object, verbatim).
func mrkdwn(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, true)
}
