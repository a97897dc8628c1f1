package outcome

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"botrelay/relay"
)

// Network classes an error that an HTTP client returned instead of an answer.
// The text of the result holds neither the URL nor a secret that hide knows.
//
//   - refused, unknown host, no route, dial timeout: Unreachable
//   - a certificate that does not verify, any other quarrel about TLS: Broken
//   - a *relay.Fault in err, as a dial hook may return it: its own kind
//   - everything else, a timeout or a broken connection included: Transient,
//     since the request may have arrived
//
// Context errors stay in the chain.
func Network(err error, hide *Hider) *relay.Fault {
	f := &relay.Fault{Kind: networkKind(err), Err: &hidden{cause: err, text: hide.line(text(err), errorLimit)}}
	if inner, ok := errors.AsType[*relay.Fault](err); ok {
		f.After, f.Cause = inner.After, inner.Cause
	} else if f.Kind == relay.Broken {
		f.Cause = relay.CauseTLS
	}
	return f
}

func networkKind(err error) relay.Kind {
	if f, ok := errors.AsType[*relay.Fault](err); ok {
		return f.Kind
	}
	if aboutTLS(err) {
		return relay.Broken
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return relay.Unreachable
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return relay.Unreachable
	}
	return relay.Transient
}

// aboutTLS tells whether the two ends could not agree on TLS. crypto/tls marks
// an alert by the Op of a net.OpError only: its type for alerts is unexported.
func aboutTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// text says what went wrong in words that are the same for the same cause:
// without the URL, and without the local port of a connection.
func text(err error) string {
	if f, ok := errors.AsType[*relay.Fault](err); ok {
		return f.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Op == "dial" {
			return op.Error()
		}
		return op.Op + ": " + op.Err.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "cancelled before an answer"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without an answer"
	}
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err.Error()
		}
		err = u.Err
	}
}

// hidden is an error with another text. Its chain keeps what callers branch on
// and leaves out what prints the URL.
type hidden struct {
	cause error
	text  string
}

func (e *hidden) Error() string { return e.text }

// Is makes context errors visible, and only them: errors.Unwrap would hand out
// the cause with its text.
func (e *hidden) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(e.cause, target)
}
