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

func TestSendFault(t *testing.T) {
	own, named := target{topic: "ev", own: true}, target{topic: "other"}
	refusedDial := &dialError{address: "k:9092", err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for _, c := range []struct {
		name string
		to   target
		err  error
		want relay.Kind
		says string
	}{
		{"own topic missing", own, kafka.UnknownTopicOrPartition, relay.Broken, "topic ev does not exist, or no right to see it (create it: botrelay makes none)"},
		{"named topic missing", named, kafka.UnknownTopicOrPartition, relay.Doubtful, "topic other does not exist"},
		{"topic gone from the layout", own, protocol.NewErrNoTopic("ev"), relay.Broken, "topic ev does not exist"},
		{"no right to write", own, kafka.TopicAuthorizationFailed, relay.Broken, "no right to write to topic ev"},
		{"no right to write to a named one", named, kafka.TopicAuthorizationFailed, relay.Doubtful, "no right to write to topic other"},
		{"invalid topic", named, kafka.InvalidTopic, relay.Doubtful, "other"},
		{"too large", own, kafka.MessageSizeTooLarge, relay.Refused, "max.message.bytes"},
		{"list too large", own, kafka.RecordListTooLarge, relay.Refused, "max.message.bytes"},
		{"invalid record", own, fmt.Errorf("%w: Compacted topic", kafka.InvalidRecord), relay.Refused, "Compacted topic"},
		{"policy", own, kafka.PolicyViolation, relay.Refused, "refuses the record"},
		{"clock", own, kafka.InvalidTimestamp, relay.Broken, "clock"},
		{"authentication", named, kafka.SASLAuthenticationFailed, relay.Broken, "[58]"},
		{"mechanism", own, kafka.UnsupportedSASLMechanism, relay.Broken, "[33]"},
		{"cluster right", own, kafka.ClusterAuthorizationFailed, relay.Broken, "[31]"},
		{"version", own, kafka.UnsupportedVersion, relay.Broken, "[35]"},
		{"quota", own, kafka.ThrottlingQuotaExceeded, relay.Throttled, "[89]"},
		{"unknown to the broker", own, kafka.Unknown, relay.Transient, "[-1]"},
		{"leader moved", own, kafka.NotLeaderForPartition, relay.Transient, "[6]"},
		{"replicas", own, kafka.NotEnoughReplicas, relay.Transient, "[19]"},
		{"timed out", own, kafka.RequestTimedOut, relay.Transient, "[7]"},
		{"code of the future", own, kafka.Error(4711), relay.Transient, "4711"},
		{"no leader", own, protocol.NewErrNoLeader("ev", 1), relay.Transient, "no leader"},
		{"connection refused", own, refusedDial, relay.Unreachable, "k:9092: connection refused"},
		{"reset", own, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, relay.Transient, "may be there or come yet"},
		{"EOF", own, io.ErrUnexpectedEOF, relay.Transient, "may be there or come yet"},
		{"deadline", own, context.DeadlineExceeded, relay.Transient, "may be there or come yet"},
		{"closed", own, context.Canceled, relay.Transient, "the sink is closed"},
		{"throttled", own, &holdError{time.Minute}, relay.Throttled, "1m0s"},
		{"unknown authority", own, &dialError{"k:9093", securing, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, relay.Broken, "tls.ca"},
		{"other name", own, &dialError{"k:9093", securing, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "k"}}, relay.Broken, "tls.server_name"},
		{"no TLS there", own, &dialError{"k:9093", securing, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}}, relay.Broken, "is this a TLS port?"},
		{"hung up on TLS", own, &dialError{"k:9093", securing, io.EOF}, relay.Unreachable, "k:9093: TLS: EOF (is this a TLS port?)"},
		{"alert", own, &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, relay.Broken, "tls.cert"},
	} {
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
