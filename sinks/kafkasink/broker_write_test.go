package kafkasink

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"botrelay/relay"
)

func TestRecordOnTheWire(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 3)
	s := open(t, optionsFor(b, topic))
	d := event("5b1c7f0e", 1)
	d.Event.Fields.SubCode = relay.Some("zürich_日本")
	d.Event.Fields.Side = "host"
	d.Event.Fields.At = time.Date(2026, 3, 4, 16, 20, 11, 910_000_000, time.FixedZone("CET", 3600))
	d.Attempt, d.Replay, d.OutOfOrder = 3, 1, true
	began := time.Now()
	note := mustSend(t, s, d)

	records := b.Records(t, topic, 3)
	if len(records) != 1 {
		t.Fatalf("got %d records, want 1", len(records))
	}
	r := records[0]
	if want := fmt.Sprintf("%s/%d@%d", topic, r.Partition, r.Offset); note != want {
		t.Errorf("note: got %q, want %q", note, want)
	}
	if got, want := string(r.Value), string(d.Event.Raw); got != want {
		t.Errorf("value: got %q, want %q", got, want)
	}
	if got := string(r.Key); got != "5b1c7f0e" {
		t.Errorf("key: got %q", got)
	}
	if r.Time.Before(began.Add(-time.Minute)) || r.Time.After(time.Now().Add(time.Minute)) {
		t.Errorf("time of the record: got %v, want that of the sending", r.Time)
	}
	want := []kafka.Header{
		{Key: "botrelay-id", Value: []byte("msg_5b1c7f0e_1")},
		{Key: "botrelay-source", Value: []byte("recall")},
		{Key: "botrelay-event", Value: []byte("bot.done")},
		{Key: "botrelay-code", Value: []byte("done")},
		{Key: "botrelay-sub-code", Value: []byte("zürich_日本")},
		{Key: "botrelay-side", Value: []byte("host")},
		{Key: "botrelay-bot-id", Value: []byte("5b1c7f0e")},
		{Key: "botrelay-at", Value: []byte("2026-03-04T15:20:11.91Z")},
		{Key: "botrelay-received-at", Value: []byte("2026-03-04T15:20:12Z")},
		{Key: "botrelay-attempt", Value: []byte("3")},
		{Key: "botrelay-out-of-order", Value: []byte("true")},
		{Key: "botrelay-replay", Value: []byte("true")},
	}
	if diff := cmp.Diff(want, r.Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestPartitionIsThatOfJava writes the same keys with Kafka's own producer:
// whoever moves from another producer keeps each bot in its partition.
func TestPartitionIsThatOfJava(t *testing.T) {
	b := broker.Get(t)
	const partitions = 12
	ours, theirs := b.NewTopic(t, partitions), b.NewTopic(t, partitions)
	keys := []string{"5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31", "a", "ab", "abc", "abcd", "zürich", "日本語", "🤖", "with blank"}
	for i := range 60 {
		keys = append(keys, "bot-"+strconv.Itoa(i*i))
	}
	s := open(t, optionsFor(b, ours))
	var input strings.Builder
	for i, key := range keys {
		mustSend(t, s, event(key, i))
		fmt.Fprintf(&input, "%s\tx\n", key)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.Java(ctx, strings.NewReader(input.String()), "org.apache.kafka.tools.ConsoleProducer",
		"--bootstrap-server", b.Plain, "--topic", theirs, "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t"); err != nil {
		t.Fatal(err)
	}
	where := func(topic string) map[string]int {
		at := map[string]int{}
		for _, r := range b.Records(t, topic, partitions) {
			at[string(r.Key)] = r.Partition
		}
		return at
	}
	got, want := where(ours), where(theirs)
	if len(want) != len(keys) {
		t.Fatalf("Java wrote %d keys, want %d", len(want), len(keys))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("partition by key (-Java +ours):\n%s", diff)
	}
}

// TestOrderPerKey: 1,000 events of 300 bots at once; each bot's stay in order.
func TestOrderPerKey(t *testing.T) {
	b := broker.Get(t)
	const partitions, bots, events = 6, 300, 1000
	topic := b.NewTopic(t, partitions)
	s := open(t, optionsFor(b, topic))
	ds := make([]*relay.Delivery, events)
	for i := range ds {
		ds[i] = event("bot-"+strconv.Itoa(i%bots), i)
	}
	for i, err := range sendAll(t, s, ds, 256) {
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	last, count := map[string]int{}, 0
	for _, r := range b.Records(t, topic, partitions) {
		_, tail, _ := strings.Cut(string(r.Headers[0].Value), "msg_"+string(r.Key)+"_")
		n, err := strconv.Atoi(tail)
		if err != nil {
			t.Fatalf("id of a record: %q", r.Headers[0].Value)
		}
		if before, ok := last[string(r.Key)]; ok && before >= n {
			t.Errorf("bot %s: event %d stands behind %d", r.Key, n, before)
		}
		last[string(r.Key)] = n
		count++
	}
	if count != events || len(last) != bots {
		t.Errorf("got %d records of %d bots, want %d of %d", count, len(last), events, bots)
	}
}

func TestRouteNamesTopicAndKey(t *testing.T) {
	b := broker.Get(t)
	own, other := b.NewTopic(t, 1), b.NewTopic(t, 1)
	o := optionsFor(b, own)
	o.Routes = map[string]RouteOptions{"billing": {Topic: other, Key: "fixed"}}
	s := open(t, o)
	for _, route := range []string{"billing", "", "gone since"} {
		d := event("bot-1", 1)
		d.Route = route
		mustSend(t, s, d)
	}
	if got := b.Records(t, own, 1); len(got) != 2 || string(got[0].Key) != "bot-1" {
		t.Errorf("the sink's own topic has %d records, want 2 with the event's key", len(got))
	}
	if got := b.Records(t, other, 1); len(got) != 1 || string(got[0].Key) != "fixed" {
		t.Errorf("the route's topic has %d records, want 1 with the route's key", len(got))
	}
}
