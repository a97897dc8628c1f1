package store

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

var fieldsCases = map[string]relay.Fields{
	"zero": {},
	"typical": {
		Event: "bot.fatal", Code: relay.Some("fatal"), SubCode: relay.Some("meeting_not_found"), Side: "host", Platform: "zoom",
		BotID: relay.Some("3f0b7c1e-8d2a-4c57-9f3e-1a2b3c4d5e6f"), Metadata: []byte(`{"team":"sales"}`),
		At: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), Key: "3f0b7c1e-8d2a-4c57-9f3e-1a2b3c4d5e6f",
	},
	"empty is not absent":  {Event: "bot.x", Code: relay.Some(""), SubCode: relay.Some(""), BotID: relay.Some(""), Metadata: []byte{}},
	"key without a bot":    {Event: "recording.done", Key: "rec_1"},
	"key is not the bot":   {Event: "recording.done", BotID: relay.Some("b"), Key: "rec_1"},
	"bot without a key":    {Event: "bot.x", BotID: relay.Some("b")},
	"before 1970":          {Event: "bot.x", At: time.Date(1901, 1, 1, 0, 0, 0, 1, time.UTC)},
	"far future":           {Event: "bot.x", At: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
	"odd texts":            {Event: "bot.\x00\xff\u2028", Code: relay.Some(strings.Repeat("ä", 5000)), Key: "\x00"},
	"large metadata":       {Event: "bot.x", Metadata: bytes.Repeat([]byte("x"), 100_000)},
	"side and platform":    {Event: "bot.x", Side: "account", Platform: "microsoft_teams"},
	"present, empty, same": {Event: "bot.x", BotID: relay.Some(""), Key: ""},
}

var sameFields = cmp.Comparer(func(a, b relay.Optional) bool { return a == b })

func TestFieldsComeBackAsTheyWere(t *testing.T) {
	for name, f := range fieldsCases {
		t.Run(name, func(t *testing.T) {
			stored := AppendFields(nil, &f)
			got, err := DecodeFields(stored)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f, got, sameFields); diff != "" {
				t.Error(diff)
			}
			clear(stored)
			if diff := cmp.Diff(f, got, sameFields); diff != "" {
				t.Errorf("the decoded fields keep the caller's bytes: %s", diff)
			}
		})
	}
}

func TestFieldsZoneIsNotKept(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	got, err := DecodeFields(AppendFields(nil, &relay.Fields{Event: "e", At: at}))
	if err != nil || !got.At.Equal(at) || got.At.Location() != time.UTC {
		t.Errorf("got %v, %v; want the instant %v in UTC", got.At, err, at)
	}
}

func TestFieldsRefusesEveryCut(t *testing.T) {
	f := fieldsCases["typical"]
	stored := AppendFields(nil, &f)
	for n := range stored {
		if _, err := DecodeFields(stored[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were taken", n, len(stored))
		}
	}
	for name, bad := range map[string][]byte{
		"a byte behind the end":  append(bytes.Clone(stored), 0),
		"another version":        append([]byte{fieldsVersion + 1}, stored[1:]...),
		"unknown flags":          {fieldsVersion, 0x80, 0x08, 0},
		"two keys":               {fieldsVersion, 0x90, 0x03, 0, 0, 0},
		"a key that is no bot":   {fieldsVersion, 0x80, 0x02, 0},
		"nanoseconds over 1 s":   {fieldsVersion, 0x40, 0, 0, 0x80, 0x94, 0xeb, 0xdc, 0x03},
		"a length beyond 64 bit": {fieldsVersion, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		if got, err := DecodeFields(bad); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}

func FuzzDecodeFields(f *testing.F) {
	for _, fields := range fieldsCases {
		if stored := AppendFields(nil, &fields); len(stored) < 2000 {
			f.Add(stored)
		}
	}
	f.Add([]byte{fieldsVersion, 0x40, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0})
	f.Fuzz(func(t *testing.T, stored []byte) {
		fields, err := DecodeFields(stored)
		if err != nil {
			if diff := cmp.Diff(relay.Fields{}, fields, sameFields); diff != "" {
				t.Errorf("an error came with fields: %s", diff)
			}
			return
		}
		again, err := DecodeFields(AppendFields(nil, &fields))
		if err != nil {
			t.Fatalf("what was decoded does not come back: %v", err)
		}
		if diff := cmp.Diff(fields, again, sameFields); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkFields(b *testing.B) {
	f := fieldsCases["typical"]
	stored := AppendFields(nil, &f)
	b.Run("append", func(b *testing.B) {
		buf := make([]byte, 0, 512)
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendFields(buf[:0], &f)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeFields(stored); err != nil {
				b.Fatal(err)
			}
		}
	})
	raw := bytes.Repeat([]byte("x"), 1024)
	b.Run("sum 1 KB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Sum("recall", "msg_2abc", f.At, "recall/"+f.Key, stored, raw)
		}
	})
}
