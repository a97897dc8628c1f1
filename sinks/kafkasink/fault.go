package kafkasink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"unicode"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"botrelay/relay"
)

// stage is how far a connection had come when it failed.
type stage uint8

const (
	connecting stage = iota // no connection
	securing                // connected; no TLS
)

// dialError says which broker could not be reached, and why.
type dialError struct {
	address    string
	stage      stage
	advertised bool // the address comes from the brokers, not from the configuration
	err        error
}

// Error names the broker and the cause, without the dialling that led to it.
func (e *dialError) Error() string {
	err := e.err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if e.stage == securing {
		return e.address + ": TLS: " + err.Error()
	}
	return e.address + ": " + err.Error()
}

func (e *dialError) Unwrap() error { return e.err }

// textError is an error in words for the operator; the cause stays reachable.
type textError struct {
	text  string
	cause error
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.cause }

// fault puts text, as one printable line, in front of people and err behind it.
func fault(kind relay.Kind, err error, text string) *relay.Fault {
	return &relay.Fault{Kind: kind, Err: &textError{text: oneLine(text), cause: err}}
}

// called says what a pause for f is called.
func called(cause relay.Cause, f *relay.Fault) *relay.Fault {
	f.Cause = cause
	return f
}

// oneLine makes text fit for a terminal, a log and a note: brokers and
// certificates may say anything.
func oneLine(text string) string {
	const most = 400
	runes := []rune(text)
	if len(runes) > most {
		runes = append(runes[:most], '…')
	}
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}

func refused(err error) error { return fault(relay.Refused, err, err.Error()) }

// lookupFault is the fault of a delivery whose partition could not be found
// out, so that nothing of it was sent. secure says whether the sink uses TLS.
func lookupFault(to target, err error, secure bool) error {
	if known := knownFault(to, err); known != nil {
		return known
	}
	if ended(err) {
		return fault(relay.Transient, err, "no broker has answered yet: "+err.Error())
	}
	hint := "does this port want tls or sasl?"
	if secure {
		hint = "is this a TLS port, and does it want sasl?"
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		hint = "is this a Kafka broker?"
	}
	return fault(relay.Unreachable, err, fmt.Sprintf("no broker answers as Kafka does: %s (%s)", err, hint))
}

// sendFault is the fault of a record that was given to its lane.
func sendFault(to target, err error) error {
	if errors.Is(err, errClosed) || errors.Is(err, context.Canceled) {
		return fault(relay.Transient, err, errClosed.Error())
	}
	if known := knownFault(to, err); known != nil {
		return known
	}
	return fault(relay.Transient, err, "no answer from Kafka, the record may be there or come yet: "+err.Error())
}

// knownFault classes what says by its type what it is, and returns nil for the
// rest.
func knownFault(to target, err error) error {
	if hold, ok := errors.AsType[*holdError](err); ok {
		f := fault(relay.Throttled, err, hold.Error())
		f.After = hold.left
		return f
	}
	if errors.Is(err, protocol.ErrNoTopic) {
		return brokerFault(to, kafka.UnknownTopicOrPartition, err)
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return brokerFault(to, code, err)
	}
	if hint, ok := tlsHint(err); ok {
		return called(relay.CauseTLS, fault(relay.Broken, err, err.Error()+hint))
	}
	if dial, ok := errors.AsType[*dialError](err); ok {
		hint := ""
		switch {
		case dial.advertised:
			hint = " (this address comes from the brokers: their advertised.listeners must be reachable from here)"
		case dial.stage == securing:
			hint = " (is this a TLS port?)"
		}
		return fault(relay.Unreachable, err, dial.Error()+hint)
	}
	return nil
}

// brokerFault classes an error code of a broker.
// https://kafka.apache.org/protocol#protocol_error_codes
func brokerFault(to target, code kafka.Error, err error) error {
	switch code {
	case kafka.UnknownTopicOrPartition:
		return called(relay.CauseNotFound, fault(to.kind(), err, fmt.Sprintf("topic %s does not exist, or no right to see it (create it: botrelay makes none)", to.topic)))
	case kafka.TopicAuthorizationFailed:
		return called(relay.CauseAuth, fault(to.kind(), err, fmt.Sprintf("no right to write to topic %s (the brokers' ACLs must allow Write and Describe)", to.topic)))
	case kafka.InvalidTopic:
		return called(relay.CauseNotFound, fault(to.kind(), err, fmt.Sprintf("the brokers take no topic called %s", to.topic)))
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge:
		return fault(relay.Refused, err, fmt.Sprintf("topic %s takes no record of this size (its max.message.bytes)", to.topic))
	case kafka.InvalidRecord, kafka.PolicyViolation:
		return fault(relay.Refused, err, fmt.Sprintf("topic %s refuses the record: %s", to.topic, err))
	case kafka.InvalidTimestamp:
		// A record has the time of its sending: this holds for all of them.
		return fault(relay.Broken, err, fmt.Sprintf("topic %s refuses the time of the record (do this machine's clock and the broker's agree?)", to.topic))
	case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState,
		kafka.ClusterAuthorizationFailed, kafka.SecurityDisabled:
		return called(relay.CauseAuth, fault(relay.Broken, err, err.Error()))
	case kafka.UnsupportedVersion,
		kafka.UnsupportedForMessageFormat, kafka.UnsupportedCompressionType, kafka.InvalidRequiredAcks:
		return fault(relay.Broken, err, err.Error())
	case kafka.ThrottlingQuotaExceeded:
		return fault(relay.Throttled, err, err.Error())
	default:
		// Leaders move, replicas fall behind, and what a broker itself does not
		// know (-1) is worth another try.
		return fault(relay.Transient, err, err.Error())
	}
}

// kind is the class of what a broker has against the topic. Every event meets it
// when the topic is the sink's own; others go on when a route named it.
func (t target) kind() relay.Kind {
	if t.own {
		return relay.Broken
	}
	return relay.Doubtful
}

// concernsOneRecord tells whether a broker may have refused a whole batch for
// the sake of one record in it.
func concernsOneRecord(err error) bool {
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return false
	}
	switch code {
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord, kafka.PolicyViolation:
		return true
	default:
		return false
	}
}

// tlsHint tells whether err is about TLS, and what to look at. crypto/tls marks
// an alert by the Op of a net.OpError only: its type for alerts is unexported.
func tlsHint(err error) (string, bool) {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return " (the certificate is for another name: tls.server_name sets the one to expect)", true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return " (tls.ca must hold the authority that signed the brokers' certificates)", true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "", true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return " (is this a TLS port?)", true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "remote error":
			return " (the broker refuses this end: are tls.cert and tls.key what it expects?)", true
		case "local error":
			return "", true
		}
	}
	return "", false
}

// ended tells whether a context ended.
func ended(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
