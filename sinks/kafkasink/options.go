package kafkasink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// The defaults of a kafka sink.
const (
	DefaultClientID    = "botrelay"
	DefaultMaxRecord   = 1 << 20
	DefaultConcurrency = 256
)

// Options are the settings of a Sink.
type Options struct {
	Brokers   []string    // host:port; one that answers is enough, it names the others
	Topic     string      // where deliveries go unless their route says otherwise
	Key       string      // of every record; empty: the key of the event
	TLS       *tls.Config // nil: no TLS. A ServerName holds for all brokers; without one, each has its own name
	ClientID  string      // what the brokers' logs and quotas call this client
	MaxRecord int         // bytes; a larger record is refused before it is sent; the brokers' message.max.bytes
	Routes    map[string]RouteOptions
}

// RouteOptions are what a route says over the Options of the sink.
type RouteOptions struct {
	Topic string // empty: the sink's
	Key   string // empty: the sink's
}

// validate finds what New cannot work with.
func (o *Options) validate() error {
	if len(o.Brokers) == 0 {
		return errors.New("no brokers")
	}
	for _, b := range o.Brokers {
		if why := brokerTrouble(b); why != "" {
			return errors.New(why)
		}
	}
	if why := topicTrouble(o.Topic); why != "" {
		return errors.New(why)
	}
	for name, r := range o.Routes {
		if r.Topic == "" {
			continue
		}
		if why := topicTrouble(r.Topic); why != "" {
			return fmt.Errorf("route %q: %s", name, why)
		}
	}
	if o.MaxRecord <= batchOverhead {
		return fmt.Errorf("max_record %d has no room for a record", o.MaxRecord)
	}
	return nil
}

// brokerTrouble says what is wrong with the address of a broker.
func brokerTrouble(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		if address != "" && !strings.ContainsAny(address, ":/, ") {
			return fmt.Sprintf("%q is not host:port (write %s:9092)", address, address)
		}
		return fmt.Sprintf("%q is not host:port (write kafka-1.example.com:9092)", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Sprintf("%q has no port between 1 and 65535", address)
	}
	if strings.ContainsAny(host, "/, ") {
		return fmt.Sprintf("%q is not host:port (write kafka-1.example.com:9092)", address)
	}
	return ""
}

// maxTopic is the longest name of a topic.
// https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/internals/Topic.java
const maxTopic = 249

// topicTrouble says why no broker has a topic of that name.
func topicTrouble(topic string) string {
	switch {
	case topic == "":
		return "topic is empty"
	case topic == "." || topic == "..":
		return fmt.Sprintf("%q is not the name of a topic", topic)
	case len(topic) > maxTopic:
		return fmt.Sprintf("the name of a topic has at most %d characters, this one has %d", maxTopic, len(topic))
	}
	for _, r := range topic {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return fmt.Sprintf("%q is not the name of a topic: a-z A-Z 0-9 . _ -", topic)
		}
	}
	return ""
}
