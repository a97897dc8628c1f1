package slacksink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func onRoute(d *relay.Delivery, route string) *relay.Delivery {
	d.Route = route
	return d
}

func failures(n int) []*relay.Delivery {
	ds := make([]*relay.Delivery, n)
	for i := range ds {
		ds[i] = failure(i)
	}
	return ds
}

// outcomes are the kinds of results, with the wait of what is throttled.
func outcomes(results []relay.Result) []string {
	var all []string
	for _, r := range results {
		text := kindOf(r.Err)
		if f := relay.Classify(r.Err); f != nil && f.After > 0 {
			text += fmt.Sprintf(" %.0f", f.After.Seconds())
		}
		all = append(all, text)
	}
	return all
}

func TestBatchKeepsTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		got := outcomes(s.SendBatch(t.Context(), failures(7)))
		want := []string{"delivered", "delivered", "delivered", "postponed 1", "postponed 2", "postponed 3", "postponed 4"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// What comes next waits for the budget, so that no batch is for nothing,
		// and what was put off before keeps its place.
		got = outcomes(s.SendBatch(t.Context(), []*relay.Delivery{failure(10), failure(11)}))
		if diff := cmp.Diff([]string{"delivered", "postponed 4"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{testChannel + " 0", testChannel + " 0", testChannel + " 0", testChannel + " 1"}, m.sent()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A storm goes out at the pace that Slack allows, and hardly any delivery is
// handed out more than twice, whatever comes meanwhile.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const storm, more = 300, 20
		s, m := inMemory(t)
		due := map[int]time.Time{}
		for n := range storm {
			due[n] = time.Now()
		}
		for n := range more {
			due[storm+n] = time.Now().Add(time.Duration(n) * 10 * time.Second)
		}
		handedOut := 0
		for len(due) > 0 {
			next := time.Time{}
			for _, at := range due {
				if next.IsZero() || at.Before(next) {
					next = at
				}
			}
			time.Sleep(time.Until(next)) // the loop's wait for a due time, in the bubble
			var ds []*relay.Delivery
			for n := range storm + more {
				if at, ok := due[n]; ok && !at.After(time.Now()) && len(ds) < 500 {
					ds = append(ds, failure(n))
				}
			}
			handedOut += len(ds)
			for i, r := range s.SendBatch(t.Context(), ds) {
				n := int(ds[i].Event.Seq) - 1
				if r.Err == nil {
					delete(due, n)
					continue
				}
				due[n] = time.Now().Add(relay.Classify(r.Err).After)
			}
		}
		if len(m.posts) != storm+more {
			t.Fatalf("%d posts", len(m.posts))
		}
		for i := postBurst; i < len(m.posts); i++ {
			if gap := m.posts[i].at - m.posts[i-postBurst].at; gap < time.Second-time.Millisecond {
				t.Fatalf("posts %d to %d within %v", i-postBurst, i, gap)
			}
		}
		if took := m.posts[len(m.posts)-1].at; took > (storm+more+10)*time.Second {
			t.Errorf("the storm took %v", took)
		}
		if handedOut > 3*(storm+more) {
			t.Errorf("%d hand-outs for %d deliveries", handedOut, storm+more)
		}
	})
}

func TestFailuresGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		ds := failures(6)
		for i, name := range []string{"bot.in_call_recording", "bot.done", "calendar.update", "transcript.failed", "bot.done", "bot.fatal"} {
			ds[i].Event.Fields.Event, ds[i].Event.Fields.Side = name, ""
		}
		got := outcomes(s.SendBatch(t.Context(), ds))
		want := []string{"delivered", "postponed 1", "postponed 2", "delivered", "postponed 3", "delivered"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if text := m.posts[0].text; !strings.Contains(text, "Transcript failed") {
			t.Errorf("first came %s", text)
		}
	})
}

func TestChannelsHaveBudgetsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		ds := failures(8)
		for i := range 4 {
			ds[2*i].Route = "a"
		}
		got := outcomes(s.SendBatch(t.Context(), ds))
		want := []string{"delivered", "delivered", "delivered", "delivered", "delivered", "delivered", "postponed 1", "postponed 1"}
		if diff := cmp.Diff(want, got); diff != "" || len(m.posts) != 6 {
			t.Errorf("%d posts, (-want +got):\n%s", len(m.posts), diff)
		}
	})
}

func TestRetryAfterHoldsOneChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		m.answer = func(channel string) (int, http.Header, string) {
			if channel == "C00000000A" {
				return 429, http.Header{"Retry-After": {"30"}}, ""
			}
			return 0, nil, ""
		}
		batch := func() []*relay.Delivery {
			return []*relay.Delivery{onRoute(failure(0), "a"), failure(1), onRoute(failure(2), "a"), onRoute(failure(3), "b"), onRoute(failure(4), "a")}
		}
		got := outcomes(s.SendBatch(t.Context(), batch()))
		if diff := cmp.Diff([]string{"throttled 30", "delivered", "postponed 30", "delivered", "postponed 31"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		m.posts = nil
		time.Sleep(20 * time.Second)
		got = outcomes(s.SendBatch(t.Context(), batch()))
		if diff := cmp.Diff([]string{"postponed 12", "delivered", "postponed 13", "delivered", "postponed 14"}, got); diff != "" || len(m.posts) != 2 {
			t.Errorf("%d posts, (-want +got):\n%s", len(m.posts), diff)
		}
		m.posts, m.answer = nil, nil
		time.Sleep(10 * time.Second)
		if got := outcomes(s.SendBatch(t.Context(), batch()[:1])); got[0] != "delivered" || m.posts[0].channel != "C00000000A" {
			t.Errorf("after the time that Slack asked for: %s, %v", got, m.posts)
		}
	})
}

