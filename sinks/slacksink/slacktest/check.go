package slacktest

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Limits of a message
// (https://docs.slack.dev/reference/block-kit/blocks,
// https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
const (
	textLimit     = 40_000
	blocksLimit   = 50
	headerLimit   = 150
	fieldsLimit   = 10
	fieldLimit    = 2_000
	contextLimit  = 10
	blockIDLimit  = 255
	messageLimit  = 13_200 // over all blocks; undocumented: https://github.com/slackapi/bolt-js/issues/2509
	metadataLimit = 16_000
)

// accept checks what does not depend on the channel. code is Slack's error; the
// message is what could be read.
func (s *Server) accept(d *draft) (m Message, code string) {
	m = Message{Channel: d.channel, Text: d.text, At: d.at}
	m.EventID = d.eventID()
	switch {
	case d.text == "" && d.blocks == "":
		d.fault("neither text nor blocks")
		return m, "no_text"
	case d.text == "":
		d.fault("blocks without text: a phone says that the content cannot be displayed")
	case utf8.RuneCountInString(d.text) > textLimit:
		d.fault("text has more than %d characters", textLimit)
		return m, "msg_too_long"
	}
	d.markup("text", d.text)
	if d.blocks == "" {
		return m, ""
	}
	var blocks slack.Blocks
	if err := json.Unmarshal([]byte(d.blocks), &blocks); err != nil {
		d.fault("blocks: %v", err)
		return m, "invalid_blocks_format"
	}
	m.Blocks = blocks.BlockSet
	return m, d.checkBlocks(m.Blocks)
}

// eventID reads the metadata (https://docs.slack.dev/messaging/message-metadata).
func (d *draft) eventID() string {
	if d.metadata == "" {
		return ""
	}
	var meta struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	}
	if err := json.Unmarshal([]byte(d.metadata), &meta); err != nil || meta.EventType == "" || meta.EventPayload == nil {
		d.fault("metadata is not an event_type and an event_payload")
		return ""
	}
	if len(d.metadata) > metadataLimit {
		d.fault("metadata has more than %d bytes", metadataLimit)
	}
	for key, value := range meta.EventPayload {
		if _, text := value.(string); !text {
			d.fault("metadata: %s is not a text", key)
		}
	}
	id, _ := meta.EventPayload["id"].(string)
	return id
}

func (d *draft) checkBlocks(blocks []slack.Block) (code string) {
	before := len(d.faults)
	if len(blocks) > blocksLimit {
		d.fault("%d blocks; %d are the most", len(blocks), blocksLimit)
	}
	d.lostFields(blocks)
	seen, size := map[string]bool{}, 0
	wrong := before != len(d.faults)
	for i, block := range blocks {
		place := fmt.Sprintf("blocks[%d]", i)
		if id := block.ID(); id != "" {
			if seen[id] || utf8.RuneCountInString(id) > blockIDLimit {
				d.fault("%s: block_id twice or too long", place)
				wrong = true
			}
			seen[id] = true
		}
		ok, characters := d.checkBlock(place, block)
		wrong = wrong || !ok
		size += characters
	}
	switch {
	case wrong:
		return "invalid_blocks"
	case size > messageLimit:
		d.fault("%d characters over all blocks; %d are the most", size, messageLimit)
		return "msg_blocks_too_long"
	}
	return ""
}

// checkBlock holds one block to its limits and returns its characters.
func (d *draft) checkBlock(place string, block slack.Block) (ok bool, characters int) {
	ok = true
	text := func(place string, t *slack.TextBlockObject, limit int) {
		if t == nil {
			d.fault("%s: null is no text", place)
			ok = false
			return
		}
		characters += utf8.RuneCountInString(t.Text)
		if err := t.Validate(); err != nil {
			d.fault("%s: %v", place, err)
			ok = false
		} else if limit > 0 && utf8.RuneCountInString(t.Text) > limit {
			d.fault("%s: more than %d characters", place, limit)
			ok = false
		}
		if t.Type == slack.MarkdownType {
			d.markup(place, t.Text)
		}
	}
	wrong := func(format string, args ...any) {
		d.fault(place+": "+format, args...)
		ok = false
	}
	switch b := block.(type) {
	case *slack.SectionBlock:
		if b.Text == nil && len(b.Fields) == 0 {
			wrong("a section needs text or fields")
		}
		if b.Text != nil {
			text(place+".text", b.Text, 0)
		}
		if len(b.Fields) > fieldsLimit {
			wrong("%d fields; %d are the most", len(b.Fields), fieldsLimit)
		}
		for i, f := range b.Fields {
			text(fmt.Sprintf("%s.fields[%d]", place, i), f, fieldLimit)
		}
	case *slack.ContextBlock:
		if n := len(b.ContextElements.Elements); n == 0 || n > contextLimit {
			wrong("%d elements; 1 to %d are allowed", n, contextLimit)
		}
		for i, e := range b.ContextElements.Elements {
			if t, isText := e.(*slack.TextBlockObject); isText {
				text(fmt.Sprintf("%s.elements[%d]", place, i), t, 0)
			}
		}
	case *slack.HeaderBlock:
		if b.Text == nil || b.Text.Type != slack.PlainTextType {
			wrong("a header needs plain_text")
		} else {
			text(place+".text", b.Text, headerLimit)
		}
	case *slack.UnknownBlock:
		wrong("%q is not a type of block", b.Type)
	}
	return ok, characters
}

// lostFields finds fields that Slack does not know: they are gone once the
// blocks have been through slack-go's types.
func (d *draft) lostFields(blocks []slack.Block) {
	again, err := json.Marshal(blocks)
	if err != nil {
		d.fault("blocks: %v", err)
		return
	}
	var sent, kept any
	if json.Unmarshal([]byte(d.blocks), &sent) != nil || json.Unmarshal(again, &kept) != nil {
		d.fault("blocks are not JSON")
		return
	}
	d.compare("blocks", sent, kept)
}

func (d *draft) compare(place string, sent, kept any) {
	switch sent := sent.(type) {
	case map[string]any:
		kept, _ := kept.(map[string]any)
		for key, value := range sent {
			other, there := kept[key]
			if !there && !empty(value) {
				d.fault("%s.%s is not a field", place, key)
				continue
			}
			d.compare(place+"."+key, value, other)
		}
	case []any:
		kept, _ := kept.([]any)
		for i := range min(len(sent), len(kept)) {
			d.compare(fmt.Sprintf("%s[%d]", place, i), sent[i], kept[i])
		}
	}
}

// empty tells whether a value may be gone because slack-go leaves it out.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	}
	return false
}
