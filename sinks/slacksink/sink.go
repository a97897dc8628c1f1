package slacksink

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"botrelay/relay"
	"botrelay/relay/recall"
	"botrelay/sinks/internal/headers"
)

// Deps are what a Sink works with.
type Deps struct {
	Reader  relay.Reader // for the timelines of bots; nil: messages go without
	Logger  *slog.Logger // nil: nothing is logged
	Version string       // of the relay, for User-Agent
	// Accounts are shared by all Slack sinks of a process; nil is one of its own.
	Accounts *Accounts
	Mark     string // leads every message, e.g. DEMO; usually empty
}

// Sink posts alerts to Slack. Its methods may be called concurrently.
type Sink struct {
	name     string
	options  Options
	deps     Deps
	client   *client
	channels *channels
}

// New makes a sink of o. It dials nothing. Close it after the last Send.
func New(name string, o Options, d Deps) (*Sink, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Accounts == nil {
		d.Accounts = NewAccounts()
	}
	return &Sink{
		name: name, options: o, deps: d,
		client: newClient(o, d.Version), channels: d.Accounts.channels(o.credential()),
	}, nil
}

var _ relay.Batcher = (*Sink)(nil)

// Send posts one delivery, as SendBatch of one does.
func (s *Sink) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	r := s.SendBatch(ctx, []*relay.Delivery{d})[0]
	return r.Note, r.Err
}

// SendBatch posts failures before all else and keeps to one message a second
// and channel. What does not go out in this batch comes back Postponed, with
// the time at which its turn is. A batch of several ends before ctx does.
//
// The note is Slack's ts of the message.
func (s *Sink) SendBatch(ctx context.Context, ds []*relay.Delivery) []relay.Result {
	b := newBatch(ctx, s, ds)
	b.run()
	return b.results
}

// Close closes the connections that are idle. Sends in flight go on.
func (s *Sink) Close() error {
	s.client.close()
	return nil
}

func (s *Sink) log() *slog.Logger { return s.deps.Logger.With("sink", s.name) }

// channelOf is the channel that a delivery is meant for; empty for a webhook,
// whose channel Slack knows. A route that is gone has no say.
func (s *Sink) channelOf(d *relay.Delivery) string {
	if channel := s.options.Routes[d.Route].Channel; channel != "" {
		return channel
	}
	return s.options.Channel
}

// refusedTarget is the channel that a delivery was meant for, and why Slack
// does not take it there.
type refusedTarget struct{ channel, code string }

// target is the channel that a delivery goes to now. refused is nil when it is
// the one that it is meant for.
func (s *Sink) target(d *relay.Delivery) (channel string, refused *refusedTarget) {
	channel = s.channelOf(d)
	if channel == s.options.Channel {
		return channel, nil
	}
	if code := s.channels.refuses(channel, time.Now()); code != "" {
		return s.options.Channel, &refusedTarget{channel, code}
	}
	return channel, nil
}

// postponed is the answer for what was not tried; each has a place of its own in
// the row of its channel.
func (s *Sink) postponed(channel string, reason error) error {
	return &relay.Fault{Kind: relay.Postponed, After: s.channels.budget(channel).later(time.Now()), Err: reason}
}

var errInTurn = errors.New("waits for its turn: Slack takes one message a second and channel")

// compose makes the message of a delivery.
func (s *Sink) compose(ctx context.Context, d *relay.Delivery, refused *refusedTarget) message {
	a := alert{event: d.Event, life: s.life(ctx, d.Event)}
	if refused != nil {
		a.leads = append(a.leads, meantFor(refused.channel, refused.code)+":")
	}
	if s.deps.Mark != "" {
		a.leads = append(a.leads, s.deps.Mark)
	}
	if headers.Simulated(d.Event) {
		a.leads = append(a.leads, "SIMULATED")
	}
	if d.Replay > 0 {
		a.leads = append(a.leads, "replayed")
		return render(a) // nobody is woken by an old alert
	}
	mention := s.options.Mention
	if own := s.options.Routes[d.Route].Mention; own != nil {
		mention = own
	}
	for _, who := range mention {
		a.mentions = append(a.mentions, markupOf(who))
	}
	return render(a)
}

// readsLife is how long the timeline of a bot is waited for. An alert without
// it is better than none.
const readsLife = 2 * time.Second

// life is what is known of the bot of an event whose words depend on it.
func (s *Sink) life(ctx context.Context, ev *relay.Event) recall.Life {
	bot := ev.Fields.BotID.String()
	if ev.Fields.Event != fatal || bot == "" || s.deps.Reader == nil {
		return recall.Life{}
	}
	ctx, cancel := context.WithTimeout(ctx, readsLife)
	defer cancel()
	events, err := s.deps.Reader.Bot(ctx, ev.Source, bot)
	if err != nil {
		s.log().Warn("an alert goes without its bot's timeline", "err", err)
	}
	return recall.Fold(events)
}

// acknowledged is the note of a message that Slack has taken.
func (s *Sink) acknowledged(channel, ts string, refused *refusedTarget) string {
	note := "ts " + ts
	if channel == "" {
		note = "HTTP 200"
	}
	if refused != nil {
		note += " in " + channel + ", " + meantFor(refused.channel, refused.code)
	}
	return note
}
