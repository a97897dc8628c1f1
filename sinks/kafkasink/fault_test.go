package kafkasink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"botrelay/relay"
)

var (
	ownTopic   = target{topic: "ev", own: true}
	namedTopic = target{topic: "other"}
)

// sendFaults are what may come back for a record that was given to its lane.
var sendFaults = []struct {
	name string
	to   target
	err  error
	want relay.Kind
	says string
}{
	{"own topic missing", ownTopic, kafka.UnknownTopicOrPartition, relay.Broken, "topic ev does not exist, or no right to see it (create it: botrelay makes none)"},
	{"named topic missing", namedTopic, kafka.UnknownTopicOrPartition, relay.Doubtful, "topic other does not exist"},
	{"topic gone from the layout", ownTopic, protocol.NewErrNoTopic("ev"), relay.Broken, "topic ev does not exist"},
	{"no right to write", ownTopic, kafka.TopicAuthorizationFailed, relay.Broken, "no right to write to topic ev"},
	{"no right to write to a named one", namedTopic, kafka.TopicAuthorizationFailed, relay.Doubtful, "no right to write to topic other"},
	{"invalid topic", namedTopic, kafka.InvalidTopic, relay.Doubtful, "other"},
	{"too large", ownTopic, kafka.MessageSizeTooLarge, relay.Refused, "max.message.bytes"},
	{"list too large", ownTopic, kafka.RecordListTooLarge, relay.Refused, "max.message.bytes"},
	{"invalid record", ownTopic, fmt.Errorf("%w: Compacted topic", kafka.InvalidRecord), relay.Refused, "Compacted topic"},
	{"policy", ownTopic, kafka.PolicyViolation, relay.Refused, "refuses the record"},
	{"clock", ownTopic, kafka.InvalidTimestamp, relay.Broken, "clock"},
	{"authentication", namedTopic, kafka.SASLAuthenticationFailed, relay.Broken, "[58]"},
	{"mechanism", ownTopic, kafka.UnsupportedSASLMechanism, relay.Broken, "[33]"},
	{"cluster right", ownTopic, kafka.ClusterAuthorizationFailed, relay.Broken, "[31]"},
	{"version", ownTopic, kafka.UnsupportedVersion, relay.Broken, "[35]"},
	{"quota", ownTopic, kafka.ThrottlingQuotaExceeded, relay.Throttled, "[89]"},
	{"unknown to the broker", ownTopic, kafka.Unknown, relay.Transient, "[-1]"},
	{"leader moved", ownTopic, kafka.NotLeaderForPartition, relay.Transient, "[6]"},
	{"replicas", ownTopic, kafka.NotEnoughReplicas, relay.Transient, "[19]"},
	{"timed out", ownTopic, kafka.RequestTimedOut, relay.Transient, "[7]"},
	{"code of the future", ownTopic, kafka.Error(4711), relay.Transient, "4711"},
	{"no leader", ownTopic, protocol.NewErrNoLeader("ev", 1), relay.Transient, "no leader"},
	{"connection refused", ownTopic, &dialError{address: "k:9092", err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, relay.Unreachable, "k:9092: connection refused"},
	{"advertised", ownTopic, &dialError{address: "kafka:9092", advertised: true, err: &net.DNSError{Err: "no such host", Name: "kafka"}}, relay.Unreachable, "kafka:9092: lookup kafka: no such host (this address comes from the brokers"},
	{"reset", ownTopic, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, relay.Transient, "may be there or come yet"},
	{"EOF", ownTopic, io.ErrUnexpectedEOF, relay.Transient, "may be there or come yet"},
	{"deadline", ownTopic, context.DeadlineExceeded, relay.Transient, "may be there or come yet"},
	{"closed", ownTopic, context.Canceled, relay.Transient, "the sink is closed"},
	{"throttled", ownTopic, &holdError{time.Minute}, relay.Throttled, "1m0s"},
	{"unknown authority", ownTopic, &dialError{"k:9093", securing, false, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, relay.Broken, "tls.ca"},
	{"other name", ownTopic, &dialError{"k:9093", securing, false, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "k"}}, relay.Broken, "tls.server_name"},
	{"no TLS there", ownTopic, &dialError{"k:9093", securing, false, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}}, relay.Broken, "is this a TLS port?"},
	{"hung up on TLS", ownTopic, &dialError{"k:9093", securing, false, io.EOF}, relay.Unreachable, "k:9093: TLS: EOF (is this a TLS port?)"},
	{"alert", ownTopic, &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, relay.Broken, "tls.cert"},
}

func TestSendFault(t *testing.T) {
	for _, c := range sendFaults {
		t.Run(c.name, func(t *testing.T) {
			err := sendFault(c.to, c.err)
			wantKind(t, err, c.want)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want something with %q", err, c.says)
			}
			if !errors.Is(err, c.err) && !errors.As(err, new(x509.HostnameError)) {
				t.Errorf("the cause is not in %#v", err)
			}
		})
	}
}

// TestLookupFault: nothing was sent, so a broken connection is no connection.
func TestLookupFault(t *testing.T) {
	to := target{topic: "ev", own: true}
	for _, c := range []struct {
		name   string
		err    error
		secure bool
		want   relay.Kind
		says   string
	}{
		{"plaintext to TLS", io.ErrUnexpectedEOF, false, relay.Unreachable, "does this port want tls or sasl?"},
		{"hung up behind TLS", io.EOF, true, relay.Unreachable, "is this a TLS port, and does it want sasl?"},
		{"something else answers", protocol.Errorf("garbage"), false, relay.Unreachable, "is this a Kafka broker?"},
		{"silence", context.DeadlineExceeded, false, relay.Transient, "no broker has answered yet"},
		{"topic missing", kafka.UnknownTopicOrPartition, false, relay.Broken, "topic ev does not exist"},
		{"no leader yet", kafka.LeaderNotAvailable, false, relay.Transient, "[5]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := lookupFault(to, c.err, c.secure)
			wantKind(t, err, c.want)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want something with %q", err, c.says)
			}
		})
	}
}

// TestFaultIsOnePrintableLine: a broker may say anything.
func TestFaultIsOnePrintableLine(t *testing.T) {
	err := sendFault(target{topic: "ev"}, fmt.Errorf("%w: two\nlines\x1b[31m and \u202e%s", kafka.InvalidRecord, strings.Repeat("x", 9000)))
	if text := err.Error(); strings.ContainsAny(text, "\n\x1b\u202e") || len(text) > 1<<10 {
		t.Errorf("got %q", text)
	}
}
