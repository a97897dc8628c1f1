package kafkasink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"botrelay/relay"
)

const (
	// metadataTTL bounds how long a moved leader or a new topic stays unknown.
	metadataTTL = 2 * time.Second
	// connectTimeout bounds dialling a broker, TLS and first words included.
	connectTimeout = 5 * time.Second
	// closeTimeout bounds Close.
	closeTimeout = 5 * time.Second
)

var errClosed = errors.New("the sink is closed")

// Sink writes deliveries to Kafka. Send may be called concurrently, and many at
// once are faster than one after another: they share requests. Close it after
// the last Send.
type Sink struct {
	name      string
	own       target
	routes    map[string]target
	maxRecord int

	client    *kafka.Client
	transport *kafka.Transport
	dialer    *dialer
	balancer  kafka.Murmur2Balancer
	brake     brake

	ctx    context.Context // of the requests: they outlive a Send, not the Sink
	cancel context.CancelFunc
	flying sync.WaitGroup // one for each Send and each busy lane

	mu     sync.Mutex
	closed bool
	lanes  map[place]*lane
}

// target is where a delivery goes.
type target struct {
	topic string
	key   string // empty: the key of the event
	own   bool   // the topic is the sink's own, not one that a route alone names
}

// place is a partition.
type place struct {
	topic     string
	partition int
}

var (
	_ relay.Sink = (*Sink)(nil)
	_ io.Closer  = (*Sink)(nil)
)

// New returns a Sink that connects when it is first used. name is that of the
// sink in the configuration. It fails if o is incomplete.
func New(name string, o Options) (*Sink, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("kafka sink %q: %w", name, err)
	}
	s := &Sink{
		name:      name,
		own:       target{topic: o.Topic, key: o.Key, own: true},
		routes:    make(map[string]target, len(o.Routes)),
		maxRecord: int(o.MaxRecord),
		dialer:    newDialer(o.Secure, o.Brokers...),
		lanes:     make(map[place]*lane),
	}
	for name, r := range o.Routes {
		s.routes[name] = s.own.with(r)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.transport = &kafka.Transport{
		Dial:           s.dialer.dial,
		DialTimeout:    connectTimeout,
		ClientID:       o.ClientID,
		MetadataTTL:    metadataTTL,
		MetadataTopics: s.topics(),
	}
	// Half of Timeout or of the deadline, whichever ends first, is the time
	// that the broker gives its replicas. Every request has a deadline.
	s.client = &kafka.Client{Addr: kafka.TCP(o.Brokers...), Transport: s.transport, Timeout: time.Hour}
	return s, nil
}

// with is t under the options of a route.
func (t target) with(r RouteOptions) target {
	if r.Topic != "" {
		t.own = r.Topic == t.topic
		t.topic = r.Topic
	}
	if r.Key != "" {
		t.key = r.Key
	}
	return t
}

// topics are those that any delivery may go to. To ask for these alone keeps
// the answers small on a large cluster, and lets a broker say "not allowed"
// where a list of all topics just leaves one out.
func (s *Sink) topics() []string {
	names := []string{s.own.topic}
	seen := map[string]bool{s.own.topic: true}
	for _, t := range s.routes {
		if !seen[t.topic] {
			seen[t.topic] = true
			names = append(names, t.topic)
		}
	}
	return names
}

// Send writes d and returns once all replicas that are in sync have it. The
// note is topic/partition@offset. See [relay.Sink] for its errors; the outcome
// of one that ctx ended is unknown unless it says so.
func (s *Sink) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	to, ok := s.routes[d.Route]
	if !ok {
		to = s.own
	}
	if !s.enter() {
		return "", sendFault(to, errClosed)
	}
	defer s.flying.Done()
	p, err := s.pending(ctx, d, to)
	if err != nil {
		return "", err
	}
	partition, err := s.partition(ctx, to.topic, p.record.key)
	if s.ctx.Err() != nil {
		return "", sendFault(to, errClosed)
	}
	if err != nil {
		return "", lookupFault(to, err, s.dialer.tls != nil)
	}
	if err := s.lane(place{to.topic, partition}).put(p); err != nil {
		return "", sendFault(to, err)
	}
	select {
	case o := <-p.done:
		if o.err != nil {
			return "", sendFault(to, o.err)
		}
		return fmt.Sprintf("%s/%d@%d", to.topic, partition, o.offset), nil
	case <-ctx.Done():
		return "", fmt.Errorf("no answer from Kafka, the record may be there or come yet: %w", ctx.Err())
	}
}

// pending is the record of d, refused if no broker could take it.
func (s *Sink) pending(ctx context.Context, d *relay.Delivery, to target) (*pending, error) {
	if len(d.Event.Raw) == 0 {
		// On a compacted topic a record without a value deletes its key.
		return nil, refused(errors.New("the event has no body"))
	}
	key := to.key
	if key == "" {
		key = d.Event.Fields.Key
	}
	if key == "" {
		return nil, refused(errors.New("the event has no key"))
	}
	p := &pending{
		record: record{key: []byte(key), value: d.Event.Raw, headers: recordHeaders(d)},
		ctx:    ctx,
		done:   make(chan outcome, 1),
	}
	p.size = p.record.size()
	if n := batchOverhead + p.size; n > s.maxRecord {
		return nil, refused(fmt.Errorf("the record has %d bytes, max_record is %d (raise it together with the broker's message.max.bytes)", n, s.maxRecord))
	}
	return p, nil
}

// partition chooses a partition of topic as a Java producer would. It asks no
// broker: the transport keeps the layout of the cluster up to date.
func (s *Sink) partition(ctx context.Context, topic string, key []byte) (int, error) {
	res, err := s.client.Transport.RoundTrip(ctx, s.client.Addr, &metadata.Request{TopicNames: []string{topic}})
	if err != nil {
		return 0, err
	}
	for _, t := range res.(*metadata.Response).Topics {
		if t.Name != topic {
			continue
		}
		if t.ErrorCode != 0 {
			return 0, kafka.Error(t.ErrorCode)
		}
		if len(t.Partitions) == 0 {
			return 0, kafka.LeaderNotAvailable
		}
		return s.balancer.Balance(kafka.Message{Key: key}, upTo(len(t.Partitions))...), nil
	}
	return 0, kafka.UnknownTopicOrPartition
}

func (s *Sink) lane(at place) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[at]
	if l == nil {
		l = &lane{sink: s, topic: at.topic, partition: at.partition}
		s.lanes[at] = l
	}
	return l
}

// enter adds one to what Close waits for, unless the Sink is closed.
func (s *Sink) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.flying.Add(1)
	return true
}

// Close cuts all connections and waits, at most five seconds, until nothing of
// the Sink runs. A Send that is still on its way fails.
func (s *Sink) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	gone := s.dialer.close()

	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	landed := make(chan struct{})
	go func() {
		s.flying.Wait()
		close(landed)
	}()
	err := s.await(ctx, landed)
	// Not before: a Send on its way would make the transport anew.
	s.transport.CloseIdleConnections()
	if err != nil {
		return err
	}
	return s.await(ctx, gone)
}

// await waits for one part of Close.
func (s *Sink) await(ctx context.Context, ended <-chan struct{}) error {
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("kafka sink %q: still in use %s after closing", s.name, closeTimeout)
	}
}

// upTo are the numbers from 0 up to n, exclusive.
func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}
