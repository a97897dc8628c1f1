package logsink

import (
	"context"
	"io"
)

// Writer lets several sinks write to one io.Writer without mixing their lines.
type Writer struct {
	to     io.Writer
	turn   chan struct{} // holds a token while somebody writes; a mutex that a context can end waiting for
	broken bool          // the last line may have ended in its middle; guarded by turn
}

// NewWriter returns a Writer to w. Nobody else should write to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{to: w, turn: make(chan struct{}, 1)}
}

// WriteLine writes line and a line feed by one Write. It returns when they are
// written or ctx ends.
//
// A Write that blocks cannot be called back. WriteLine then leaves it behind:
// one goroutine at most, which ends with the Write, and no other line begins
// before. The caller must not change line afterwards.
func (w *Writer) WriteLine(ctx context.Context, line []byte) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() {
		err := w.write(line)
		<-w.turn
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *Writer) write(line []byte) error {
	text := make([]byte, 0, len(line)+2)
	if w.broken {
		text = append(text, '\n')
	}
	text = append(append(text, line...), '\n')
	n, err := w.to.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	w.broken = err != nil && (n > 0 || w.broken)
	return err
}