// A channel that hangs costs neither the others nor those behind it an attempt,
// and the batch ends before its context.
func TestHangingChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		m.hang["C00000000A"] = true
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		ds := []*relay.Delivery{onRoute(failure(0), "a"), onRoute(failure(1), "a"), failure(2), onRoute(failure(3), "b")}
		began := time.Now()
		got := s.SendBatch(ctx, ds)
		if diff := cmp.Diff([]string{"transient", "postponed 1", "delivered", "delivered"}, outcomes(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(began); took >= 14*time.Second || ctx.Err() != nil {
			t.Errorf("the batch took %v", took)
		}
		if text := got[1].Err.Error(); text != "not tried: the message before it failed" {
			t.Error(text)
		}
	})
}

// A short context leaves room for an outcome of every delivery.
func TestBatchWithLittleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		m.hang[testChannel] = true
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		got := outcomes(s.SendBatch(ctx, failures(3)))
		if diff := cmp.Diff([]string{"transient", "postponed 1", "postponed 2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(began); took != 90*time.Millisecond {
			t.Errorf("the batch took %v", took)
		}
	})
}

func TestCancelledBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		m.hang[testChannel] = true
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		for i, r := range s.SendBatch(ctx, failures(3)) {
			want := "postponed"
			if i == 0 {
				want = "transient"
			}
			if !errors.Is(r.Err, context.Canceled) || kindOf(r.Err) != want {
				t.Errorf("%d: %s %v", i, kindOf(r.Err), r.Err)
			}
		}
	})
}

func TestBatchStopsAtAFailureThatTheNextWouldMeet(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"internal_error":    {`{"ok":false,"error":"internal_error"}`, []string{"transient", "postponed 1", "postponed 2"}},
		"invalid_auth":      {`{"ok":false,"error":"invalid_auth"}`, []string{"broken", "postponed 1", "postponed 2"}},
		"channel_not_found": {`{"ok":false,"error":"channel_not_found"}`, []string{"broken", "postponed 1", "postponed 2"}},
		"a broken message":  {`{"ok":false,"error":"invalid_blocks"}`, []string{"refused", "refused", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m := inMemory(t)
				m.answer = func(string) (int, http.Header, string) { return 200, nil, c.body }
				if diff := cmp.Diff(c.want, outcomes(s.SendBatch(t.Context(), failures(3)))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What every post carries beside its words.
func TestPost(t *testing.T) {
	s, m := inMemory(t)
	s.client.agent = newClient(DefaultOptions(), "1.2.3").agent
	for _, c := range []struct {
		delivery *relay.Delivery
		metadata string
	}{
		{failure(1), `{"event_type":"botrelay_alert","event_payload":{"bot_id":"00000001-0000-4000-8000-000000000000","event":"bot.fatal","id":"msg_0001"}}`},
		{&relay.Delivery{Event: sample(t, "calendar.update")}, `{"event_type":"botrelay_alert","event_payload":{"event":"calendar.update","id":"msg_2kFqV7c3yX1example00001"}}`},
	} {
		note, err := s.Send(t.Context(), c.delivery)
		if want := fmt.Sprintf("ts 1.%06d", len(m.posts)); err != nil || note != want {
			t.Errorf("note %q, %v; want %q", note, err, want)
		}
		m.form.Del("text")
		m.form.Del("blocks")
		want := url.Values{
			"token": {testToken}, "channel": {testChannel}, "metadata": {c.metadata},
			"unfurl_links": {"false"}, "unfurl_media": {"false"},
		}
		if diff := cmp.Diff(want, m.form); diff != "" || m.agent != "botrelay/1.2.3" {
			t.Errorf("from %s (-want +got):\n%s", m.agent, diff)
		}
	}
}

type panicking struct{ relay.Reader }

func (panicking) Bot(context.Context, string, string) ([]*relay.Event, error) {
	panic("a fault in here")
}

// The delivery loop recovers panics of the goroutine that it calls from.
func TestPanicComesOutOfTheBatch(t *testing.T) {
	s, _ := inMemory(t)
	s.deps.Reader = panicking{}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "a fault in here") {
			t.Errorf("recovered %v", r)
		}
	}()
	s.SendBatch(t.Context(), failures(2))
}

func TestTimelineThatCannotBeReadCostsNoAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := inMemory(t)
		s.deps.Reader = timeline{err: errors.New("the disk is gone")}
		d := failure(1)
		d.Event.Fields.BotID = relay.Some(testBot)
		if got := outcomes(s.SendBatch(t.Context(), []*relay.Delivery{d})); got[0] != "delivered" || len(m.posts) != 1 {
			t.Errorf("%v, %d posts", got, len(m.posts))
		}
	})
}
