package kafkasink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"botrelay/relay"
)

// wantText fails t unless err says so.
func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got %q, want something with %q", err, text)
	}
}

// TestTopicMissing: the sink pauses at once, and goes on by itself when
// somebody has created the topic.
func TestTopicMissing(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	missing := topic + "-missing"
	s := open(t, optionsFor(b, missing))
	_, err := s.Send(t.Context(), event("a", 1))
	wantKind(t, err, relay.Broken)
	wantText(t, err, "topic "+missing+" does not exist, or no right to see it (create it: botrelay makes none)")
	b.CreateTopic(t, missing, 1)
	defer b.DeleteTopic(t, missing)
	until(t, "writing to the new topic", func() bool {
		_, err := s.Send(t.Context(), event("a", 1))
		return err == nil
	})
}

// TestTopicOfARouteMissing: others go on.
func TestTopicOfARouteMissing(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	o := optionsFor(b, topic)
	o.Routes = map[string]RouteOptions{"typo": {Topic: topic + "-typo"}}
	s := open(t, o)
	d := event("a", 1)
	d.Route = "typo"
	_, err := s.Send(t.Context(), d)
	wantKind(t, err, relay.Doubtful)
	wantText(t, err, topic+"-typo")
	mustSend(t, s, event("a", 2))
}

func TestTopicDeletedUnderTheWriter(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	s := open(t, optionsFor(b, topic))
	mustSend(t, s, event("a", 1))
	b.DeleteTopic(t, topic)
	for range 20 { // the first by the broker, later ones by the layout
		_, err := s.Send(t.Context(), event("a", 2))
		if err == nil {
			continue // the broker is still at it
		}
		wantKind(t, err, relay.Broken, relay.Transient)
	}
	until(t, "the topic to be missed", func() bool {
		_, err := s.Send(t.Context(), event("a", 3))
		return relay.Classify(err).Kind == relay.Broken
	})
}

// TestSizeOnTheBroker: what we count as the size of a record is what a broker
// compares with max.message.bytes, to the byte.
func TestSizeOnTheBroker(t *testing.T) {
	b := broker.Get(t)
	d := event("a", 1)
	d.Event.Raw = []byte(strings.Repeat("x", 1500))
	p, err := (&Sink{maxRecord: defaultMaxRecord}).pending(t.Context(), d, target{})
	if err != nil {
		t.Fatal(err)
	}
	size := batchOverhead + p.size
	fits := open(t, optionsFor(b, b.NewTopic(t, 1, fmt.Sprintf("max.message.bytes=%d", size))))
	mustSend(t, fits, d)
	tight := open(t, optionsFor(b, b.NewTopic(t, 1, fmt.Sprintf("max.message.bytes=%d", size-1))))
	_, err = tight.Send(t.Context(), d)
	wantKind(t, err, relay.Refused)
	wantText(t, err, "takes no record of this size")
	if !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Errorf("got %v, want [10] in it", err)
	}
}

// TestOversizeBesideSmall: a broker refuses the batch, we refuse the record.
func TestOversizeBesideSmall(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1, "max.message.bytes=4000")
	s := open(t, optionsFor(b, topic))
	ds := make([]*relay.Delivery, 200)
	for i := range ds {
		ds[i] = event(fmt.Sprint("bot-", i), i)
		if i%50 == 7 {
			ds[i].Event.Raw = []byte(strings.Repeat("x", 5000))
		}
	}
	for i, err := range sendAll(t, s, ds, len(ds)) {
		if i%50 == 7 {
			wantKind(t, err, relay.Refused)
		} else if err != nil {
			t.Errorf("event %d was refused with its neighbours: %v", i, err)
		}
	}
	if got, want := len(b.Records(t, topic, 1)), 196; got != want {
		t.Errorf("got %d records, want %d", got, want)
	}
}

// TestDown: no connection is Unreachable, and the sink finds back by itself.
func TestDown(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	b.Kill()
	s := open(t, optionsFor(b, topic))
	_, err := s.Send(t.Context(), event("a", 1))
	wantKind(t, err, relay.Unreachable)
	wantText(t, err, b.Plain+": connect: connection refused")
	restart(t)
	until(t, "writing to the broker that came up", func() bool {
		_, err := s.Send(t.Context(), event("a", 1))
		return err == nil
	})
}

// restart starts the broker again after Kill.
func restart(t *testing.T) {
	t.Helper()
	broker.Get(t)
}

