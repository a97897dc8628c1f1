package slacksink

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"botrelay/relay/config"
)

// askAgain is how long a channel that Slack has refused is not asked.
const askAgain = 10 * time.Minute

// Accounts keeps what Slack allows each of its credentials: the budgets of their
// channels, and which of those it refuses. Sinks with the same credentials share
// them, and so do the sinks of a configuration and of the one after it. It may be
// used concurrently.
type Accounts struct {
	mu       sync.Mutex
	accounts map[config.Secret]*channels
}

// NewAccounts makes one for a process.
func NewAccounts() *Accounts { return &Accounts{accounts: map[config.Secret]*channels{}} }

// channels are those of a token or of an incoming webhook.
func (a *Accounts) channels(credential config.Secret) *channels {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.accounts[credential]
	if c == nil {
		c = newChannels(rate.Every(postEvery))
		a.accounts[credential] = c
	}
	return c
}

// channels knows the budget of each channel, and which of those that routes
// name Slack refuses. It may be used concurrently.
type channels struct {
	pace    rate.Limit // of each channel
	mu      sync.Mutex
	budgets map[string]*budget
	refused map[string]refusedChannel
}

type refusedChannel struct {
	code  string
	again time.Time // not asked before
}

func newChannels(pace rate.Limit) *channels {
	return &channels{pace: pace, budgets: map[string]*budget{}, refused: map[string]refusedChannel{}}
}

func (c *channels) budget(channel string) *budget {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.budgets[channel]
	if b == nil {
		b = newBudget(c.pace)
		c.budgets[channel] = b
	}
	return b
}

// refuses returns why a channel is not asked now; empty when it is.
func (c *channels) refuses(channel string, now time.Time) (code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.refused[channel]; now.Before(r.again) {
		return r.code
	}
	return ""
}

// refuse remembers that Slack refuses a channel.
func (c *channels) refuse(channel, code string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[channel] = refusedChannel{code, now.Add(askAgain)}
}

// meantFor leads an alert that could not go where it should.
func meantFor(channel, code string) string {
	return "meant for " + channel + ", " + wrongWith(code)
}

func wrongWith(code string) string {
	switch {
	case strings.HasSuffix(code, "is_archived"):
		return "which is archived"
	case code == "not_in_channel":
		return "which botrelay is not in"
	case strings.HasPrefix(code, restricted):
		return "where botrelay may not post"
	}
	return "which Slack cannot find"
}
