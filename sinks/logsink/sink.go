package logsink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"botrelay/relay"
)

// Options are the keys of a log sink beside those that every sink has.
type Options struct {
	Body bool `key:"body"` // adds the body as received
}

// Sink writes one JSON line for each event.
type Sink struct {
	body bool
	to   *Writer
}

var _ relay.Sink = (*Sink)(nil)

// New returns a sink that writes to w, which other sinks may share.
func New(o Options, w *Writer) *Sink {
	return &Sink{body: o.Body, to: w}
}

// Send returns once the line is written, which is all that a stream
// acknowledges. An error of the stream is transient.
func (s *Sink) Send(ctx context.Context, d *relay.Delivery) (string, error) {
	line, err := lineOf(d.Event, s.body)
	if err != nil {
		// The text of the encoder may quote the event.
		return "", &relay.Fault{Kind: relay.Refused, Err: errors.New("the event cannot be written as JSON")}
	}
	if err := s.to.WriteLine(ctx, line); err != nil {
		// The name of the stream says nothing to whoever reads the error.
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err
		}
		return "", fmt.Errorf("write a line: %w", err)
	}
	return "written", nil
}

// Discard accepts every delivery and drops it.
type Discard struct{}

var _ relay.Sink = Discard{}

// Send never fails.
func (Discard) Send(context.Context, *relay.Delivery) (string, error) {
	return "discarded", nil
}
