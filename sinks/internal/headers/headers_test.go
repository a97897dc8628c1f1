package headers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func TestOf(t *testing.T) {
	at := time.Date(2026, 3, 4, 16, 20, 11, 910_000_000, time.FixedZone("CET", 3600))
	d := &relay.Delivery{
		Event: &relay.Event{Source: "recall", ID: "sim_1", Received: at, Fields: relay.Fields{
			Event: "bot.fatal", Code: relay.Some("fatal"), SubCode: relay.Some("zürich\n"), Side: "account", BotID: relay.Some("b1"), At: at,
		}},
		Attempt: 2, Replay: 1, OutOfOrder: true,
	}
	want := []Header{
		{"botrelay-source", "recall"}, {"botrelay-event", "bot.fatal"}, {"botrelay-code", "fatal"}, {"botrelay-sub-code", "zürich\n"},
		{"botrelay-side", "account"}, {"botrelay-bot-id", "b1"},
		{"botrelay-at", "2026-03-04T15:20:11.91Z"}, {"botrelay-received-at", "2026-03-04T15:20:11.91Z"},
		{"botrelay-attempt", "2"}, {"botrelay-out-of-order", "true"}, {"botrelay-replay", "true"}, {"botrelay-simulated", "true"},
	}
	if diff := cmp.Diff(want, Of(d)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	want = []Header{{"botrelay-source", "recall"}, {"botrelay-attempt", "1"}}
	if diff := cmp.Diff(want, Of(&relay.Delivery{Event: &relay.Event{Source: "recall"}})); diff != "" {
		t.Errorf("headers of nothing (-want +got):\n%s", diff)
	}
}

func TestSimulated(t *testing.T) {
	for metadata, want := range map[string]bool{
		``:                                    false,
		`{"botrelay":"simulated"}`:            true,
		`{ "a": 1, "botrelay" : "simulated"}`: true,
		`{"BotRelay":"simulated"}`:            false,
		`{"x":{"botrelay":"simulated"}}`:      false,
		`{"botrelay":["simulated"]}`:          false,
		`["simulated"]`:                       false,
		`{"botrelay":"simulated"`:             false,
	} {
		if got := Simulated(&relay.Event{ID: "msg_1", Fields: relay.Fields{Metadata: []byte(metadata)}}); got != want {
			t.Errorf("%s: got %v", metadata, got)
		}
	}
}
