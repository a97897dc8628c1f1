package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Server answers the admin API. Its methods may be called concurrently.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	openAPI map[string]any
	origins *http.CrossOriginProtection
	logger  *slog.Logger
	now     func() time.Time

	hour    hour       // what the receiver counted within the last hour
	tally   tallyCache // the bots of the last day
	replays replays
	closed  sync.Once // the line that says that nothing but health is served
}

// New makes a Server. It starts nothing: see [Server.Run].
func New(o Options) (*Server, error) {
	switch {
	case o.Reader == nil, o.Operator == nil, o.Memory == nil, o.Log == nil:
		return nil, errors.New("an admin server needs a reader, an operator, a memory and a log")
	case o.Sinks == nil, o.Sources == nil, o.Config == nil, o.Routes == nil:
		return nil, errors.New("an admin server needs sinks, sources, routes and the configuration they are of")
	}
	s := &Server{opts: o, logger: o.Logger, now: o.Now, origins: http.NewCrossOriginProtection()}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.replays.init()
	table := endpoints()
	s.mux, s.openAPI = s.serveMux(table), documentOf(table)
	return s, nil
}

// Run samples the receiver's counters for the figures of the last hour and
// carries replays out, those too that were under way when the process ended. It
// returns when ctx has ended, nil then. A replay that meets an error of the
// store ends as failed or is tried again; that ends no relay.
func (s *Server) Run(ctx context.Context) error {
	s.sayClosed()
	var parts sync.WaitGroup
	parts.Go(func() { s.sample(ctx) })
	parts.Go(func() { s.runReplays(ctx) })
	parts.Wait()
	return nil
}

// running tells whether a relay serves the store in this process.
func (s *Server) running() bool { return s.opts.LoopState != nil }
