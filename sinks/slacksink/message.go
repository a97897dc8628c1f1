package slacksink

import (
	"strings"

	"github.com/slack-go/slack"
)

// message is one post, ready to be sent.
type message struct {
	text     string // what a phone shows; no markup, escaped
	blocks   []slack.Block
	mentions []string // as they stand in the blocks
	metadata slack.SlackMetadata
}

// plainly is the message without blocks and metadata, for when Slack does not
// take them. Whom it mentions is told all the same.
func (m message) plainly() message {
	return message{text: strings.Join(append([]string{m.text}, m.mentions...), " ")}
}

// options is the message as slack-go wants it for chat.postMessage.
func (m message) options() []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(m.text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if len(m.blocks) > 0 {
		options = append(options, slack.MsgOptionBlocks(m.blocks...))
	}
	if m.metadata.EventType != "" {
		options = append(options, slack.MsgOptionMetadata(m.metadata))
	}
	return options
}

// forWebhook is the message for an incoming webhook, which takes no metadata.
func (m message) forWebhook() *slack.WebhookMessage {
	off := false
	w := &slack.WebhookMessage{Text: m.text, UnfurlLinks: &off, UnfurlMedia: &off}
	if len(m.blocks) > 0 {
		w.Blocks = &slack.Blocks{BlockSet: m.blocks}
	}
	return w
}
