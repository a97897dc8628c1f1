package slacksink

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/relay/recall"
	"botrelay/sinks/slacksink/slacktest"
)

const (
	testToken    = "xoxb-CANARY-0123456789-token"
	testChannel  = "C0123456789"
	otherChannel = "C0999999999"
	testBot      = "5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31"
)

// newServer starts a stand-in that must have nothing to complain about at the
// end of the test.
func newServer(t *testing.T, o slacktest.Options) *slacktest.Server {
	t.Helper()
	s := newStrictlessServer(t, o)
	t.Cleanup(func() {
		for _, fault := range s.Faults() {
			t.Errorf("the stand-in: %s", fault)
		}
	})
	return s
}

func newStrictlessServer(t *testing.T, o slacktest.Options) *slacktest.Server {
	t.Helper()
	if o.Token == "" {
		o.Token = testToken
	}
	if o.Channels == nil {
		o.Channels = []string{testChannel, otherChannel}
	}
	s, err := slacktest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func tokenOptions(s *slacktest.Server) Options {
	o := DefaultOptions()
	o.Token, o.Channel, o.APIURL = testToken, testChannel, s.APIURL()
	return o
}

func webhookOptions(s *slacktest.Server) Options {
	o := DefaultOptions()
	o.WebhookURL = config.Secret(s.WebhookURL())
	return o
}

func newSink(t *testing.T, o Options, d Deps) *Sink {
	t.Helper()
	s, err := New("alerts", o, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// unlimited lets a sink post as fast as it can.
func unlimited(s *Sink) *Sink {
	s.channels = newChannels(rate.Inf)
	return s
}

// sample is the event of one of the sample bodies, received 700 ms after it
// happened.
func sample(t testing.TB, name string) *relay.Event {
	t.Helper()
	for _, s := range recall.Samples() {
		if s.Name == name {
			return received(t, "msg_2kFqV7c3yX1example00001", s.Body)
		}
	}
	t.Fatalf("there is no sample %q", name)
	return nil
}

func received(t testing.TB, id string, raw []byte) *relay.Event {
	t.Helper()
	fields, trouble := recall.Normalise(id, raw)
	if trouble != "" {
		t.Fatalf("%s: %s", raw, trouble)
	}
	ev := &relay.Event{Source: "recall", ID: id, Raw: raw, Fields: fields}
	ev.Received = fields.At.Add(700 * time.Millisecond)
	if fields.At.IsZero() {
		ev.Received = time.Date(2026, 3, 4, 15, 0, 20, 0, time.UTC)
	}
	return ev
}

// statusEvent is an event about a bot in the current form; subCode is JSON.
func statusEvent(t testing.TB, name, subCode string) *relay.Event {
	t.Helper()
	return received(t, "msg_2kFqV7c3yX1example00001", fmt.Appendf(nil,
		`{"event":%q,"data":{"data":{"code":"x","sub_code":%s,"updated_at":"2026-03-04T15:00:19.447310+00:00"},`+
			`"bot":{"id":%q,"metadata":{"tenant":"acme"}}}}`, name, subCode, testBot))
}

// failure is the delivery of the failure of bot number n.
func failure(n int) *relay.Delivery {
	bot := fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
	return &relay.Delivery{
		Event: &relay.Event{
			Seq: relay.Seq(n + 1), Source: "recall", ID: fmt.Sprintf("msg_%04d", n), Raw: []byte("{}"),
			Received: time.Date(2026, 3, 4, 15, 0, 20, 0, time.UTC),
			Fields: relay.Fields{
				Event: fatal, SubCode: relay.Some("bot_errored"), Side: recall.SideRecall,
				BotID: relay.Some(bot), Key: bot,
			},
		},
		Sink: "alerts", Key: "recall/" + bot, Attempt: 1,
	}
}

// timeline is a Reader that knows one bot.
type timeline struct {
	relay.Reader
	events []*relay.Event
	err    error
}

func (r timeline) Bot(_ context.Context, source, bot string) ([]*relay.Event, error) {
	if source != "recall" || bot != testBot {
		return nil, errors.New("another bot was asked for")
	}
	return r.events, r.err
}

// kindOf is the class of an error; "delivered" for none.
func kindOf(err error) string {
	f := relay.Classify(err)
	if f == nil {
		return "delivered"
	}
	return map[relay.Kind]string{
		relay.Transient: "transient", relay.Refused: "refused", relay.Broken: "broken",
		relay.Throttled: "throttled", relay.Doubtful: "doubtful", relay.Postponed: "postponed", relay.Unreachable: "unreachable",
	}[f.Kind]
}
