package logsink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"botrelay/relay"
	"botrelay/relay/config"
)

// Options are the keys of a log sink beside those that every sink has.
type Options struct {
	config.SinkCommon
	Body bool `key:"body"` // adds the body as received
}

// Configure reads the block of a log sink, and what routes say over it, which
// can be nothing. Faults are recorded in the blocks.
func Configure(b *config.Block, routes map[string]*config.Block) Options {
	o := Options{SinkCommon: config.DefaultSinkCommon()}
	o.Concurrency = 1 // one stream takes one line at a time
	b.Decode(&o)
	refuseOptions(routes)
	return o
}

// DiscardOptions are the keys of a discard sink.
type DiscardOptions struct{ config.SinkCommon }

// ConfigureDiscard is Configure for a discard sink.
func ConfigureDiscard(b *config.Block, routes map[string]*config.Block) DiscardOptions {
	o := DiscardOptions{config.DefaultSinkCommon()}
	b.Decode(&o)
	refuseOptions(routes)
	return o
}

func refuseOptions(routes map[string]*config.Block) {
	for _, block := range routes {
		block.Decode(&struct{}{})
	}
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
