package receive

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server serves one handler to a public network: everything a client can make
// it wait for or keep has a limit. The zero value of each field but Handler is
// a sensible default.
type Server struct {
	Handler http.Handler

	// HeaderTimeout bounds a TLS handshake, and the line and headers of a
	// request: 5 s.
	HeaderTimeout time.Duration
	// ReadTimeout bounds a whole request with its body: 10 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds handling and answer, from the end of the headers: 15 s.
	WriteTimeout time.Duration
	// IdleTimeout bounds the wait for the next request of a connection: 60 s,
	// longer than a sender's first two tries are apart.
	IdleTimeout time.Duration
	// MaxConns bounds the connections: 1024. Further ones wait to be accepted.
	MaxConns int
	// Grace is how long requests under way may take once ctx of Serve has
	// ended: 8 s.
	Grace time.Duration

	// CertFile and KeyFile, PEM, turn TLS on; both or none. They are read again
	// when their contents change.
	CertFile, KeyFile string

	Logger *slog.Logger // nil discards
}

// maxHeaderBytes bounds the headers of a request: ten signatures take 0.5 KiB.
const maxHeaderBytes = 32 << 10

// Serve accepts connections of ln until ctx ends, then closes ln, waits up to
// Grace for requests under way, closes what is left, and returns nil. ln is
// closed in any case. A handler that is still running after Grace has lost its
// connection and ends by itself.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	logger := s.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	server, err := s.build(logger)
	if err != nil {
		return fmt.Errorf("serve %s: %w", ln.Addr(), closeAfter(ln, err))
	}
	limited := newLimitedListener(ln, orDefault(s.MaxConns, 1024), logger)
	limited.full = func(full bool) { server.SetKeepAlivesEnabled(!full) }
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(limited, "", "")
			return
		}
		failed <- server.Serve(limited)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), closeAfter(server, err))
	case <-ctx.Done():
	}
	grace := orDefault(s.Grace, 8*time.Second)
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err = server.Shutdown(waiting)
	<-failed
	if err != nil {
		// Anybody may hold a request open; that is no failure of the relay.
		logger.Warn("requests under way were cut off", "after", grace)
		return closeAfter(server, nil)
	}
	return nil
}

// closeAfter closes c after err, which says what matters.
func closeAfter(c interface{ Close() error }, err error) error {
	_ = c.Close()
	return err
}

func (s *Server) build(logger *slog.Logger) (*http.Server, error) {
	server := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: orDefault(s.HeaderTimeout, 5*time.Second),
		ReadTimeout:       orDefault(s.ReadTimeout, answerWithin),
		WriteTimeout:      orDefault(s.WriteTimeout, 15*time.Second),
		IdleTimeout:       orDefault(s.IdleTimeout, time.Minute),
		MaxHeaderBytes:    maxHeaderBytes,
		// OPTIONS * is a request like any other: not found.
		DisableGeneralOptionsHandler: true,
		// What it has to say is what strangers do to connections.
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 64},
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return server, nil
	}
	cert, err := newCertificate(s.CertFile, s.KeyFile, logger)
	if err != nil {
		return nil, err
	}
	server.TLSConfig = &tls.Config{GetCertificate: cert.get}
	return server, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
