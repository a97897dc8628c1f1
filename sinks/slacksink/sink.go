package slacksink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"botrelay/relay"
)

// Deps are what a Sink works with.
type Deps struct {
	Reader  relay.Reader // for the timelines of bots; nil: messages go without
	Logger  *slog.Logger // nil: nothing is logged
	Version string       // of the relay, for User-Agent
	Mark    string       // leads every message, e.g. DEMO; usually empty
}

// Sink posts alerts to Slack. Its methods may be called concurrently.
type Sink struct {
	name    string
	options Options
	deps    Deps
	client  *client
}

// New makes a sink of o. It dials nothing. Close it after the last Send.
func New(name string, o Options, d Deps) (*Sink, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Sink{name: name, options: o, deps: d, client: newClient(o, d.Version)}, nil
}

var _ relay.Batcher = (*Sink)(nil)

// Send posts one delivery: SendBatch of one.
func (s *Sink) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	r := s.SendBatch(ctx, []*relay.Delivery{d})[0]
	return r.Note, r.Err
}

// SendBatch posts deliveries.
func (s *Sink) SendBatch(ctx context.Context, ds []*relay.Delivery) []relay.Result {
	results := make([]relay.Result, len(ds))
	for i, d := range ds {
		text := fmt.Sprintf("%s: bot %s", d.Event.Fields.Event, d.Event.Fields.BotID)
		m := message{text: slackutilsx.EscapeMessage(text), metadata: slack.SlackMetadata{
			EventType: "botrelay_alert", EventPayload: map[string]any{"id": d.Event.ID},
		}}
		ts, err := s.client.post(ctx, s.options.Channel, m, d.Event.Raw)
		if r, ok := errors.AsType[*refusal](err); ok {
			err = r.fault()
		}
		results[i] = relay.Result{Note: "ts " + ts, Err: err}
	}
	return results
}

// Close closes the connections that are idle.
func (s *Sink) Close() error {
	s.client.close()
	return nil
}
