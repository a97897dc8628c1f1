package httpsink

import (
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	svix "github.com/svix/svix-webhooks/go"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/sinks/internal/sinktest"
)

var (
	// All that a server sees but Content-Length. There is no Accept-Encoding: an
	// answer that is compressed could be a bomb.
	full = map[string]string{
		"Content-Type": "application/json", "User-Agent": "botrelay/1.2.3",
		"Webhook-Id": "msg_0001", "Idempotency-Key": "msg_0001",
		"Botrelay-Source": "recall", "Botrelay-Event": "bot.fatal", "Botrelay-Code": "fatal",
		"Botrelay-Sub-Code": "bot_errored", "Botrelay-Side": "recall", "Botrelay-Bot-Id": "00000000-0000-4000-8000-000000000001",
		"Botrelay-At": "2026-03-04T15:20:11.91Z", "Botrelay-Received-At": "2026-03-04T15:20:12Z", "Botrelay-Attempt": "1",
	}
)

// with returns full with some names changed; an empty value removes one.
func with(changes ...string) map[string]string {
	want := maps.Clone(full)
	for i := 0; i < len(changes); i += 2 {
		want[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(want, changes[i])
		}
	}
	return want
}

// TestHeaders compares all that a server sees, so that nothing is sent that
// nobody asked for.
func TestHeaders(t *testing.T) {
	for name, tt := range map[string]struct {
		options func(*Options)
		change  func(*relay.Delivery)
		want    map[string]string
	}{
		"plain": {nil, nil, with()},
		"of the operator": {func(o *Options) {
			o.Headers = map[string]string{"x-environment": "production", "Authorization": "Bearer t"}
		}, nil, with("X-Environment", "production", "Authorization", "Bearer t")},
		"attempt, replay, out of order": {nil, func(d *relay.Delivery) {
			d.Attempt, d.Replay, d.OutOfOrder = 7, 2, true
		}, with("Botrelay-Attempt", "7", "Botrelay-Replay", "true", "Botrelay-Out-Of-Order", "true")},
		"absent fields": {nil, func(d *relay.Delivery) {
			d.Event.Fields = relay.Fields{Event: "calendar.update"}
		}, with("Botrelay-Event", "calendar.update", "Botrelay-Code", "", "Botrelay-Sub-Code", "", "Botrelay-Side", "", "Botrelay-Bot-Id", "", "Botrelay-At", "")},
		"hostile fields": {nil, func(d *relay.Delivery) {
			d.Event.Fields.Event = "a b\r\nX-Evil: 1"
			d.Event.Fields.SubCode = relay.Some("zoë 100%\x00\u202e~!")
		}, with("Botrelay-Event", "a%20b%0D%0AX-Evil:%201", "Botrelay-Sub-Code", "zo%C3%AB%20100%25%00%E2%80%AE~!")},
		"simulated by id": {nil, func(d *relay.Delivery) { d.Event.ID = "sim_1" },
			with("Webhook-Id", "sim_1", "Idempotency-Key", "sim_1", "Botrelay-Simulated", "true")},
		"simulated by metadata": {nil, func(d *relay.Delivery) {
			d.Event.Fields.Metadata = []byte(`{"a":1,"botrelay" : "simulated"}`)
		}, with("Botrelay-Simulated", "true")},
		"not simulated": {nil, func(d *relay.Delivery) {
			d.Event.Fields.Metadata = []byte(`{"BotRelay":"simulated","x":{"botrelay":"simulated"}}`)
		}, with()},
		"svix names, unsigned": {func(o *Options) { o.Sign = &Sign{Headers: "svix"} }, nil,
			with("Webhook-Id", "", "Svix-Id", "msg_0001")},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(http.ResponseWriter, *http.Request) {})
			o := to(server.URL)
			if tt.options != nil {
				tt.options(&o)
			}
			d := sinktest.Delivery(1)
			if tt.change != nil {
				tt.change(d)
			}
			if _, err := open(t, o).Send(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, values := range server.header() {
				if len(values) != 1 {
					t.Errorf("%s is there %d times", name, len(values))
				}
				got[name] = values[0]
			}
			delete(got, "Content-Length")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignature has a receiver's library verify what arrived, with each secret.
func TestSignature(t *testing.T) {
	for _, family := range []string{"webhook", "svix", ""} {
		t.Run("family "+family, func(t *testing.T) {
			server := serve(t, func(http.ResponseWriter, *http.Request) {})
			s := open(t, signed(to(server.URL), family, secretOne, secretTwo))
			if _, err := s.Send(t.Context(), sinktest.Delivery(3)); err != nil {
				t.Fatal(err)
			}
			h, body := server.header(), server.received()[0]
			for _, secret := range []string{secretOne, secretTwo} {
				w, err := svix.NewWebhook(secret)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Verify(body, h); err != nil {
					t.Errorf("Verify: %v", err)
				}
				if w.Verify(append(body, ' '), h) == nil {
					t.Error("a changed body verifies")
				}
			}
			other, one := "Webhook", "Svix"
			if family != "svix" {
				other, one = one, other
			}
			for _, name := range []string{"-Id", "-Timestamp", "-Signature"} {
				if h.Get(one+name) == "" || h.Get(other+name) != "" {
					t.Errorf("%s: got %q and %q", name, h.Get(one+name), h.Get(other+name))
				}
			}
		})
	}
}

// TestSignatureOfEachAttempt: a receiver refuses a time that is minutes old.
func TestSignatureOfEachAttempt(t *testing.T) {
	s := open(t, signed(to("http://127.0.0.1:1"), "", secretOne))
	first, second := time.Unix(1_800_000_000, 999), time.Unix(1_800_003_600, 0)
	d := sinktest.Delivery(0)
	var signatures []string
	for _, now := range []time.Time{first, second} {
		h, err := s.header(d, now)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := h.Get("webhook-timestamp"), strconv.FormatInt(now.Unix(), 10); got != want {
			t.Errorf("timestamp: got %s, want %s", got, want)
		}
		if h.Get("webhook-id") != d.Event.ID {
			t.Errorf("id: got %s", h.Get("webhook-id"))
		}
		signatures = append(signatures, h.Get("webhook-signature"))
	}
	if signatures[0] == signatures[1] {
		t.Error("two attempts have one signature")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no url":       to(""),
		"no host":      to("https://"),
		"scheme":       to("ftp://a.example/x"),
		"password":     to("https://u:p@a.example/"),
		"metadata":     to("http://169.254.169.254/latest"),
		"secret":       signed(to("https://a.example"), "", config.Secret("whsec_QQ==")),
		"own header":   {URL: "https://a.example", Headers: map[string]string{"Webhook-Id": "1"}},
		"line feed":    {URL: "https://a.example", Headers: map[string]string{"X-A": "a\nb"}},
		"header name":  {URL: "https://a.example", Headers: map[string]string{"X A": "a"}},
		"header twice": {URL: "https://a.example", Headers: map[string]string{"X-A": "a", "x-a": "b"}},
	} {
		if s, err := New(o, "1"); err == nil {
			t.Errorf("%s: New gave %v", name, s)
		}
	}
}
