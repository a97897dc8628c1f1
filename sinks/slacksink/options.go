package slacksink

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"botrelay/relay/config"
)

// Options are the keys of a slack sink: token and channel, or webhook_url.
type Options struct {
	config.SinkCommon
	Token      config.Secret `key:"token" placeholder:"xoxb-0"`        // of the app's bot, scope chat:write
	Channel    string        `key:"channel" placeholder:"C0123456789"` // an id; of a webhook Slack has it
	WebhookURL config.Secret `key:"webhook_url" form:"url"`            // of an incoming webhook; all of it is secret
	APIURL     string        `key:"api_url" form:"url"`                // where the methods are
	Mention    []string      `key:"mention" placeholder:"here"`        // S… group, U… or W… person, here, channel

	Routes map[string]RouteOptions // what routes say over this, by their names
}

// RouteOptions are what a route says over the Options of the sink.
type RouteOptions struct {
	Channel string   `key:"channel" placeholder:"C0123456789"` // empty: the sink's
	Mention []string `key:"mention" placeholder:"here"`        // nil: the sink's; empty: nobody
}

// giveUpAfter is shorter than of other sinks: an alert of yesterday is none.
const giveUpAfter = 6 * time.Hour

// DefaultOptions are what holds where the file says nothing.
func DefaultOptions() Options {
	o := Options{SinkCommon: config.DefaultSinkCommon(), APIURL: "https://slack.com/api/"}
	o.Retry.GiveUpAfter = giveUpAfter
	return o
}

// Configure reads the block of a sink and what routes say over it. Faults are
// recorded in the blocks; with one, the Options are not for use.
func Configure(b *config.Block, routes map[string]*config.Block) Options {
	o := DefaultOptions()
	b.Decode(&o)
	checkCredentials(b, &o)
	checkMessage(b, o.Channel, o.Mention)
	if b.Has("concurrency") {
		b.Errorf("concurrency", "concurrency is not for slack: it takes one message a second and channel (remove the line)")
	}
	o.Routes = make(map[string]RouteOptions, len(routes))
	for name, block := range routes {
		var r RouteOptions
		block.Decode(&r)
		if b.Has("webhook_url") && block.Has("channel") {
			block.Errorf("channel", ownChannel)
		} else {
			checkMessage(block, r.Channel, r.Mention)
		}
		o.Routes[name] = r
	}
	return o
}

const (
	needsCredentials = "needs token and channel, or webhook_url"
	ownChannel       = "an incoming webhook has its own channel (use token and channel)"
)

// checkCredentials records what is wrong with how Slack is reached.
func checkCredentials(b *config.Block, o *Options) {
	if b.Has("webhook_url") {
		switch {
		case b.Has("channel"):
			b.Errorf("channel", ownChannel)
		case b.Has("token"):
			b.Errorf("token", "an incoming webhook has no token (write token and channel, or webhook_url alone)")
		case b.Has("api_url"):
			b.Errorf("api_url", "an incoming webhook has its own address (remove api_url)")
		case o.WebhookURL == "":
			b.Errorf("webhook_url", "webhook_url is empty; "+needsCredentials)
		}
		return
	}
	switch {
	case !b.Has("token") || !b.Has("channel"):
		b.Errorf("", needsCredentials)
	case o.Token == "":
		b.Errorf("token", "token is empty; "+needsCredentials)
	case o.Channel == "":
		b.Errorf("channel", "channel is empty; "+needsCredentials)
	default:
		if why := tokenTrouble(string(o.Token)); why != "" {
			b.Errorf("token", "%s", why)
		}
	}
	if strings.ContainsAny(o.APIURL, "?#") {
		b.Errorf("api_url", "a ? or # cannot stand here (write https://slack.com/api/)")
	}
}

// tokenTrouble says what a token is that cannot post; it repeats nothing of it.
func tokenTrouble(token string) string {
	switch {
	case strings.ContainsAny(token, " \t\r\n"):
		return "there is a blank in it"
	case strings.HasPrefix(token, "xapp-"):
		return "xapp- is an app-level token, which cannot post (use the bot token: xoxb-…)"
	case strings.Contains(token, "://"):
		return "this is a URL (an incoming webhook stands in webhook_url, without token and channel)"
	}
	return ""
}

var (
	channelID = regexp.MustCompile(`^[CGDUW][A-Z0-9]{6,20}$`)
	personID  = regexp.MustCompile(`^[UW][A-Z0-9]{6,20}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]{6,20}$`)
)

// mentionsLimit keeps the first lines of a message within Slack's limit.
const mentionsLimit = 20

// checkMessage records what is wrong with a channel and mentions. An empty
// channel is absent.
func checkMessage(b *config.Block, channel string, mention []string) {
	switch {
	case channel == "":
	case config.HasTemplate(channel):
		b.Errorf("channel", "a template cannot stand here (write the id of one channel)")
	case !channelID.MatchString(channel):
		b.Errorf("channel", "%q is a name, Slack wants the id (channel details, bottom of the page: C0123456789)", channel)
	}
	if len(mention) > mentionsLimit {
		b.Errorf("mention", "%d are mentioned; %d are the most (make a group of them in Slack: S…)", len(mention), mentionsLimit)
	}
	for i, who := range mention {
		place := fmt.Sprintf("mention[%d]", i)
		if config.HasTemplate(who) {
			b.Errorf(place, "a template cannot stand here (write an id)")
		} else if markupOf(who) == "" {
			b.Errorf(place, "%q cannot be mentioned (S… group, U… or W… person, here, channel)", who)
		}
	}
}

// markupOf is the mention as Slack wants it; empty for what is none.
func markupOf(who string) string {
	switch {
	case who == "here" || who == "channel":
		return "<!" + who + ">"
	case groupID.MatchString(who):
		return "<!subteam^" + who + ">"
	case personID.MatchString(who):
		return "<@" + who + ">"
	}
	return ""
}

// validate finds what New cannot work with.
func (o *Options) validate() error {
	if o.WebhookURL != "" {
		if _, err := url.Parse(string(o.WebhookURL)); err != nil {
			return errors.New("webhook_url is not a URL")
		}
		return nil
	}
	if o.Token == "" || o.Channel == "" {
		return errors.New(needsCredentials)
	}
	if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" {
		return errors.New("api_url is not a URL")
	}
	return nil
}

// credential is what Slack knows the sink by.
func (o Options) credential() config.Secret {
	if o.WebhookURL != "" {
		return o.WebhookURL
	}
	return o.Token
}
