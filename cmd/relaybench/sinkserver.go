package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// sinkServer is a destination that accepts everything and counts it.
type sinkServer struct {
	server   *http.Server
	url      string
	received atomic.Int64
	served   chan error
}

func newSinkServer() (*sinkServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sinkServer{url: fmt.Sprintf("http://%s/hook", listener.Addr())}
	s.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s.received.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})}
	s.served = make(chan error, 1)
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

func (s *sinkServer) close() {
	s.server.Close()
	<-s.served
}
