package receive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"botrelay/relay"
)

const (
	defaultMaxBody = 1 << 20
	// bodiesInFlight bounds the bodies that are being read or stored together.
	bodiesInFlight = 32 << 20
	// answerWithin bounds a request from its headers to its answer. Svix gives
	// up after 15 s: https://docs.svix.com/retries
	answerWithin = 10 * time.Second

	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// Source is a named sender.
type Source struct {
	Name     string // stands in logs and labels; distinct
	Path     string // exact, as it stands in the request line, e.g. /webhooks/recall; distinct
	Verifier *Verifier
	MaxBody  int64 // bytes; 0 is 1 MiB, at most 32 MiB
}

// Routes chooses the deliveries of an event that was understood. It may be
// called concurrently and must not keep or change the event.
type Routes func(*relay.Event) []relay.Target

// Options are what a Receiver is made of. Log and Sources are needed.
type Options struct {
	Sources []Source
	Log     relay.Log
	// Routes may be nil while the relay starts: posts are answered 503 until
	// Swap brings one.
	Routes Routes
	// Verified, if set, is called once for every request whose signature holds,
	// before it is stored: the moment at which the clock has been proved. It
	// must not block.
	Verified func()
	// Ready, if set, says why nothing can be accepted now, for /readyz alone. It
	// is called for each request there.
	Ready  func() error
	Logger *slog.Logger     // nil discards
	Now    func() time.Time // the clock that signed times are held against; nil is time.Now
}

// Receiver is the public HTTP handler: POST on the paths of the sources, GET on
// /healthz and /readyz, nothing else. It is safe for concurrent use.
type Receiver struct {
	log      relay.Log
	verified func()
	ready    func() error
	logger   *slog.Logger
	now      func() time.Time

	table    atomic.Pointer[table]
	retiring atomic.Bool // /readyz answers 503
	draining atomic.Bool // so do posts
	inFlight budget
	within   time.Duration // answerWithin
	accepts  histogram

	wake  chan struct{} // something is to be told
	known tallies
}

// table is what a reload replaces at once.
type table struct {
	byPath  map[string]*entry
	sources []*entry // in the order of the configuration
	routes  Routes
}

// entry is one source of a table.
type entry struct {
	Source
	tally *tally
	used  []*atomic.Int64 // for each secret, when it last fitted, in Unix nanoseconds
}

// New makes a Receiver. It starts nothing: see [Receiver.Run].
func New(o Options) (*Receiver, error) {
	if o.Log == nil {
		return nil, errors.New("a receiver needs a log")
	}
	r := &Receiver{
		log: o.Log, verified: o.Verified, ready: o.Ready, logger: o.Logger, now: o.Now,
		within: answerWithin,
		wake:   make(chan struct{}, 1),
	}
	r.inFlight.limit = bodiesInFlight
	r.known.init()
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if err := r.Swap(o.Sources, o.Routes); err != nil {
		return nil, err
	}
	return r, nil
}

// Swap replaces sources and routes together, for a reload. Requests that have
// begun keep the ones they began with. The counters of a source go on under its
// name. On an error nothing has changed.
func (r *Receiver) Swap(sources []Source, routes Routes) error {
	t := &table{byPath: make(map[string]*entry, len(sources)), routes: routes}
	var faults []error
	names := map[string]bool{}
	for _, s := range sources {
		if s.MaxBody == 0 {
			s.MaxBody = defaultMaxBody
		}
		if err := t.check(s, names); err != nil {
			faults = append(faults, fmt.Errorf("source %s: %w", s.Name, err))
			continue
		}
		names[s.Name] = true
		e := &entry{Source: s}
		t.byPath[s.Path] = e
		t.sources = append(t.sources, e)
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, e := range t.sources {
		e.tally, e.used = r.known.of(e.Name, e.Verifier)
	}
	r.table.Store(t)
	return nil
}

// check finds what would make a source unreachable or unsafe.
func (t *table) check(s Source, names map[string]bool) error {
	switch {
	case s.Name == "":
		return errors.New("has no name")
	case names[s.Name]:
		return errors.New("stands twice")
	case s.Verifier == nil:
		return errors.New("has no secrets")
	case len(s.Path) < 2 || s.Path[0] != '/':
		return fmt.Errorf("path %q is not one that begins with a slash", s.Path)
	case (&url.URL{Path: s.Path}).EscapedPath() != s.Path:
		return fmt.Errorf("path %q has characters that stand escaped in a URL (choose another)", s.Path)
	case s.Path == healthPath || s.Path == readyPath:
		return fmt.Errorf("path %s is taken (choose another)", s.Path)
	case t.byPath[s.Path] != nil:
		return fmt.Errorf("path %s is that of source %s (choose another)", s.Path, t.byPath[s.Path].Name)
	case s.MaxBody < 0 || s.MaxBody > bodiesInFlight:
		return fmt.Errorf("max_body %d is not between 1 byte and 32 MiB, which all bodies in flight share", s.MaxBody)
	}
	return nil
}

// Retire makes /readyz answer 503 from now on, for good, so that a load balancer
// looks elsewhere. Posts are still taken.
func (r *Receiver) Retire() { r.retiring.Store(true) }

// Drain makes new posts answer 503, too. Requests under way are finished.
func (r *Receiver) Drain() {
	r.Retire()
	r.draining.Store(true)
}

// ServeHTTP answers one request. It returns within about 10 s of its call, if
// the Log keeps to its context.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	began := time.Now()
	// Behind a proxy that reads a length where this server reads chunks, what
	// follows on the connection may be a request that the proxy never saw.
	if req.ProtoMajor == 1 && len(req.TransferEncoding) > 0 {
		w.Header()["Connection"] = closing
	}
	t := r.table.Load()
	path := req.URL.Path
	if req.URL.RawPath != "" { // spelled in another way than the plain one
		path = ""
	}
	e := t.byPath[path]
	counted := &r.known.nobody
	if e != nil {
		counted = e.tally
	}
	defer r.survive(w, counted)

	switch {
	case e != nil && req.Method == http.MethodPost:
		r.receive(w, req, t, e, began)
	case e != nil:
		r.refuse(w, counted, refuse(causeMethod), allowPost)
	case path == healthPath || path == readyPath:
		r.health(w, req, path)
	default:
		r.refuse(w, counted, refuse(causePath), nil)
	}
}

// health answers the two paths that need no signature.
func (r *Receiver) health(w http.ResponseWriter, req *http.Request, path string) {
	switch {
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		r.refuse(w, &r.known.nobody, refuse(causeMethod), allowGet)
	case path == healthPath:
		write(w, http.StatusOK, bodyOK)
	case r.retiring.Load() || r.table.Load().routes == nil || r.ready != nil && r.ready() != nil:
		write(w, http.StatusServiceUnavailable, bodyNotReady)
	default:
		write(w, http.StatusOK, bodyOK)
	}
}

// receive takes one post of a source through all steps.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, t *table, e *entry, began time.Time) {
	signed, refusal := r.admit(req, t, e)
	if refusal != nil {
		r.refuse(w, e.tally, refusal, nil)
		return
	}
	raw, held, refusal := r.inFlight.read(req.Body, req.ContentLength, e.MaxBody)
	defer r.inFlight.give(held)
	if refusal == nil {
		if signed.SecretIndex = e.Verifier.fit(req.Header, raw); signed.SecretIndex < 0 {
			refusal = refuse(causeSignature)
		}
	}
	if refusal != nil {
		r.refuse(w, e.tally, refusal, nil)
		return
	}
	e.used[signed.SecretIndex].Store(r.now().UnixNano())
	if r.verified != nil {
		r.verified()
	}
	// Not the request's context: a client that goes away must not cancel a
	// commit under way, whose outcome stays true. The sender's next try is the
	// duplicate.
	ctx, cancel := context.WithDeadline(context.Background(), began.Add(r.within))
	defer cancel()
	status, refusal := r.store(ctx, t, e, signed.ID, raw)
	if refusal != nil {
		r.refuse(w, e.tally, refusal, nil)
		return
	}
	r.accepts.observe(time.Since(began))
	if status == http.StatusOK {
		write(w, status, bodyDuplicate)
		return
	}
	write(w, status, bodyAccepted)
}

// admit decides by the headers alone, before any of the body is read.
func (r *Receiver) admit(req *http.Request, t *table, e *entry) (Signed, *Refusal) {
	switch {
	case r.draining.Load():
		return Signed{}, refuse(causeDraining)
	case t.routes == nil:
		return Signed{}, refuse(causeStarting)
	}
	signed, refusal := readHeaders(req.Header, r.now())
	switch {
	case refusal != nil:
		return Signed{}, refusal
	case req.ContentLength > e.MaxBody:
		return Signed{}, refuse(causeTooLarge)
	case encoded(req.Header["Content-Encoding"]):
		return Signed{}, refuse(causeEncoding)
	}
	return signed, nil
}
