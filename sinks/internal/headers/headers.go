// Package headers lists what every sink with headers says about a delivery
// beside the body. HTTP requests and Kafka records carry the same names.
package headers

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"botrelay/relay"
)

// Header is one name in lower case and its value, any UTF-8 as the sender wrote
// it. How a value is encoded is the sink's affair.
type Header struct{ Name, Value string }

// Of returns the headers of d, without its id and in a fixed order. A field
// that is absent or empty has none.
func Of(d *relay.Delivery) []Header {
	ev, f := d.Event, &d.Event.Fields
	all := []Header{
		{"botrelay-source", ev.Source},
		{"botrelay-event", f.Event},
		{"botrelay-code", f.Code.String()},
		{"botrelay-sub-code", f.SubCode.String()},
		{"botrelay-side", f.Side},
		{"botrelay-bot-id", f.BotID.String()},
		{"botrelay-at", stamp(f.At)},
		{"botrelay-received-at", stamp(ev.Received)},
		{"botrelay-attempt", strconv.Itoa(max(d.Attempt, 1))},
		{"botrelay-out-of-order", yes(d.OutOfOrder)},
		{"botrelay-replay", yes(d.Replay > 0)},
		{"botrelay-simulated", yes(Simulated(ev))},
	}
	kept := all[:0]
	for _, h := range all {
		if h.Value != "" {
			kept = append(kept, h)
		}
	}
	return kept
}

// Simulated tells whether `botrelay simulate` made the event: its id begins
// with sim_, or its bot's metadata has botrelay: simulated.
func Simulated(ev *relay.Event) bool {
	if strings.HasPrefix(ev.ID, "sim_") {
		return true
	}
	// Metadata may be large and is only read when the word stands in it.
	if !strings.Contains(string(ev.Fields.Metadata), `"simulated"`) {
		return false
	}
	var metadata map[string]json.RawMessage
	if json.Unmarshal(ev.Fields.Metadata, &metadata) != nil {
		return false
	}
	var word string
	return json.Unmarshal(metadata["botrelay"], &word) == nil && word == "simulated"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}
