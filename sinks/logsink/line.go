package logsink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"botrelay/relay"
)

// record is one line; its order is the order of the keys.
type record struct {
	Source     string     `json:"source"`
	ID         string     `json:"id"`
	Event      string     `json:"event,omitempty"`
	Code       *string    `json:"code,omitempty"`
	SubCode    *string    `json:"sub_code,omitempty"`
	Side       string     `json:"side,omitempty"`
	Platform   string     `json:"platform,omitempty"`
	Bot        *bot       `json:"bot,omitempty"`
	At         *time.Time `json:"at,omitempty"`
	ReceivedAt time.Time  `json:"received_at"`
	Trouble    string     `json:"trouble,omitempty"`
	Body       *string    `json:"body,omitempty"`
	BodyBase64 string     `json:"body_base64,omitempty"`
}

type bot struct {
	ID       *string         `json:"id,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// lineOf encodes ev without a line feed.
func lineOf(ev *relay.Event, body bool) ([]byte, error) {
	f := &ev.Fields
	r := record{
		Source: ev.Source, ID: ev.ID, Event: f.Event,
		Code: pointer(f.Code), SubCode: pointer(f.SubCode), Side: f.Side, Platform: f.Platform,
		ReceivedAt: ev.Received.UTC(), Trouble: ev.Trouble,
	}
	if id := pointer(f.BotID); id != nil || f.Metadata != nil {
		r.Bot = &bot{ID: id, Metadata: f.Metadata}
	}
	if !f.At.IsZero() {
		at := f.At.UTC()
		r.At = &at
	}
	if body {
		if utf8.Valid(ev.Raw) {
			text := string(ev.Raw)
			r.Body = &text
		} else {
			r.BodyBase64 = base64.StdEncoding.EncodeToString(ev.Raw)
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the event as JSON: %w", err)
	}
	return printable(line), nil
}

func pointer(o relay.Optional) *string {
	if text, ok := o.Get(); ok {
		return &text
	}
	return nil
}

// printable escapes what is not printable in encoded JSON. Outside its strings
// JSON has only ASCII, so each such rune stands in a string and \u means the
// same there.
func printable(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		switch {
		case unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			out = append(out, line[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		line = line[n:]
	}
	return out
}
