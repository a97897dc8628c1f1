package kafkasink

import (
	"net"
	"testing"

	"github.com/segmentio/kafka-go"

	"botrelay/relay"
	"botrelay/sinks/internal/sinktest"
	"botrelay/sinks/kafkasink/kafkatest"
)

// TestContract holds the sink to what every sink promises, before a real
// broker. It has no secret yet, so none could show.
func TestContract(t *testing.T) {
	b := broker.Get(t)
	const partitions = 3
	sinktest.Run(t, sinktest.Harness{New: func(t *testing.T, behaviour sinktest.Behaviour) sinktest.Subject {
		var settings []string
		if behaviour == sinktest.Refuse {
			settings = []string{"max.message.bytes=100"}
		}
		topic := b.NewTopic(t, partitions, settings...)
		records := func() []kafkatest.Record { return b.Records(t, topic, partitions) }
		return sinktest.Subject{
			Sink:         subject(t, b, behaviour, topic),
			Acknowledged: func() int { return len(records()) },
			Bodies: func() [][]byte {
				var bodies [][]byte
				for _, r := range records() {
					bodies = append(bodies, r.Value)
				}
				return bodies
			},
		}
	}})
}

// subject returns a sink whose broker behaves so towards it.
func subject(t *testing.T, b *kafkatest.Broker, behaviour sinktest.Behaviour, topic string) relay.Sink {
	t.Helper()
	o := optionsFor(b, topic)
	switch behaviour {
	case sinktest.Throttle:
		o.ClientID = topic
		b.Throttle(t, o.ClientID, 100)
		s := open(t, o)
		until(t, "the broker to throttle", func() bool {
			_, err := s.Send(t.Context(), event("greedy", 1))
			return err != nil
		})
		return s
	case sinktest.Deny:
		b.Deny(t, kafkatest.Principal, topic, kafka.ACLOperationTypeWrite)
		s := secureSink(t, b.MTLS, topic, mutual(b))
		until(t, "the broker to deny", func() bool {
			_, err := s.Send(t.Context(), event("early", 1))
			return err != nil
		})
		return s
	case sinktest.Down:
		o.Brokers = []string{"127.0.0.1:1"}
	case sinktest.Hang:
		s := open(t, o)
		mustSend(t, s, event("before", 1))
		b.Pause(t)
		return s
	case sinktest.CloseEarly:
		o.Brokers = []string{hangUp(t)}
	}
	return open(t, o)
}

// hangUp is the address of a listener that reads a little of each connection
// and closes it.
func hangUp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 8)) // whatever it says
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}