// TestKillUnderLoad: what was acknowledged is there, whatever else happens.
func TestKillUnderLoad(t *testing.T) {
	b := broker.Get(t)
	const partitions = 3
	topic := b.NewTopic(t, partitions)
	stop := load(t, open(t, optionsFor(b, topic)))
	until(t, "records to be there", func() bool { return len(b.Records(t, topic, partitions)) > 500 })
	b.Kill()
	restart(t)
	before := len(b.Records(t, topic, partitions))
	until(t, "writing to go on", func() bool { return len(b.Records(t, topic, partitions)) > before+500 })
	acknowledged, failed := stop()

	stored := map[string]bool{}
	for _, r := range b.Records(t, topic, partitions) {
		stored[string(r.Headers[0].Value)] = true
	}
	for _, id := range acknowledged {
		if !stored[id] {
			t.Errorf("%s was acknowledged and is not stored", id)
		}
	}
	if failed == 0 {
		t.Error("no Send failed: the broker was not killed under load")
	}
	t.Logf("%d acknowledged, %d failed, %d stored", len(acknowledged), failed, len(stored))
}

// load writes from 64 goroutines until stop is called, which returns the ids
// that were acknowledged and how many attempts failed.
func load(t *testing.T, s *Sink) (stop func() (acknowledged []string, failed int)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var group sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	failed := 0
	for w := range 64 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				d := event(fmt.Sprint("bot-", w), n)
				_, err := s.Send(ctx, d)
				mu.Lock()
				if err == nil {
					acknowledged = append(acknowledged, d.Event.ID)
				} else {
					failed++
				}
				mu.Unlock()
				if err != nil { // as the delivery loop does, only sooner
					select {
					case <-time.After(10 * time.Millisecond):
					case <-ctx.Done():
					}
				}
			}
		})
	}
	return func() ([]string, int) {
		cancel()
		group.Wait()
		return acknowledged, failed
	}
}

// TestFrozen: a broker that falls silent costs a Send its time and no more, and
// nothing has to be done when it goes on.
func TestFrozen(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	s := open(t, optionsFor(b, topic))
	mustSend(t, s, event("a", 0))
	b.Pause(t)
	for n := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		_, err := s.Send(ctx, event("a", n+1))
		cancel()
		wantKind(t, err, relay.Transient)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Send returned after %v, its context had 300ms", took)
		}
	}
	b.Resume()
	until(t, "writing to go on", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := s.Send(ctx, event("a", 9))
		return err == nil
	})
}

// TestFrozenAtStart: the first words of a broker have a deadline, too.
func TestFrozenAtStart(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	b.Pause(t)
	s := open(t, optionsFor(b, topic))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.Send(ctx, event("a", 0))
	wantKind(t, err, relay.Unreachable)
	b.Resume()
	until(t, "writing to the broker that woke up", func() bool {
		_, err := s.Send(t.Context(), event("a", 1))
		return err == nil
	})
}

// TestCloseRacesTheFirstSend: a Writer of kafka-go hangs there now and then
// (https://github.com/segmentio/kafka-go/issues/1307).
func TestCloseRacesTheFirstSend(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	for range 50 {
		s, err := New("lake", optionsFor(b, topic))
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan struct{})
		go func() {
			s.Send(t.Context(), event("a", 1))
			close(sent)
		}()
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("Close took %v", took)
		}
		select {
		case <-sent:
		case <-time.After(5 * time.Second):
			t.Fatal("Send goes on after Close")
		}
	}
}

// TestCloseWhileFrozen: no broker holds up the end of a relay.
func TestCloseWhileFrozen(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	s := open(t, optionsFor(b, topic))
	mustSend(t, s, event("a", 0))
	b.Pause(t)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), event("a", 1))
		sent <- err
	}()
	until(t, "the request to be in flight", func() bool {
		l := s.lane(place{topic, 0})
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.busy && len(l.queue) == 0
	})
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	wantKind(t, <-sent, relay.Transient)
}

// TestQuota: a broker that throttles gets its rest, and every record is there
// once.
func TestQuota(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 2)
	o := optionsFor(b, topic)
	o.ClientID = topic
	s := open(t, o)
	b.Throttle(t, o.ClientID, 2000)
	delivered, throttled := 0, 0
	began := time.Now()
	for n := 0; throttled == 0; n++ {
		_, err := s.Send(t.Context(), event(fmt.Sprint("bot-", n), n))
		if err == nil {
			delivered++
			continue
		}
		wantKind(t, err, relay.Throttled)
		if after := relay.Classify(err).After; after < shortThrottle/2 {
			t.Errorf("After: got %v, want what the broker asked for", after)
		}
		throttled++
		if time.Since(began) > time.Minute {
			t.Fatal("the broker does not throttle")
		}
	}
	if got := len(b.Records(t, topic, 2)); got != delivered {
		t.Errorf("got %d records, %d were acknowledged", got, delivered)
	}
	until(t, "writing after the rest", func() bool {
		_, err := s.Send(t.Context(), event("later", 1))
		return err == nil
	})
}
