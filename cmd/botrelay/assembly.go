package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/relay/receive"
	"botrelay/sinks"
	"botrelay/sinks/slacksink"
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
	// slack outlives the sinks of one configuration: Slack's limits do.
	slack *slacksink.Accounts
	// hangups, if set, asks for a reload. It is there before the relay starts: a
	// signal that came earlier would end the process.
	hangups <-chan os.Signal
	// reread, if set, reads the configuration anew for a reload.
	reread func() (*config.File, *sinks.Plan)
}

// run opens the store, listens, and relays until ctx ends or a part fails. Then
// it stops in the order in which nothing is lost: no new events, deliveries
// under way get their grace, outcomes are stored, sinks and store are closed.
func (a *assembly) run(ctx context.Context) (err error) {
	a.slack = slacksink.NewAccounts()
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
	adminListener, err := a.listenAdmin()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// From here on the loop owns the sinks and closes them.
	destinations, err := a.destinations(a.plan, store)
	if err != nil {
		return errors.Join(err, listener.Close(), adminListener.Close())
	}
	return a.relay(ctx, parts{store: store, destinations: destinations, receiver: receiver, listener: listener, admin: adminListener})
}

// running is a part that runs.
type running struct {
	cancel context.CancelFunc
	ended  <-chan struct{}
}

// stop ends parts together and waits for all of them.
func stop(parts ...running) {
	for _, p := range parts {
		p.cancel()
	}
	for _, p := range parts {
		<-p.ended
	}
}

type parts struct {
	store        relayStore
	destinations []relay.Destination
	receiver     *receive.Receiver
	listener     net.Listener
	admin        net.Listener
}

// relay runs the parts until ctx ends or one fails. Requests and deliveries
// under way then share one grace; the store ends last, with their outcomes.
func (a *assembly) relay(ctx context.Context, p parts) error {
	background := context.WithoutCancel(ctx)
	group, failing := errgroup.WithContext(background)
	start := func(part func(context.Context) error) running {
		own, cancel := context.WithCancel(background)
		ended := make(chan struct{})
		group.Go(func() error {
			defer close(ended)
			return part(own)
		})
		return running{cancel, ended}
	}
	grace := a.file.Shutdown.Grace
	loop := relay.NewLoop(relay.LoopOptions{Queue: p.store, Memory: p.store, Logger: a.logger, Grace: grace})
	server := &receive.Server{
		Handler: p.receiver, CertFile: a.file.TLS.Cert, KeyFile: a.file.TLS.Key, Grace: grace, Logger: a.logger,
	}
	storing := start(p.store.Run)
	delivering := start(func(ctx context.Context) error { return loop.Run(ctx, p.destinations) })
	serving := start(func(ctx context.Context) error { return server.Serve(ctx, p.listener) })
	telling := start(func(ctx context.Context) error { p.receiver.Run(ctx); return nil })
	lookingAfter := start(a.lookAfter(p, loop))
	warning := ""
	if !p.store.shared() {
		warning = volumeWarning(a.file.Store, os.LookupEnv, fileExists, fileSystemOf)
	}
	warned := start(func(ctx context.Context) error { return tellVolume(ctx, a.logger, warning) })
	a.logger.Info("accepting events", "listen", p.listener.Addr().String(), "version", version)
	if a.listening != nil {
		a.listening(p.listener.Addr())
	}

	select {
	case <-ctx.Done():
		// A load balancer needs this long to learn that the relay goes.
		p.receiver.Retire()
		select {
		case <-time.After(a.file.Shutdown.Delay):
		case <-failing.Done():
		}
	case <-failing.Done():
	}
	p.receiver.Drain()
	stop(serving, telling, lookingAfter, warned, delivering)
	stop(storing)
	return group.Wait()
}
