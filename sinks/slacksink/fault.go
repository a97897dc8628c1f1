package slacksink

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"botrelay/relay"
	"botrelay/sinks/internal/outcome"
)

// about says what an error of Slack is about.
type about uint8

const (
	aboutNothing     about = iota // passing, or not known: again
	aboutPace                     // too fast
	aboutCredentials              // the token or the webhook
	aboutChannel                  // the channel that was posted to
	aboutMessage                  // this message
	aboutDoubt                    // HTTP alone said no
)

// refusal is an answer that is not a success.
type refusal struct {
	about  about
	code   string // of Slack; empty when HTTP alone said it
	text   string // for people, without secrets
	status int
	after  time.Duration
}

func (r *refusal) Error() string { return r.text }

// fault is the class of the refusal for a sink's own channel.
func (r *refusal) fault() *relay.Fault {
	f := &relay.Fault{Kind: relay.Transient, After: r.after, Err: r}
	switch r.about {
	case aboutNothing:
	case aboutPace:
		f.Kind = relay.Throttled
	case aboutCredentials:
		f.Kind, f.Cause = relay.Broken, relay.CauseAuth
	case aboutChannel:
		f.Kind, f.Cause = relay.Broken, relay.CauseNotFound
		if r.code == "not_in_channel" || strings.HasPrefix(r.code, restricted) {
			f.Cause = relay.CauseAuth
		}
	case aboutMessage:
		f.Kind = relay.Refused
	case aboutDoubt:
		f.Kind = outcome.Kind(r.status, r.after > 0)
	}
	return f
}

// restricted begins the errors of a workspace's preferences about who may post
// where (restricted_action_read_only_channel and others).
const restricted = "restricted_action"

// meaning sorts the errors of Slack
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors,
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors).
// One that is not here is taken as passing: it is tried again until the
// delivery is given up.
var meaning = map[string]about{
	"ratelimited": aboutPace, "rate_limited": aboutPace, "message_limit_exceeded": aboutPace,

	"invalid_auth": aboutCredentials, "not_authed": aboutCredentials, "token_revoked": aboutCredentials,
	"token_expired": aboutCredentials, "account_inactive": aboutCredentials, "missing_scope": aboutCredentials,
	"no_permission": aboutCredentials, "ekm_access_denied": aboutCredentials, "access_denied": aboutCredentials,
	"not_allowed_token_type": aboutCredentials, "two_factor_setup_required": aboutCredentials,
	"invalid_token": aboutCredentials, "action_prohibited": aboutCredentials,
	"posting_to_general_channel_denied": aboutCredentials,

	"channel_not_found": aboutChannel, "not_in_channel": aboutChannel, "is_archived": aboutChannel,
	"channel_is_archived": aboutChannel, "no_service": aboutChannel, "no_service_id": aboutChannel,
	"no_active_hooks": aboutChannel, "no_team": aboutChannel, "team_disabled": aboutChannel,

	"invalid_blocks": aboutMessage, "invalid_blocks_format": aboutMessage, "msg_too_long": aboutMessage,
	"msg_blocks_too_long": aboutMessage, "no_text": aboutMessage, "too_many_attachments": aboutMessage,
	"invalid_arguments": aboutMessage, "invalid_metadata_format": aboutMessage, "metadata_too_large": aboutMessage,
	"invalid_metadata_schema": aboutMessage, "invalid_payload": aboutMessage, "user_not_found": aboutMessage,
}

func meaningOf(code string) about {
	if strings.HasPrefix(code, restricted) {
		return aboutChannel
	}
	return meaning[code]
}

// word is the form of all errors of Slack.
var word = regexp.MustCompile(`^[a-z][a-z0-9_]{0,79}$`)

// apiAnswer judges the answer to a method. A yes is ok with a ts: slack-go takes
// {} and ok:false without an error for one, too.
func (x *exchange) apiAnswer(ts string, err error, hide *outcome.Hider) error {
	if x.status != http.StatusOK {
		return x.byStatus("", hide)
	}
	if slackSaid, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		r := &refusal{code: slackSaid.Err, status: x.status, about: meaningOf(slackSaid.Err), after: x.retryAfter()}
		r.text = "Slack: " + said(slackSaid.Err, hide)
		if scope := hide.Text(slackSaid.Needed); scope != "" {
			r.text += " (needs " + scope + ")"
		}
		return r
	}
	var answer struct {
		OK bool `json:"ok"`
	}
	if err != nil || ts == "" || json.Unmarshal(x.body, &answer) != nil || !answer.OK {
		return &refusal{status: x.status, text: "HTTP 200, but the answer is none of Slack's"}
	}
	return nil
}

// said is an error in Slack's own words, unless it has another form than theirs
// and nothing of it may be shown.
func said(code string, hide *outcome.Hider) string {
	if text := hide.Text(code); text != "" {
		return text
	}
	return "an error that cannot be shown"
}

// webhookAnswer judges the answer of an incoming webhook: "ok", or one word.
func (x *exchange) webhookAnswer(hide *outcome.Hider) error {
	answer := strings.TrimSpace(string(x.body))
	if x.status == http.StatusOK && answer == "ok" {
		return nil
	}
	if x.status == http.StatusOK && !word.MatchString(answer) {
		return &refusal{status: x.status, text: "HTTP 200, but the answer is none of Slack's"}
	}
	return x.byStatus(answer, hide)
}

// byStatus judges an answer by its status and, if it has one, its word.
func (x *exchange) byStatus(answer string, hide *outcome.Hider) error {
	r := &refusal{status: x.status, after: x.retryAfter(), text: fmt.Sprintf("HTTP %d", x.status)}
	if word.MatchString(answer) {
		r.code, r.about = answer, meaningOf(answer)
		r.text += ": " + said(answer, hide)
	}
	switch {
	case r.about != aboutNothing:
	case x.status == http.StatusOK: // a word that is not ok: Slack has not taken the message
		r.about = aboutMessage
	case x.status > 200 && x.status < 300:
		r.text += ", but only 200 is a yes of Slack's"
	default:
		r.about = aboutDoubt
	}
	return r
}
