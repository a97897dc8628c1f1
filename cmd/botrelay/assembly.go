package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/relay/receive"
	"botrelay/relay/store/sqlitestore"
	"botrelay/sinks"
)

// assembly is one whole relay in this process, from a configuration without
// faults.
type assembly struct {
	file   *config.File
	plan   *sinks.Plan
	stdout io.Writer // for sinks that write there
	logger *slog.Logger
	// listening, if set, is called once the relay accepts events.
	listening func(net.Addr)
	// wrap, if set, is put around each sink; tests break things there.
	wrap func(name string, sink relay.Sink) relay.Sink
	// mark leads every message for people; the demo says DEMO.
	mark string
}

// run opens the store, listens, and relays until ctx ends or a part fails. Then
// it stops in the order in which nothing is lost: no new events, deliveries
// under way get their grace, outcomes are stored, sinks and store are closed.
func (a *assembly) run(ctx context.Context) (err error) {
	store, err := openStore(ctx, a.file, a.logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	receiver, err := a.receiver(store)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.file.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.file.Listen, errors.Unwrap(err))
	}
	// From here on the loop owns the sinks and closes them.
	destinations, err := a.destinations(store)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return a.relay(ctx, parts{store: store, destinations: destinations, receiver: receiver, listener: listener})
}

type parts struct {
	store        *sqlitestore.Store
	destinations []relay.Destination
	receiver     *receive.Receiver
	listener     net.Listener
}

// relay runs the parts. Each ends by a context of its own, one after the other;
// the first that fails ends all.
func (a *assembly) relay(ctx context.Context, p parts) error {
	background := context.WithoutCancel(ctx)
	group, failing := errgroup.WithContext(background)
	start := func(part func(context.Context) error) (stop func()) {
		own, cancel := context.WithCancel(background)
		ended := make(chan struct{})
		group.Go(func() error {
			defer close(ended)
			return part(own)
		})
		return func() { cancel(); <-ended }
	}
	grace := a.file.Shutdown.Grace
	loop := relay.NewLoop(relay.LoopOptions{Queue: p.store, Memory: p.store, Logger: a.logger, Grace: grace})
	server := &receive.Server{
		Handler: p.receiver, CertFile: a.file.TLS.Cert, KeyFile: a.file.TLS.Key, Grace: grace, Logger: a.logger,
	}
	stopStore := start(p.store.Run)
	stopLoop := start(func(ctx context.Context) error { return loop.Run(ctx, p.destinations) })
	stopServer := start(func(ctx context.Context) error { return server.Serve(ctx, p.listener) })
	stopTelling := start(func(ctx context.Context) error { p.receiver.Run(ctx); return nil })
	a.logger.Info("accepting events", "listen", p.listener.Addr().String(), "version", version)
	if a.listening != nil {
		a.listening(p.listener.Addr())
	}

	select {
	case <-ctx.Done():
		p.receiver.Drain()
		// A load balancer needs this long to learn that the relay drains.
		select {
		case <-time.After(a.file.Shutdown.Delay):
		case <-failing.Done():
		}
	case <-failing.Done():
		p.receiver.Drain()
	}
	for _, stop := range []func(){stopServer, stopTelling, stopLoop, stopStore} {
		stop()
	}
	return group.Wait()
}
