package store

import (
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

func TestSumCoversEveryPart(t *testing.T) {
	at := time.Unix(1_700_000_000, 5)
	base := Sum("recall", "msg_1", at, "recall/b", []byte("fields"), []byte("raw"))
	if base == [SumSize]byte{} {
		t.Fatal("the sum is empty")
	}
	if again := Sum("recall", "msg_1", at.UTC(), "recall/b", []byte("fields"), []byte("raw")); again != base {
		t.Error("the same event has two sums")
	}
	for name, other := range map[string][SumSize]byte{
		"source":              Sum("recalm", "msg_1", at, "recall/b", []byte("fields"), []byte("raw")),
		"id":                  Sum("recall", "msg_2", at, "recall/b", []byte("fields"), []byte("raw")),
		"received":            Sum("recall", "msg_1", at.Add(1), "recall/b", []byte("fields"), []byte("raw")),
		"key":                 Sum("recall", "msg_1", at, "recall/c", []byte("fields"), []byte("raw")),
		"fields":              Sum("recall", "msg_1", at, "recall/b", []byte("fieldt"), []byte("raw")),
		"raw":                 Sum("recall", "msg_1", at, "recall/b", []byte("fields"), []byte("rax")),
		"a byte that moved":   Sum("recall", "msg_1", at, "recall/b", []byte("fieldsr"), []byte("aw")),
		"source and id":       Sum("recallm", "sg_1", at, "recall/b", []byte("fields"), []byte("raw")),
		"id and key exchange": Sum("recall", "recall/b", at, "msg_1", []byte("fields"), []byte("raw")),
	} {
		if other == base {
			t.Errorf("the sum does not see a change of %s", name)
		}
	}
}

// Pinned: stored sums outlive the version that wrote them.
func TestSumIsStable(t *testing.T) {
	got := Sum("recall", "msg_1", time.Unix(1_700_000_000, 5), "recall/b", []byte("fields"), []byte("raw"))
	if want := [SumSize]byte{0x16, 0xdd, 0x47, 0x11, 0xe6, 0x0f, 0xf0, 0x84}; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestColumnName(t *testing.T) {
	long := strings.Repeat("k", 257)
	for _, same := range []string{"", "recall/b", "ünï", strings.Repeat("k", 256), "+recall/b"} {
		if got := ColumnName(same); got != same {
			t.Errorf("ColumnName(%q) = %q, want it unchanged", same, got)
		}
	}
	seen := map[string]string{}
	for _, odd := range []string{long, long + "x", "a\x00b", "a\x00", "\xff", "sha256:", ColumnName(long)} {
		got := ColumnName(odd)
		if len(got) != len("sha256:")+64 || !strings.HasPrefix(got, "sha256:") {
			t.Errorf("ColumnName(%.20q) = %q, want sha256: and a hash", odd, got)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%.20q and %.20q share a column name", odd, other)
		}
		seen[got] = odd
	}
}

func TestTimelineBot(t *testing.T) {
	for _, tc := range []struct{ event, bot, want string }{
		{"bot.fatal", "b", "b"},
		{"recording.done", "b", "b"},
		{"botrelay.bot_stuck", "b", "b"},
		{"bot.log", "b", ""},
		{"bot.output_log", "b", ""},
		{"transcript.done", "b", ""},
		{"bot.fatal", "", ""},
		{"bot.fatal", "b\x00", ColumnName("b\x00")},
	} {
		ev := &relay.Event{Fields: relay.Fields{Event: tc.event, BotID: relay.Some(tc.bot)}}
		if got := TimelineBot(ev); got != tc.want {
			t.Errorf("TimelineBot of %s with bot %q = %q, want %q", tc.event, tc.bot, got, tc.want)
		}
	}
}

func TestCheckTargets(t *testing.T) {
	later := time.Unix(1_700_000_000, 0)
	for name, tc := range map[string]struct {
		to   []relay.Target
		want string
	}{
		"none":           {nil, ""},
		"usual":          {[]relay.Target{{Sink: "a", Key: "k"}, {Sink: "b"}, {Sink: "_watch", After: later}}, ""},
		"no sink":        {[]relay.Target{{Key: "k"}}, "has no sink"},
		"one sink twice": {[]relay.Target{{Sink: "a"}, {Sink: "b"}, {Sink: "a"}}, "two targets for sink a"},
		"a timer's key":  {[]relay.Target{{Sink: "a", Key: "k", After: later}}, "a timer has no key"},
	} {
		err := CheckTargets(tc.to)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}
