package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	svix "github.com/svix/svix-webhooks/go"
)

// serveBare answers signed webhooks with nothing but verification and, with a
// file, one group-committed fsync per answer. It prints its address first and
// ends with its standard input.
func serveBare(ctx context.Context, secret, file string) error {
	key, err := svix.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("use the secret: %w", err)
	}
	keep := func([]byte) error { return nil }
	var wg sync.WaitGroup
	if file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
		log := &groupLog{file: f, requests: make(chan appendRequest, 1024)}
		wg.Go(log.run)
		defer func() {
			close(log.requests)
			wg.Wait()
		}()
		keep = log.append
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || key.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if keep(body) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Println(listener.Addr())
	io.Copy(io.Discard, os.Stdin)
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// groupLog appends bodies to one file; those that arrive during one fsync
// share the next.
type groupLog struct {
	file     *os.File
	requests chan appendRequest
}

type appendRequest struct {
	body []byte
	done chan error
}

func (l *groupLog) append(body []byte) error {
	done := make(chan error, 1)
	l.requests <- appendRequest{body, done}
	return <-done
}

func (l *groupLog) run() {
	var group []appendRequest
	var buf []byte
	for first := range l.requests {
		group, buf = append(group[:0], first), append(buf[:0], first.body...)
		for more := true; more && len(group) < 1024; {
			select {
			case r, ok := <-l.requests:
				if more = ok; ok {
					group, buf = append(group, r), append(buf, r.body...)
				}
			default:
				more = false
			}
		}
		_, err := l.file.Write(buf)
		if err == nil {
			err = l.file.Sync()
		}
		for _, r := range group {
			r.done <- err
		}
	}
	l.file.Close()
}
