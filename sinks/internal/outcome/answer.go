package outcome

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

const (
	// drainLimit is how much of an answer is read so that its connection can be
	// used again. A longer answer costs the connection.
	drainLimit = 64 << 10
	// keepLimit is how much of an answer is looked at for its text.
	keepLimit = 4 << 10
)

// Read reads at most 64 KiB of the answer's body and closes it. The status is
// the answer: a body that breaks off, drips or never ends changes nothing. How
// long Read may take is up to the context of the request.
//
// hide keeps secrets and payload out of the text; it may be nil.
func Read(resp *http.Response, now time.Time, hide *Hider) Answer {
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, RetryAfter: RetryAfter(resp.Header, now)}
	var kept bytes.Buffer
	body := io.LimitReader(resp.Body, drainLimit)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// What cannot be read is not shown; the status stands without it.
		_, _ = io.CopyN(&kept, body, keepLimit)
		a.Text = hide.Text(said(kept.Bytes()))
	}
	_, _ = io.Copy(io.Discard, body)
	return a
}
