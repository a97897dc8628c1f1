package slacksink

import (
	"strings"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// subject is what an event is about: a bot, another object, or only itself.
type subject struct {
	kind string // bot, calendar, event, …
	id   string // whole and clean
}

func subjectOf(ev *relay.Event) subject {
	if id := value(ev.Fields.BotID.String()); id != "" {
		return subject{"bot", id}
	}
	object, _, _ := strings.Cut(ev.Fields.Event, ".")
	if id := value(objectID(ev.Raw, object)); id != "" {
		return subject{value(plain(object)), id}
	}
	return subject{"event", value(ev.ID)}
}

// objectID reads the id of the object that an event is named after, from
// data.OBJECT.id or data.OBJECT_id.
func objectID(raw []byte, object string) string {
	body, err := recall.Decode(raw)
	if err != nil {
		return ""
	}
	data := member(body, "data")
	if id, ok := member(member(data, object), "id").(string); ok {
		return id
	}
	id, _ := member(data, object+"_id").(string)
	return id
}

func member(of any, name string) any {
	m, _ := of.(map[string]any)
	return m[name]
}

// whose is the subject in few words. The ids of events begin alike, so they are
// not shortened.
func (s subject) whose() string {
	if s.kind == "event" {
		return s.kind + " " + s.id
	}
	return s.kind + " " + short(s.id)
}

// bot is the subject at the beginning of a sentence about a bot.
func (s subject) bot() string {
	if s.kind == "bot" {
		return "Bot " + short(s.id)
	}
	return "A bot"
}
