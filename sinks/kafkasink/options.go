package kafkasink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"botrelay/relay/config"
)

// Options are the keys of a kafka sink.
type Options struct {
	config.SinkCommon
	Brokers   []string    `key:"brokers,required" placeholder:"kafka:9092"` // host:port; one that answers is enough, it names the others
	Topic     string      `key:"topic,required" placeholder:"topic"`        // where deliveries go unless their route says otherwise
	Key       string      `key:"key"`                                       // of every record; empty: the key of the event
	ClientID  string      `key:"client_id"`                                 // what the brokers' logs and quotas call this client
	MaxRecord config.Size `key:"max_record" min:"1KiB"`                     // a larger record is refused before it is sent; the brokers' message.max.bytes
	TLS       *TLS        `key:"tls"`                                       // nil: no TLS

	Secure *tls.Config             // what TLS names, read. A ServerName holds for all brokers; without one, each has its own name
	Routes map[string]RouteOptions // what routes say over this, by their names
}

// TLS names PEM files. None is needed: then the authorities of the system
// count, and brokers must not ask for a certificate.
type TLS struct {
	CA         string `key:"ca"`          // the authorities that sign the brokers' certificates
	Cert       string `key:"cert"`        // shown to the brokers
	Key        string `key:"key"`         // of Cert
	ServerName string `key:"server_name"` // expected in every broker's certificate
}

// RouteOptions are what a route says over the Options of the sink.
type RouteOptions struct {
	Topic string `key:"topic" placeholder:"topic"` // empty: the sink's
	Key   string `key:"key"`                       // empty: the sink's
}

// DefaultOptions are what holds where the file says nothing.
func DefaultOptions() Options {
	o := Options{SinkCommon: config.DefaultSinkCommon(), ClientID: "botrelay", MaxRecord: 1 << 20}
	o.Concurrency = 256
	return o
}

// Configure reads the block of a sink and what routes say over it. Faults are
// recorded in the blocks; with one, the Options are not for use.
func Configure(b *config.Block, routes map[string]*config.Block) Options {
	o := DefaultOptions()
	b.Decode(&o)
	for i, address := range o.Brokers {
		if why := brokerTrouble(address); why != "" {
			b.Errorf(fmt.Sprintf("brokers[%d]", i), "%s", why)
		}
	}
	checkPlaces(b, o.Topic, o.Key)
	if o.MaxRecord > largestRecord {
		b.Errorf("max_record", "no broker takes a record over 1GiB")
	}
	if o.TLS != nil {
		o.Secure = o.TLS.read(b)
	}
	o.Routes = make(map[string]RouteOptions, len(routes))
	for name, block := range routes {
		var r RouteOptions
		block.Decode(&r)
		checkPlaces(block, r.Topic, r.Key)
		o.Routes[name] = r
	}
	return o
}

// checkPlaces records what is wrong with a topic and a key. An empty one is
// absent.
func checkPlaces(b *config.Block, topic, key string) {
	if config.HasTemplate(topic) {
		b.Errorf("topic", "templates are not supported yet (write the name of one topic)")
	} else if topic != "" {
		if why := topicTrouble(topic); why != "" {
			b.Errorf("topic", "%s", why)
		}
	} else if b.Has("topic") {
		b.Errorf("topic", "topic is empty")
	}
	if config.HasTemplate(key) {
		b.Errorf("key", "templates are not supported yet (leave key out: then it is the bot id)")
	}
}

// read reads the files of t.
func (t *TLS) read(b *config.Block) *tls.Config {
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		if pem, ok := b.ReadFile("tls.ca", t.CA); ok {
			secure.RootCAs = x509.NewCertPool()
			if !secure.RootCAs.AppendCertsFromPEM(pem) {
				b.Errorf("tls.ca", "there is no certificate in %s (it must be PEM)", t.CA)
			}
		}
	}
	switch {
	case t.Cert == "" && t.Key == "":
		return secure
	case t.Key == "":
		b.Errorf("tls.cert", "cert needs key beside it")
		return secure
	case t.Cert == "":
		b.Errorf("tls.key", "key needs cert beside it")
		return secure
	}
	cert, certRead := b.ReadFile("tls.cert", t.Cert)
	key, keyRead := b.ReadFile("tls.key", t.Key)
	if !certRead || !keyRead {
		return secure
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		b.Errorf("tls.cert", "cert and key cannot be used together: %s", strings.TrimPrefix(err.Error(), "tls: "))
		return secure
	}
	secure.Certificates = []tls.Certificate{pair}
	return secure
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
	if o.MaxRecord <= batchOverhead || o.MaxRecord > largestRecord {
		return fmt.Errorf("max_record is %d bytes, which no record fits in or no broker takes", o.MaxRecord)
	}
	if o.TLS != nil && o.Secure == nil {
		return errors.New("the files of tls have not been read")
	}
	return nil
}

// largestRecord is below what the lengths of the protocol can hold.
const largestRecord = config.Size(1 << 30)

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
