package slacksink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"botrelay/relay"
	"botrelay/sinks/slacksink/slacktest"
)

// answered sends one alert to a Slack that answers so, to each post of it.
func answered(t *testing.T, o func(*slacktest.Server) Options, reply *slacktest.Reply) (posts int, note string, err error) {
	t.Helper()
	server := newServer(t, slacktest.Options{Unlimited: true})
	server.Interfere(func(slacktest.Message) *slacktest.Reply {
		posts++
		return reply
	})
	note, err = newSink(t, o(server), Deps{}).Send(t.Context(), failure(1))
	server.Interfere(nil)
	return posts, note, err
}

func jsonReply(body string) *slacktest.Reply {
	return &slacktest.Reply{Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

func withHeader(r *slacktest.Reply, name, value string) *slacktest.Reply {
	r.Header = http.Header{name: {value}}
	return r
}

// answerCase is one answer and what becomes of the delivery.
type answerCase struct {
	reply *slacktest.Reply
	kind  string
	text  string
	after time.Duration
	cause relay.Cause
}

var apiAnswers = map[string]answerCase{
	"ok without a ts":            {jsonReply(`{"ok":true}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"not ok, without an error":   {jsonReply(`{"ok":false}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"not ok, with a ts":          {jsonReply(`{"ok":false,"ts":"1.000001"}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"empty object":               {jsonReply(`{}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"empty ts":                   {jsonReply(`{"ok":true,"channel":"C0123456789","ts":""}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"empty body":                 {jsonReply(``), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"a page":                     {jsonReply(`<html>sign in</html>`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"201":                        {&slacktest.Reply{Status: 201, Body: `{"ok":true,"ts":"1.000001"}`}, "transient", "HTTP 201, but only 200 is a yes of Slack's", 0, ""},
	"429 with Retry-After":       {slacktest.TooMany(30), "throttled", "HTTP 429", 30 * time.Second, ""},
	"429 without Retry-After":    {&slacktest.Reply{Status: 429}, "throttled", "HTTP 429", 0, ""},
	"429 with Retry-After 1.5":   {withHeader(&slacktest.Reply{Status: 429}, "Retry-After", "1.5"), "throttled", "HTTP 429", 0, ""},
	"429 with a date":            {withHeader(&slacktest.Reply{Status: 429}, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"), "throttled", "HTTP 429", time.Second, ""},
	"ratelimited":                {slacktest.APIError("ratelimited"), "throttled", "Slack: ratelimited", 0, ""},
	"rate_limited":               {slacktest.APIError("rate_limited"), "throttled", "Slack: rate_limited", 0, ""},
	"message_limit_exceeded":     {slacktest.APIError("message_limit_exceeded"), "throttled", "Slack: message_limit_exceeded", 0, ""},
	"internal_error":             {slacktest.APIError("internal_error"), "transient", "Slack: internal_error", 0, ""},
	"fatal_error":                {slacktest.APIError("fatal_error"), "transient", "Slack: fatal_error", 0, ""},
	"service_unavailable":        {slacktest.APIError("service_unavailable"), "transient", "Slack: service_unavailable", 0, ""},
	"request_timeout":            {slacktest.APIError("request_timeout"), "transient", "Slack: request_timeout", 0, ""},
	"team_added_to_org":          {slacktest.APIError("team_added_to_org"), "transient", "Slack: team_added_to_org", 0, ""},
	"org_login_required":         {slacktest.APIError("org_login_required"), "transient", "Slack: org_login_required", 0, ""},
	"an error of next year":      {slacktest.APIError("moon_in_wrong_phase"), "transient", "Slack: moon_in_wrong_phase", 0, ""},
	"500":                        {&slacktest.Reply{Status: 500, Body: "<html>"}, "transient", "HTTP 500", 0, ""},
	"503":                        {&slacktest.Reply{Status: 503}, "transient", "HTTP 503", 0, ""},
	"503 with Retry-After":       {withHeader(&slacktest.Reply{Status: 503}, "Retry-After", "7"), "throttled", "HTTP 503", 7 * time.Second, ""},
	"redirect":                   {withHeader(&slacktest.Reply{Status: 302}, "Location", "/elsewhere"), "doubtful", "HTTP 302", 0, ""},
	"404":                        {&slacktest.Reply{Status: 404}, "doubtful", "HTTP 404", 0, ""},
	"invalid_auth":               {slacktest.APIError("invalid_auth"), "broken", "Slack: invalid_auth", 0, relay.CauseAuth},
	"not_authed":                 {slacktest.APIError("not_authed"), "broken", "Slack: not_authed", 0, relay.CauseAuth},
	"token_revoked":              {slacktest.APIError("token_revoked"), "broken", "Slack: token_revoked", 0, relay.CauseAuth},
	"token_expired":              {slacktest.APIError("token_expired"), "broken", "Slack: token_expired", 0, relay.CauseAuth},
	"account_inactive":           {slacktest.APIError("account_inactive"), "broken", "Slack: account_inactive", 0, relay.CauseAuth},
	"no_permission":              {slacktest.APIError("no_permission"), "broken", "Slack: no_permission", 0, relay.CauseAuth},
	"ekm_access_denied":          {slacktest.APIError("ekm_access_denied"), "broken", "Slack: ekm_access_denied", 0, relay.CauseAuth},
	"access_denied":              {slacktest.APIError("access_denied"), "broken", "Slack: access_denied", 0, relay.CauseAuth},
	"missing_scope":              {jsonReply(`{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}`), "broken", "Slack: missing_scope (needs chat:write)", 0, relay.CauseAuth},
	"channel_not_found":          {slacktest.APIError("channel_not_found"), "broken", "Slack: channel_not_found (channel C0123456789)", 0, relay.CauseNotFound},
	"is_archived":                {slacktest.APIError("is_archived"), "broken", "Slack: is_archived (channel C0123456789)", 0, relay.CauseNotFound},
	"not_in_channel":             {slacktest.APIError("not_in_channel"), "broken", "Slack: not_in_channel (channel C0123456789)", 0, relay.CauseAuth},
	"restricted_action":          {slacktest.APIError("restricted_action"), "broken", "Slack: restricted_action (channel C0123456789)", 0, relay.CauseAuth},
	"restricted_action_read_…":   {slacktest.APIError("restricted_action_read_only_channel"), "broken", "Slack: restricted_action_read_only_channel (channel C0123456789)", 0, relay.CauseAuth},
	"an error with the secret":   {slacktest.APIError("no " + testToken), "transient", "Slack: no <secret>", 0, ""},
	"an error of many lines":     {slacktest.APIError("a\nb\x1b[2J"), "transient", `Slack: a b\x1b[2J`, 0, ""},
	"errors of unknown form":     {jsonReply(`{"ok":false,"error":"invalid_auth","errors":[{"odd":1}]}`), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"connection closed":          {&slacktest.Reply{Cut: true}, "transient", "the connection was closed without an answer", 0, ""},
	"an answer without an end":   {&slacktest.Reply{Endless: true, Body: `{"ok":true,"ts":"1.000001"}`}, "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	"a 500 without an end":       {&slacktest.Reply{Endless: true, Status: 500, Body: "x"}, "transient", "HTTP 500", 0, ""},
	"a broken message, all ways": {slacktest.APIError("invalid_blocks"), "refused", "Slack: invalid_blocks", 0, ""},
}

// Every answer of the API and what becomes of the delivery.
func TestAnswersOfTheAPI(t *testing.T) {
	for name, c := range apiAnswers {
		t.Run(name, func(t *testing.T) {
			_, _, err := answered(t, tokenOptions, c.reply)
			holdFault(t, err, c.kind, c.text, c.after, c.cause)
		})
	}
}

func holdFault(t *testing.T, err error, kind, text string, after time.Duration, cause relay.Cause) {
	t.Helper()
	if err == nil {
		t.Fatal("delivered")
	}
	f := relay.Classify(err)
	if got := kindOf(err); got != kind || err.Error() != text || f.After != after || f.Cause != cause {
		t.Errorf("%s, %q, after %v, cause %q; want %s, %q, after %v, cause %q", got, err, f.After, f.Cause, kind, text, after, cause)
	}
}

// Every answer of an incoming webhook: the status, and one word.
func TestAnswersOfAWebhook(t *testing.T) {
	for name, c := range map[string]answerCase{
		"a word that is not ok":  {slacktest.WebhookError(200, "invalid_payload"), "refused", "HTTP 200: invalid_payload", 0, ""},
		"an unknown word":        {slacktest.WebhookError(200, "moon"), "refused", "HTTP 200: moon", 0, ""},
		"a page":                 {slacktest.WebhookError(200, "<html>sign in</html>"), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
		"nothing":                {slacktest.WebhookError(200, ""), "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
		"201":                    {slacktest.WebhookError(201, "ok"), "transient", "HTTP 201: ok, but only 200 is a yes of Slack's", 0, ""},
		"invalid_payload":        {slacktest.WebhookError(400, "invalid_payload"), "refused", "HTTP 400: invalid_payload", 0, ""},
		"user_not_found":         {slacktest.WebhookError(400, "user_not_found"), "refused", "HTTP 400: user_not_found", 0, ""},
		"400 with words":         {slacktest.WebhookError(400, "Bad Request"), "refused", "HTTP 400", 0, ""},
		"action_prohibited":      {slacktest.WebhookError(403, "action_prohibited"), "broken", "HTTP 403: action_prohibited", 0, relay.CauseAuth},
		"invalid_token":          {slacktest.WebhookError(403, "invalid_token"), "broken", "HTTP 403: invalid_token", 0, relay.CauseAuth},
		"403 with a page":        {slacktest.WebhookError(403, "<html>"), "doubtful", "HTTP 403", 0, ""},
		"no_service":             {slacktest.WebhookError(404, "no_service"), "broken", "HTTP 404: no_service", 0, relay.CauseNotFound},
		"channel_not_found":      {slacktest.WebhookError(404, "channel_not_found"), "broken", "HTTP 404: channel_not_found", 0, relay.CauseNotFound},
		"channel_is_archived":    {slacktest.WebhookError(410, "channel_is_archived"), "broken", "HTTP 410: channel_is_archived", 0, relay.CauseNotFound},
		"410 without a word":     {slacktest.WebhookError(410, ""), "doubtful", "HTTP 410", 0, ""},
		"429":                    {slacktest.TooMany(12), "throttled", "HTTP 429: rate_limited", 12 * time.Second, ""},
		"rollup_error":           {slacktest.WebhookError(500, "rollup_error"), "transient", "HTTP 500: rollup_error", 0, ""},
		"the address, once more": {slacktest.WebhookError(500, "standinstandinstandin000"), "transient", "HTTP 500: <secret>", 0, ""},
		"no end":                 {&slacktest.Reply{Endless: true, Body: "ok"}, "transient", "HTTP 200, but the answer is none of Slack's", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := answered(t, webhookOptions, c.reply)
			holdFault(t, err, c.kind, c.text, c.after, c.cause)
		})
	}
}

func TestWebhookDelivers(t *testing.T) {
	server := newServer(t, slacktest.Options{})
	note, err := newSink(t, webhookOptions(server), Deps{}).Send(t.Context(), failure(1))
	if err != nil || note != "HTTP 200" || len(server.Messages()) != 1 {
		t.Errorf("note %q, %v, %d messages", note, err, len(server.Messages()))
	}
}

// A message whose blocks Slack does not take goes out once more without them.
func TestBrokenBlocksGoOutAsPlainText(t *testing.T) {
	for name, options := range map[string]func(*slacktest.Server) Options{"token": tokenOptions, "webhook": webhookOptions} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, slacktest.Options{})
			server.Interfere(func(m slacktest.Message) *slacktest.Reply {
				if len(m.Blocks) == 0 {
					return nil
				}
				if name == "token" {
					return slacktest.APIError("msg_blocks_too_long")
				}
				return slacktest.WebhookError(400, "invalid_blocks")
			})
			o := options(server)
			o.Mention = []string{"S0123ABCD"}
			note, err := newSink(t, o, Deps{}).Send(t.Context(), failure(1))
			if err != nil || !strings.Contains(note, "; as plain text: ") {
				t.Fatalf("note %q, %v", note, err)
			}
			want := "🔴 Recall's side: fault at Recall. Bot 00000001 could not join <!subteam^S0123ABCD>"
			if got := server.Messages()[0].Text; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestBrokenMessageIsTriedTwice(t *testing.T) {
	if posts, _, err := answered(t, tokenOptions, slacktest.APIError("no_text")); posts != 2 || kindOf(err) != "refused" {
		t.Errorf("%d posts, %v", posts, err)
	}
	if posts, _, err := answered(t, tokenOptions, slacktest.APIError("internal_error")); posts != 1 || kindOf(err) != "transient" {
		t.Errorf("%d posts, %v", posts, err)
	}
}

// Redirects would carry the token elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	visited := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	for _, options := range []func(*slacktest.Server) Options{tokenOptions, webhookOptions} {
		_, _, err := answered(t, options, withHeader(&slacktest.Reply{Status: 307}, "Location", elsewhere.URL))
		if kindOf(err) != "doubtful" || visited {
			t.Errorf("%v, visited: %t", err, visited)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	server, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	for name, o := range map[string]Options{"token": tokenOptions(server), "webhook": webhookOptions(server)} {
		_, err := newSink(t, o, Deps{}).Send(t.Context(), failure(1))
		if kindOf(err) != "unreachable" || strings.Contains(fmt.Sprintf("%+v %#v", err, err), "standinstandin") {
			t.Errorf("%s: %s %v", name, kindOf(err), err)
		}
	}
}

// A connection is used again whatever was answered, as long as it had an end.
func TestConnectionsAreUsedAgain(t *testing.T) {
	server := newServer(t, slacktest.Options{Unlimited: true})
	n := 0
	server.Interfere(func(slacktest.Message) *slacktest.Reply {
		n++
		switch n % 4 {
		case 1:
			return jsonReply(`{"ok":true,"ts":"1.000001","message":{"text":"` + strings.Repeat("x", 30_000) + `"}}` + strings.Repeat(" ", 10_000))
		case 2:
			return &slacktest.Reply{Status: 500, Body: strings.Repeat("<p>", 10_000)}
		case 3:
			return slacktest.APIError("internal_error")
		}
		return nil
	})
	s := unlimited(newSink(t, tokenOptions(server), Deps{}))
	for i := range 40 {
		if _, err := s.Send(t.Context(), failure(i)); err != nil && kindOf(err) != "transient" {
			t.Fatal(err)
		}
	}
	if got := server.Connections(); got != 1 {
		t.Errorf("%d connections for 40 posts", got)
	}
}

func TestSlowAnswerEndsWithItsContext(t *testing.T) {
	server := newServer(t, slacktest.Options{})
	server.Interfere(func(slacktest.Message) *slacktest.Reply { return &slacktest.Reply{Hang: true} })
	s := newSink(t, webhookOptions(server), Deps{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Send(ctx, failure(1))
	holdFault(t, err, "transient", "no answer in time", 0, "")
}

// breaksOff is an answer whose body ends before its end.
type breaksOff struct{ status int }

func (b breaksOff) RoundTrip(req *http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader(`{"ok":true,"ts":"1.000001"}`), iotest.ErrReader(io.ErrUnexpectedEOF))
	return &http.Response{StatusCode: b.status, Header: http.Header{"Retry-After": {"7"}}, Body: io.NopCloser(body), Request: req}, nil
}

// Half an answer is no yes; a no is one even so.
func TestAnswerThatBreaksOff(t *testing.T) {
	for status, want := range map[int]string{200: "transient", 429: "throttled", 500: "transient"} {
		s, _ := inMemory(t)
		s.client.transport = breaksOff{status}
		_, err := s.Send(t.Context(), failure(1))
		if got := kindOf(err); got != want {
			t.Errorf("HTTP %d: %s, %v; want %s", status, got, err, want)
		}
	}
}
