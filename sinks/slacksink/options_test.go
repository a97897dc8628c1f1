package slacksink

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay/config"
)

// configured reads one slack sink, and what the route gives it.
func configured(t *testing.T, sink, route string, skip bool) (Options, []string) {
	t.Helper()
	text := "sources: {recall: {secrets: \"${env:SECRET:-whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\"}}\n" +
		"sinks:\n  ops:\n    type: slack\n" + sink + "routes:\n- {name: r, to: [ops" + route + "]}\n"
	f := config.Load("c", config.Options{
		SkipSecrets: skip,
		Getenv: func(name string) (string, bool) {
			return map[string]string{"TOKEN": testToken, "WEBHOOK": "https://hooks.slack.com/services/T0/B0/CANARY-in-the-path"}[name], name == "TOKEN" || name == "WEBHOOK"
		},
		ReadFile: func(name string) ([]byte, error) {
			if name == "c" {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
	})
	o := Configure(f.Sinks[0].Block, f.Sinks[0].Routes)
	var faults []string
	for _, p := range f.Problems() {
		if !p.Warning {
			faults = append(faults, p.String())
		}
	}
	return o, faults
}

func TestConfigure(t *testing.T) {
	o, faults := configured(t, "    token: ${env:TOKEN}\n    channel: C0123456789\n    mention: [S0123ABCD, here]\n    api_url: https://slack-gov.com/api\n",
		": {channel: C0999999999, mention: []}", false)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if string(o.Token) != testToken || o.Channel != testChannel || o.APIURL != "https://slack-gov.com/api" || o.Retry.GiveUpAfter != 6*time.Hour {
		t.Errorf("%+v", o)
	}
	if diff := cmp.Diff([]string{"S0123ABCD", "here"}, o.Mention); diff != "" {
		t.Error(diff)
	}
	if r := o.Routes["r"]; r.Channel != otherChannel || r.Mention == nil || len(r.Mention) != 0 {
		t.Errorf("%+v", r)
	}
	s := newSink(t, o, Deps{})
	if s.client.apiURL != "https://slack-gov.com/api/" {
		t.Errorf("the address of the methods is %s", s.client.apiURL)
	}
}

func TestConfigureWebhook(t *testing.T) {
	o, faults := configured(t, "    webhook_url: ${env:WEBHOOK}\n", "", false)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	newSink(t, o, Deps{})
}

// A file can be checked where its secrets are not.
func TestConfigureWithoutSecrets(t *testing.T) {
	for _, sink := range []string{
		"    token: ${env:A}\n    channel: ${env:B}\n    mention: [\"${env:C}\"]\n    api_url: ${env:D}\n",
		"    webhook_url: ${env:A}\n",
	} {
		if _, faults := configured(t, sink, ": {mention: \"${env:C}\"}", true); len(faults) > 0 {
			t.Error(faults)
		}
	}
}

func TestConfigureFaults(t *testing.T) {
	const good = "    token: ${env:TOKEN}\n    channel: C0123456789\n"
	for _, c := range []struct{ name, sink, route, want string }{
		{"nothing", "", "", `c:3:3: sinks.ops: needs token and channel, or webhook_url`},
		{"token alone", "    token: ${env:TOKEN}\n", "", `c:3:3: sinks.ops: needs token and channel, or webhook_url`},
		{"channel alone", "    channel: C0123456789\n", "", `c:3:3: sinks.ops: needs token and channel, or webhook_url`},
		{"token empty", "    token: ${env:NO:-}\n    channel: C0123456789\n", "", `c:5:12: sinks.ops.token: token is empty; needs token and channel, or webhook_url`},
		{"token missing", "    token: ${env:NO}\n    channel: C0123456789\n", "", `c:5:12: sinks.ops.token: environment variable NO is not set (or give a default: ${env:NO:-text})`},
		{"a name", "    token: ${env:TOKEN}\n    channel: \"#bot-alerts\"\n", "", `c:6:14: sinks.ops.channel: "#bot-alerts" is a name, Slack wants the id (channel details, bottom of the page: C0123456789)`},
		{"a comment", "    token: ${env:TOKEN}\n    channel: #bot-alerts\n", "", `c:6:14: sinks.ops.channel: channel has no value: "#" starts a comment here; use quotes`},
		{"webhook and channel", "    webhook_url: ${env:WEBHOOK}\n    channel: C0123456789\n", "", `c:6:14: sinks.ops.channel: an incoming webhook has its own channel (use token and channel)`},
		{"webhook and token", "    webhook_url: ${env:WEBHOOK}\n    token: ${env:TOKEN}\n", "", `c:6:12: sinks.ops.token: an incoming webhook has no token (write token and channel, or webhook_url alone)`},
		{"webhook and api_url", "    webhook_url: ${env:WEBHOOK}\n    api_url: https://slack.com/api/\n", "", `c:6:14: sinks.ops.api_url: an incoming webhook has its own address (remove api_url)`},
		{"webhook and a route's channel", "    webhook_url: ${env:WEBHOOK}\n", ": {channel: C0999999999}", `c:7:33: routes[0].to[0].ops.channel: an incoming webhook has its own channel (use token and channel)`},
		{"webhook is no URL", "    webhook_url: hooks.slack.com/services/T0/B0/CANARY-in-the-path\n", "", `c:5:18: sinks.ops.webhook_url: this is not a URL (write https://…)`},
		{"app-level token", "    token: xapp-1-A0-CANARY\n    channel: C0123456789\n", "", `c:5:12: sinks.ops.token: xapp- is an app-level token, which cannot post (use the bot token: xoxb-…)`},
		{"webhook as token", "    token: ${env:WEBHOOK}\n    channel: C0123456789\n", "", `c:5:12: sinks.ops.token: this is a URL (an incoming webhook stands in webhook_url, without token and channel)`},
		{"template in channel", good[:strings.Index(good, "    channel")] + "    channel: \"{{ .bot.metadata.channel }}\"\n", "", `c:6:14: sinks.ops.channel: a template cannot stand here (write the id of one channel)`},
		{"template in mention", good + "    mention: [\"{{ .x }}\"]\n", "", `c:7:15: sinks.ops.mention[0]: a template cannot stand here (write an id)`},
		{"mention of a name", good + "    mention: [here, \"@oncall\"]\n", "", `c:7:21: sinks.ops.mention[1]: "@oncall" cannot be mentioned (S… group, U… or W… person, here, channel)`},
		{"mention of everyone", good + "    mention: everyone\n", "", `c:7:14: sinks.ops.mention[0]: "everyone" cannot be mentioned (S… group, U… or W… person, here, channel)`},
		{"route's template", good, ": {mention: \"{{ .x }}\"}", `c:8:33: routes[0].to[0].ops.mention[0]: a template cannot stand here (write an id)`},
		{"route's name", good, ": {channel: general}", `c:8:33: routes[0].to[0].ops.channel: "general" is a name, Slack wants the id (channel details, bottom of the page: C0123456789)`},
		{"not a route option", good, ": {token: x}", `c:8:24: routes[0].to[0].ops: token is not an option of a slack sink (channel mention)`},
		{"concurrency", good + "    concurrency: 2\n", "", `c:7:18: sinks.ops.concurrency: concurrency is not for slack: it takes one message a second and channel (remove the line)`},
		{"api_url", good + "    api_url: https://slack.com/api/?a=b\n", "", `c:7:14: sinks.ops.api_url: a ? or # cannot stand here (write https://slack.com/api/)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, faults := configured(t, c.sink, c.route, false)
			if diff := cmp.Diff([]string{c.want}, faults); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(faults, ""), "CANARY") {
				t.Error("a fault shows a secret")
			}
		})
	}
}

func TestNewRefusesWhatConfigureWould(t *testing.T) {
	for _, o := range []Options{{}, {Token: "xoxb-1"}, {Token: "xoxb-1", Channel: testChannel}, {WebhookURL: "ht tp://%"}} {
		if _, err := New("ops", o, Deps{}); err == nil || strings.Contains(err.Error(), "xoxb") {
			t.Errorf("New: %v", err)
		}
	}
}
