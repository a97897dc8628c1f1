package kafkasink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/segmentio/kafka-go"

	"botrelay/relay"
	"botrelay/sinks/kafkasink/kafkatest"
)

// secureSink is a sink as the file would make it, with these lines for tls.
func secureSink(t *testing.T, address, topic, tls string) *Sink {
	t.Helper()
	o, faults := configure(t, fmt.Sprintf("brokers: %q\ntopic: %s\n%s", address, topic, tls), "{}")
	if faults != nil {
		t.Fatalf("faults: %q", faults)
	}
	return open(t, o)
}

// pem is the path of a PEM file of the broker.
func pem(b *kafkatest.Broker, name string) string { return filepath.Join(b.Dir, name) }

// mutual are the lines of a client with a certificate.
func mutual(b *kafkatest.Broker) string {
	return fmt.Sprintf("tls: {ca: %s, cert: %s, key: %s}", pem(b, kafkatest.CAFile), pem(b, kafkatest.ClientCertFile), pem(b, kafkatest.ClientKeyFile))
}

func TestTLS(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	other, err := kafkatest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	stranger := t.TempDir()
	cert, key, err := other.Client("relay-client")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"ca.pem": other.PEM(), "cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(stranger, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ca := "ca: " + pem(b, kafkatest.CAFile)
	for _, c := range []struct {
		name, address, tls string
		want               relay.Kind // Transient: it is delivered
		says               string
	}{
		{"own authority", b.TLS, "tls: {" + ca + "}", 0, ""},
		{"client certificate", b.MTLS, mutual(b), 0, ""},
		{"authorities of the system", b.TLS, "tls: {}", relay.Broken, "tls.ca must hold the authority"},
		{"wrong authority", b.TLS, "tls: {ca: " + stranger + "/ca.pem}", relay.Broken, b.TLS + ": TLS: "},
		{"another name", b.TLS, "tls: {" + ca + ", server_name: kafka.internal}", relay.Broken, "tls.server_name"},
		{"name of the certificate", b.TLS, "tls: {" + ca + ", server_name: localhost}", 0, ""},
		{"no client certificate", b.MTLS, "tls: {" + ca + "}", relay.Broken, "tls.cert and tls.key"},
		{"certificate of a stranger", b.MTLS, fmt.Sprintf("tls: {%s, cert: %[2]s/cert.pem, key: %[2]s/key.pem}", ca, stranger), relay.Broken, "tls.cert and tls.key"},
		{"plaintext to a TLS port", b.TLS, "", relay.Unreachable, "does this port want tls or sasl?"},
		{"TLS to a plaintext port", b.Plain, "tls: {" + ca + "}", relay.Unreachable, "is this a TLS port?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := secureSink(t, c.address, topic, c.tls)
			_, err := s.Send(t.Context(), event("a", 1))
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantKind(t, err, c.want)
			wantText(t, err, c.says)
		})
	}
}

// TestRightTakenAway: the sink says what is missing, and goes on by itself.
func TestRightTakenAway(t *testing.T) {
	b := broker.Get(t)
	for _, right := range []kafka.ACLOperationType{kafka.ACLOperationTypeWrite, kafka.ACLOperationTypeAll} {
		t.Run(fmt.Sprint(right), func(t *testing.T) {
			topic := b.NewTopic(t, 1)
			s := secureSink(t, b.MTLS, topic, mutual(b))
			mustSend(t, s, event("a", 1))
			t.Run("denied", func(t *testing.T) {
				b.Deny(t, kafkatest.Principal, topic, right)
				var err error
				until(t, "the broker to deny", func() bool {
					_, err = s.Send(t.Context(), event("a", 2))
					return err != nil
				})
				wantKind(t, err, relay.Broken)
				wantText(t, err, "no right to write to topic "+topic)
				if !errors.Is(err, kafka.TopicAuthorizationFailed) {
					t.Errorf("got %v, want [29] in it", err)
				}
			})
			until(t, "the broker to allow it again", func() bool {
				_, err := s.Send(t.Context(), event("a", 3))
				return err == nil
			})
		})
	}
}

// TestHiddenTopic: who may not even see a topic is told so, not that it is
// missing, since the sink asks for its own topics by name.
func TestHiddenTopic(t *testing.T) {
	b := broker.Get(t)
	topic := b.NewTopic(t, 1)
	b.Deny(t, kafkatest.Principal, topic, kafka.ACLOperationTypeAll)
	s := secureSink(t, b.MTLS, topic, mutual(b))
	var err error
	until(t, "the broker to deny", func() bool {
		_, err = s.Send(t.Context(), event("a", 1))
		return err != nil
	})
	wantKind(t, err, relay.Broken)
	if !errors.Is(err, kafka.TopicAuthorizationFailed) {
		t.Errorf("got %v, want [29] in it", err)
	}
}
