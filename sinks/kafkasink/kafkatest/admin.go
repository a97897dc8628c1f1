package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// settleTimeout bounds the wait until the broker has taken up a change, and
// every look at it.
const settleTimeout = 30 * time.Second

// Record is a record as it is stored.
type Record struct {
	Partition  int
	Offset     int64
	Time       time.Time
	Key, Value []byte // nil is null
	Headers    []kafka.Header
}

// NewTopic creates a topic with a fresh name and the given settings
// (name=value), and returns its name when every partition takes writes. It is
// deleted at the end of t.
func (b *Broker) NewTopic(t testing.TB, partitions int, settings ...string) string {
	t.Helper()
	var id [6]byte
	rand.Read(id[:])
	name := "t-" + hex.EncodeToString(id[:])
	b.CreateTopic(t, name, partitions, settings...)
	t.Cleanup(func() {
		if b.running() {
			b.DeleteTopic(t, name)
		}
	})
	return name
}

// CreateTopic is NewTopic for a topic of that name, which stays.
func (b *Broker) CreateTopic(t testing.TB, name string, partitions int, settings ...string) {
	t.Helper()
	topic := kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	res, err := b.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	if err == nil {
		err = res.Errors[name]
	}
	if err != nil {
		t.Fatalf("creating topic %s: %v", name, err)
	}
	// A topic takes no writes yet when it has been created.
	if _, err := retry(ctx, func() (int, error) { return 0, errors.Join(b.ends(ctx, name, make([]int64, partitions))) }); err != nil {
		t.Fatalf("waiting for topic %s: %v", name, err)
	}
}

// DeleteTopic deletes a topic; one that is gone is left alone.
func (b *Broker) DeleteTopic(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	res, err := b.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{name}})
	if err == nil {
		err = res.Errors[name]
	}
	if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("deleting topic %s: %v", name, err)
	}
}

// ends fills in the offset behind the last record of each partition.
func (b *Broker) ends(ctx context.Context, topic string, ends []int64) error {
	request := make([]kafka.OffsetRequest, len(ends))
	for i := range request {
		request[i] = kafka.LastOffsetOf(i)
	}
	res, err := b.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: request}})
	if err != nil {
		return err
	}
	if n := len(res.Topics[topic]); n != len(ends) {
		return fmt.Errorf("%d of %d partitions answered", n, len(ends))
	}
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return p.Error
		}
		ends[p.Partition] = p.LastOffset
	}
	return nil
}

// Records returns all records of a topic, partition by partition.
func (b *Broker) Records(t testing.TB, topic string, partitions int) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	ends := make([]int64, partitions)
	if _, err := retry(ctx, func() (int, error) { return 0, b.ends(ctx, topic, ends) }); err != nil {
		t.Fatalf("looking for the ends of %s: %v", topic, err)
	}
	var all []Record
	for partition, end := range ends {
		for offset := int64(0); offset < end; {
			got, err := b.fetch(ctx, topic, partition, offset)
			if err != nil {
				t.Fatalf("reading %s/%d@%d: %v", topic, partition, offset, err)
			}
			if len(got) == 0 {
				t.Fatalf("reading %s/%d@%d: nothing there, the end is %d", topic, partition, offset, end)
			}
			all = append(all, got...)
			offset = got[len(got)-1].Offset + 1
		}
	}
	return all
}

// fetch reads records from offset on. Client.Fetch keeps null and empty apart,
// which the Reader of kafka-go does not.
func (b *Broker) fetch(ctx context.Context, topic string, partition int, offset int64) ([]Record, error) {
	res, err := b.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: topic, Partition: partition, Offset: offset, MinBytes: 1, MaxBytes: 8 << 20, MaxWait: time.Second,
	})
	if err != nil {
		return nil, err
	}
	if res.Error != nil {
		return nil, res.Error
	}
	var got []Record
	for {
		r, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return nil, err
		}
		record := Record{Partition: partition, Offset: r.Offset, Time: r.Time}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kafka.Header{Key: h.Key, Value: append([]byte(nil), h.Value...)})
		}
		if record.Key, err = kafka.ReadAll(r.Key); err != nil {
			return nil, err
		}
		if record.Value, err = kafka.ReadAll(r.Value); err != nil {
			return nil, err
		}
		if r.Offset >= offset { // a batch comes whole, from its first record on
			got = append(got, record)
		}
	}
}

// Deny takes a right on a topic from a principal, all others may do everything,
// until t ends. The broker takes it up some milliseconds later.
func (b *Broker) Deny(t testing.TB, principal, topic string, right kafka.ACLOperationType) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	entry := func(user string, op kafka.ACLOperationType, kind kafka.ACLPermissionType) kafka.ACLEntry {
		return kafka.ACLEntry{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ResourcePatternType: kafka.PatternTypeLiteral,
			Principal: user, Host: "*", Operation: op, PermissionType: kind,
		}
	}
	res, err := b.client.CreateACLs(ctx, &kafka.CreateACLsRequest{ACLs: []kafka.ACLEntry{
		entry("User:*", kafka.ACLOperationTypeAll, kafka.ACLPermissionTypeAllow),
		entry(principal, right, kafka.ACLPermissionTypeDeny),
	}})
	if err == nil {
		err = errors.Join(res.Errors...)
	}
	if err != nil {
		t.Fatalf("setting the ACLs of %s: %v", topic, err)
	}
	t.Cleanup(func() { b.allow(t, topic) })
}

// allow removes the ACLs of a topic.
func (b *Broker) allow(t testing.TB, topic string) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	_, err := b.client.DeleteACLs(ctx, &kafka.DeleteACLsRequest{Filters: []kafka.DeleteACLsFilter{{
		ResourceTypeFilter: kafka.ResourceTypeTopic, ResourceNameFilter: topic, ResourcePatternTypeFilter: kafka.PatternTypeLiteral,
		Operation: kafka.ACLOperationTypeAny, PermissionType: kafka.ACLPermissionTypeAny,
	}}})
	if err != nil {
		t.Errorf("removing the ACLs of %s: %v", topic, err)
	}
}

// Throttle lets clients of that id write no more than so many bytes a second,
// until t ends. The broker takes it up some milliseconds later.
func (b *Broker) Throttle(t testing.TB, clientID string, bytesPerSecond float64) {
	t.Helper()
	alter := func(op kafka.AlterClientQuotaOps) error {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		res, err := b.client.AlterClientQuotas(ctx, &kafka.AlterClientQuotasRequest{Entries: []kafka.AlterClientQuotaEntry{{
			Entities: []kafka.AlterClientQuotaEntity{{EntityType: "client-id", EntityName: clientID}},
			Ops:      []kafka.AlterClientQuotaOps{op},
		}}})
		if err == nil {
			err = res.Entries[0].Error
		}
		return err
	}
	const quota = "producer_byte_rate"
	if err := alter(kafka.AlterClientQuotaOps{Key: quota, Value: bytesPerSecond}); err != nil {
		t.Fatalf("setting a quota for %s: %v", clientID, err)
	}
	t.Cleanup(func() {
		if err := alter(kafka.AlterClientQuotaOps{Key: quota, Remove: true}); err != nil {
			t.Errorf("removing the quota for %s: %v", clientID, err)
		}
	})
}

// retry calls f until it has no error or ctx ends, and returns the last error.
func retry[T any](ctx context.Context, f func() (T, error)) (T, error) {
	const pause = 20 * time.Millisecond
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		v, err := f()
		if err == nil || ctx.Err() != nil {
			return v, err
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return v, err
		}
	}
}
