package kafkasink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/produce"

	"botrelay/relay"
	"botrelay/relay/config"
)

// defaultMaxRecord is the 1MiB of the default.
const defaultMaxRecord = 1 << 20

// script stands in for a cluster: every topic has one partition, unless it says
// otherwise, and answer says what becomes of a produce request with these keys.
type script struct {
	partitions int
	answer     func(ctx context.Context, keys []string) (code kafka.Error, throttle time.Duration, err error)

	mu       sync.Mutex
	requests [][]string // the keys of each request, in order
	sizes    []int64
	acks     []int16
	timeouts []int32
	next     int64
}

func (s *script) RoundTrip(ctx context.Context, _ net.Addr, req kafka.Request) (kafka.Response, error) {
	if m, ok := req.(*metadata.Request); ok {
		return &metadata.Response{Topics: []metadata.ResponseTopic{{
			Name: m.TopicNames[0], Partitions: make([]metadata.ResponsePartition, max(s.partitions, 1)),
		}}}, nil
	}
	p := req.(*produce.Request)
	set := p.Topics[0].Partitions[0].RecordSet
	set.Version = 2
	var keys []string
	for rest := *set.Records.(*reader); ; {
		r, err := rest.ReadRecord()
		if err == io.EOF {
			break
		}
		key, _ := kafka.ReadAll(r.Key)
		keys = append(keys, string(key))
	}
	size, err := set.WriteTo(io.Discard)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.requests = append(s.requests, keys)
	s.sizes = append(s.sizes, size-4) // without the length in front
	s.acks, s.timeouts = append(s.acks, p.Acks), append(s.timeouts, p.Timeout)
	s.mu.Unlock()
	code, throttle, err := s.answer(ctx, keys)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.next
	if code == 0 {
		s.next += int64(len(keys))
	}
	return &produce.Response{
		ThrottleTimeMs: int32(throttle.Milliseconds()),
		Topics:         []produce.ResponseTopic{{Partitions: []produce.ResponsePartition{{ErrorCode: int16(code), BaseOffset: base}}}},
	}, nil
}

// scripted returns a sink before a cluster that answers as told.
func scripted(t *testing.T, maxRecord int, answer func(ctx context.Context, keys []string) (kafka.Error, time.Duration, error)) (*Sink, *script) {
	t.Helper()
	o := DefaultOptions()
	o.Brokers, o.Topic, o.MaxRecord = []string{"unused:9092"}, "ev", config.Size(maxRecord)
	s := open(t, o)
	cluster := &script{answer: answer}
	s.client.Transport = cluster
	return s, cluster
}

func accept(context.Context, []string) (kafka.Error, time.Duration, error) { return 0, 0, nil }

// gather sends one event that stays in flight until release is closed, and
// keys behind it, which then share the next request.
func gather(t *testing.T, s *Sink, keys ...string) (notes map[string]string, errs map[string]error) {
	notes, errs = map[string]string{}, map[string]error{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, key := range append([]string{"first"}, keys...) {
		group.Go(func() {
			note, err := s.Send(t.Context(), event(key, 0))
			mu.Lock()
			defer mu.Unlock()
			notes[key], errs[key] = note, err
		})
		synctest.Wait()
	}
	group.Wait()
	return notes, errs
}

// slowFirst answers as answer does; the first request takes a second.
func slowFirst(answer func(context.Context, []string) (kafka.Error, time.Duration, error)) func(context.Context, []string) (kafka.Error, time.Duration, error) {
	return func(ctx context.Context, keys []string) (kafka.Error, time.Duration, error) {
		if keys[0] == "first" {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return 0, 0, fmt.Errorf("kafka: %w", ctx.Err())
			}
		}
		return answer(ctx, keys)
	}
}

func TestWhatGathersTravelsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cluster := scripted(t, defaultMaxRecord, slowFirst(accept))
		notes, _ := gather(t, s, "a", "b", "c")
		if diff := cmp.Diff([][]string{{"first"}, {"a", "b", "c"}}, cluster.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		want := map[string]string{"first": "ev/0@0", "a": "ev/0@1", "b": "ev/0@2", "c": "ev/0@3"}
		if diff := cmp.Diff(want, notes); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
		for _, acks := range cluster.acks {
			if acks != int16(kafka.RequireAll) {
				t.Errorf("acks: got %d, want %d: all replicas", acks, kafka.RequireAll)
			}
		}
	})
}

// TestNeighbourIsNotRefused: a broker refuses a whole batch for one record.
func TestNeighbourIsNotRefused(t *testing.T) {
	for _, code := range []kafka.Error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord, kafka.PolicyViolation} {
		t.Run(code.Title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, cluster := scripted(t, defaultMaxRecord, slowFirst(func(_ context.Context, keys []string) (kafka.Error, time.Duration, error) {
					if strings.Contains(strings.Join(keys, " "), "bad") {
						return code, 0, nil
					}
					return 0, 0, nil
				}))
				_, errs := gather(t, s, "a", "b", "bad", "c", "d")
				wantKind(t, errs["bad"], relay.Refused)
				if !errors.Is(errs["bad"], code) {
					t.Errorf("the code of the broker is not in %v", errs["bad"])
				}
				delete(errs, "bad")
				for key, err := range errs {
					if err != nil {
						t.Errorf("%s was refused with its neighbour: %v", key, err)
					}
				}
				want := [][]string{{"first"}, {"a", "b", "bad", "c", "d"}, {"a", "b"}, {"bad", "c", "d"}, {"bad"}, {"c", "d"}}
				if diff := cmp.Diff(want, cluster.requests); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestTransientIsNotSplit: the delivery loop tries again, not the lane.
func TestTransientIsNotSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cluster := scripted(t, defaultMaxRecord, slowFirst(func(_ context.Context, keys []string) (kafka.Error, time.Duration, error) {
			return kafka.NotLeaderForPartition, 0, nil
		}))
		_, errs := gather(t, s, "a", "b")
		for _, err := range errs {
			wantKind(t, err, relay.Transient)
		}
		if len(cluster.requests) != 2 {
			t.Errorf("got %d requests, want 2: %v", len(cluster.requests), cluster.requests)
		}
	})
}

func TestBatchStaysWithinMaxRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1000 // three and a half of these events
		s, cluster := scripted(t, limit, slowFirst(accept))
		_, errs := gather(t, s, "a", "b", "c", "d", "e", "f", "g")
		for key, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		for i, size := range cluster.sizes {
			if size > limit {
				t.Errorf("request %d has %d bytes, max_record is %d", i, size, limit)
			}
		}
		if n := len(cluster.requests); n < 3 || n > 5 {
			t.Errorf("got %d requests, want a few: %v", n, cluster.requests)
		}
	})
}

// TestGivenUpInTheQueueIsNeverSent: only what is in flight may still arrive.
func TestGivenUpInTheQueueIsNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cluster := scripted(t, defaultMaxRecord, slowFirst(accept))
		var group sync.WaitGroup
		group.Go(func() { mustSend(t, s, event("first", 0)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		group.Go(func() {
			_, err := s.Send(ctx, event("late", 0))
			wantKind(t, err, relay.Transient)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want that of the context", err)
			}
		})
		synctest.Wait()
		group.Go(func() { mustSend(t, s, event("patient", 0)) })
		group.Wait()
		if diff := cmp.Diff([][]string{{"first"}, {"patient"}}, cluster.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestRequestLivesAsLongAsItsMostPatientSend: one that gives up early takes
// nobody's answer away, and one that nobody waits for ends.
func TestRequestLivesAsLongAsItsMostPatientSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := make(chan struct{})
		s, cluster := scripted(t, defaultMaxRecord, func(ctx context.Context, keys []string) (kafka.Error, time.Duration, error) {
			if keys[0] == "first" {
				time.Sleep(time.Second)
				return 0, 0, nil
			}
			<-ctx.Done()
			close(answered)
			return 0, 0, fmt.Errorf("kafka: %w", ctx.Err())
		})
		began := time.Now()
		var group sync.WaitGroup
		send := func(key string, timeout time.Duration) {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				s.Send(ctx, event(key, 0))
				if took := time.Since(began); took > timeout {
					t.Errorf("%s returned after %v, its context had %v", key, took, timeout)
				}
			})
			synctest.Wait()
		}
		send("first", 10*time.Second)
		send("hasty", 2*time.Second)
		send("patient", 9*time.Second)
		group.Wait()
		<-answered
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("the request ended after %v, want 9s", took)
		}
		// The brokers get half of what is left.
		if diff := cmp.Diff([]int32{5000, 4000}, cluster.timeouts); diff != "" {
			t.Errorf("timeouts (-want +got):\n%s", diff)
		}
	})
}

// TestThrottleGoesBackToTheLoop: the broker reads nothing meanwhile (KIP-219),
// so that a request would time out and be repeated.
func TestThrottleGoesBackToTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cluster := scripted(t, defaultMaxRecord, slowFirst(func(_ context.Context, keys []string) (kafka.Error, time.Duration, error) {
			if keys[0] == "first" {
				return 0, 10 * time.Second, nil
			}
			return 0, 0, nil
		}))
		_, errs := gather(t, s, "queued")
		if errs["first"] != nil {
			t.Errorf("what was written: %v", errs["first"])
		}
		wantKind(t, errs["queued"], relay.Throttled)
		_, err := s.Send(t.Context(), event("next", 0))
		wantKind(t, err, relay.Throttled)
		if after := relay.Classify(err).After; after != 10*time.Second {
			t.Errorf("After: got %v, want 10s", after)
		}
		time.Sleep(10 * time.Second)
		mustSend(t, s, event("later", 0))
		if diff := cmp.Diff([][]string{{"first"}, {"later"}}, cluster.requests); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestShortThrottleIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := scripted(t, defaultMaxRecord, func(context.Context, []string) (kafka.Error, time.Duration, error) {
			return 0, 300 * time.Millisecond, nil
		})
		began := time.Now()
		mustSend(t, s, event("a", 0))
		mustSend(t, s, event("a", 1))
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("two events took %v, want 300ms", took)
		}
	})
}

func TestCloseEndsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := scripted(t, defaultMaxRecord, func(ctx context.Context, _ []string) (kafka.Error, time.Duration, error) {
			<-ctx.Done()
			return 0, 0, fmt.Errorf("kafka: %w", ctx.Err())
		})
		var group sync.WaitGroup
		for _, key := range []string{"flying", "queued"} {
			group.Go(func() {
				_, err := s.Send(t.Context(), event(key, 0))
				wantKind(t, err, relay.Transient)
				if !errors.Is(err, context.Canceled) && !errors.Is(err, errClosed) {
					t.Errorf("%s: got %v, want that the sink is closed", key, err)
				}
			})
			synctest.Wait()
		}
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		group.Wait()
		_, err := s.Send(t.Context(), event("after", 0))
		if !errors.Is(err, errClosed) {
			t.Errorf("Send after Close: got %v, want %v", err, errClosed)
		}
	})
}
