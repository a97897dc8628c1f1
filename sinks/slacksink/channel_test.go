package slacksink

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
	"botrelay/relay/config"
)

// refusing makes Slack refuse channels with an error each.
func (m *memorySlack) refusing(codes map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts = nil
	m.answer = func(channel string) (int, http.Header, string) {
		if code := codes[channel]; code != "" {
			return 200, nil, `{"ok":false,"error":"` + code + `"}`
		}
		return 0, nil, ""
	}
}

// An alert for a channel that Slack refuses goes to the sink's own at once; the
// channel is asked again only now and then, and used again once it works.
func TestRefusedChannelOfARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		send := func() relay.Result {
			return s.SendBatch(t.Context(), []*relay.Delivery{onRoute(failure(1), "a")})[0]
		}
		m.refusing(map[string]string{"C00000000A": "is_archived"})
		r := send()
		if r.Err != nil || !strings.HasSuffix(r.Note, " in C0123456789, meant for C00000000A, which is archived") {
			t.Fatalf("%q %v", r.Note, r.Err)
		}
		send()
		if diff := cmp.Diff([]string{"C00000000A 0", testChannel + " 0", testChannel + " 0"}, m.sent()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, p := range m.posts[1:] {
			if !strings.HasPrefix(p.text, "meant for C00000000A, which is archived: 🔴 ") {
				t.Error(p.text)
			}
		}
		time.Sleep(askAgain)
		m.refusing(nil)
		if r := send(); r.Err != nil || strings.Contains(r.Note, "meant for") {
			t.Errorf("%q %v", r.Note, r.Err)
		}
		send()
		if diff := cmp.Diff([]string{"C00000000A 600", "C00000000A 600"}, m.sent()); diff != "" {
			t.Errorf("once it works again (-want +got):\n%s", diff)
		}
	})
}

func TestRefusedChannelWords(t *testing.T) {
	for code, want := range map[string]string{
		"channel_not_found":                   "meant for C1, which Slack cannot find",
		"not_in_channel":                      "meant for C1, which botrelay is not in",
		"is_archived":                         "meant for C1, which is archived",
		"restricted_action":                   "meant for C1, where botrelay may not post",
		"restricted_action_read_only_channel": "meant for C1, where botrelay may not post",
	} {
		if meaningOf(code) != aboutChannel {
			t.Errorf("%s is not about the channel", code)
		}
		if got := meantFor("C1", code); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

// Only the sink's own channel, or its credentials, break the sink.
func TestWhatBreaksTheSink(t *testing.T) {
	for name, c := range map[string]struct {
		codes map[string]string
		posts int
		want  []string // on route a, on route b, without a route
	}{
		"a route's channel": {map[string]string{"C00000000A": "channel_not_found"}, 4, []string{"delivered", "delivered", "delivered"}},
		"the own channel":   {map[string]string{testChannel: "is_archived"}, 3, []string{"delivered", "delivered", "broken"}},
		"both":              {map[string]string{testChannel: "is_archived", "C00000000A": "not_in_channel"}, 4, []string{"broken", "delivered", "broken"}},
		"the token, anywhere": {map[string]string{"C00000000A": "token_revoked", "C00000000B": "token_revoked", testChannel: "token_revoked"},
			3, []string{"broken", "broken", "broken"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m := inMemory(t)
				m.refusing(c.codes)
				got := outcomes(s.SendBatch(t.Context(), []*relay.Delivery{onRoute(failure(0), "a"), onRoute(failure(1), "b"), failure(2)}))
				if diff := cmp.Diff(c.want, got); diff != "" || len(m.posts) != c.posts {
					t.Errorf("%d posts, want %d (-want +got):\n%s", len(m.posts), c.posts, diff)
				}
			})
		})
	}
}

// What is led elsewhere counts against the budget of where it goes.
func TestRefusedChannelKeepsTheOwnBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		m.refusing(map[string]string{"C00000000A": "is_archived"})
		ds := failures(6)
		for _, d := range ds {
			d.Route = "a"
		}
		got := outcomes(s.SendBatch(t.Context(), ds))
		want := []string{"delivered", "delivered", "delivered", "postponed 1", "postponed 2", "postponed 3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := len(m.sent()); n != 4 {
			t.Errorf("%d posts, want 1 refused and 3 taken", n)
		}
	})
}

// A route that has left the configuration has no say; the sink's own options do.
func TestRouteThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		s.SendBatch(t.Context(), []*relay.Delivery{onRoute(failure(1), "gone")})
		if diff := cmp.Diff([]string{testChannel + " 0"}, m.sent()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestMentionsOfARoute(t *testing.T) {
	s, _ := inMemory(t)
	s.options.Mention = []string{"here"}
	s.options.Routes = map[string]RouteOptions{"silent": {Mention: []string{}}, "own": {Mention: []string{"U0123DANA"}}, "plain": {}}
	for route, want := range map[string][]string{"": {"<!here>"}, "plain": {"<!here>"}, "own": {"<@U0123DANA>"}, "silent": nil} {
		got := s.compose(t.Context(), onRoute(failure(1), route), nil).mentions
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("route %q (-want +got):\n%s", route, diff)
		}
	}
}

// Two sinks with one token share a channel's budget, as do a sink and the one
// that a reload puts in its place.
func TestSinksWithOneTokenShareTheirBudgets(t *testing.T) {
	accounts := NewAccounts()
	same, other := accounts.channels("xoxb-one"), accounts.channels("xoxb-two")
	if accounts.channels("xoxb-one") != same || other == same {
		t.Error("a token has not the budgets of its own alone")
	}
	makeSink := func(token config.Secret) *Sink {
		s, err := New("s", Options{SinkCommon: DefaultOptions().SinkCommon, Token: token, Channel: testChannel, APIURL: DefaultOptions().APIURL}, Deps{Accounts: accounts})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if a, b := makeSink("xoxb-one"), makeSink("xoxb-one"); a.channels != b.channels || a.channels.budget(testChannel) != b.channels.budget(testChannel) {
		t.Error("two sinks with one token have budgets of their own")
	}
}
