package receive

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
)

// Header values and bodies are the same for every source and every request.
// Sharing the slices saves an allocation each; net/http reads them only.
var (
	closing   = []string{"close"}
	plainText = []string{"text/plain; charset=utf-8"}
	noSniff   = []string{"nosniff"}
	allowPost = []string{http.MethodPost}
	allowGet  = []string{"GET, HEAD"}

	bodyOK        = []byte("ok\n")
	bodyNotReady  = []byte("not ready\n")
	bodyAccepted  = []byte("accepted\n")
	bodyDuplicate = []byte("duplicate\n")
)

var refusedBodies = map[int][]byte{
	http.StatusBadRequest:            []byte("bad request\n"),
	http.StatusUnauthorized:          []byte("unauthorized\n"),
	http.StatusNotFound:              []byte("not found\n"),
	http.StatusMethodNotAllowed:      []byte("method not allowed\n"),
	http.StatusRequestTimeout:        []byte("request timeout\n"),
	http.StatusRequestEntityTooLarge: []byte("body too large\n"),
	http.StatusUnsupportedMediaType:  []byte("unsupported content encoding\n"),
	http.StatusInternalServerError:   []byte("internal error\n"),
	http.StatusServiceUnavailable:    []byte("try again\n"),
}

func write(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = plainText
	header["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	// The only failure is a client that has gone; the outcome is stored already.
	_, _ = w.Write(body)
}

// refuse answers, counts and remembers what to tell.
func (r *Receiver) refuse(w http.ResponseWriter, t *tally, refusal *Refusal, allow []string) {
	t.refused[refusal.cause].Add(1)
	r.tell(t, refusal)
	if r.logger.Enabled(context.Background(), slog.LevelDebug) {
		r.logger.Debug("request refused", "source", t.name, "status", refusal.Status, "reason", refusal.Reason, "err", refusal)
	}
	header := w.Header()
	if causes[refusal.cause].close {
		header["Connection"] = closing
	}
	if allow != nil {
		header["Allow"] = allow
	}
	if refusal.Status == http.StatusServiceUnavailable {
		// Spread, so that what was refused together does not come back together.
		header["Retry-After"] = []string{strconv.Itoa(5 + rand.IntN(11))}
	}
	write(w, refusal.Status, refusedBodies[refusal.Status])
}

// survive turns a panic into a 500, so that one request does not take the
// others with it. The value of a panic may hold a part of the payload and is
// told only if the runtime made it.
func (r *Receiver) survive(w http.ResponseWriter, t *tally) {
	value := recover()
	if value == nil {
		return
	}
	first := t.refused[causePanic].Load() == 0
	r.refuse(w, t, refuse(causePanic), nil)
	if !first {
		return
	}
	what := fmt.Sprintf("a %T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	r.logger.Error("a request met a fault in botrelay and was answered 500", "source", t.name, "err", what, "stack", string(debug.Stack()))
}
