package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"botrelay/relay"
	"botrelay/relay/admin"
	"botrelay/relay/receive"
)

// adminGrace is how long questions under way may take when the relay ends.
const adminGrace = time.Second

// adminConns bounds the connections of the admin listener.
const adminConns = 128

// listenAdmin opens the admin listener of the file.
func (a *assembly) listenAdmin() (net.Listener, error) {
	listener, err := net.Listen("tcp", a.file.Admin.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (admin.listen): %w", a.file.Admin.Listen, errors.Unwrap(err))
	}
	return listener, nil
}

// adminServer makes the admin API of a relay.
func (a *assembly) adminServer(f *inForce, listener net.Listener) (*admin.Server, error) {
	store := f.store
	return admin.New(admin.Options{
		Reader: store, Operator: store, Memory: store, Log: store,
		Routes:    func(ev *relay.Event) []relay.Target { return f.now.Load().file.Routes.Targets(ev) },
		Sources:   f.sourceNames,
		Sinks:     f.sinkInfos,
		LoopState: f.loop.State, ProbeNow: f.loop.ProbeNow, ReceiverStats: f.receiver.Stats,
		Ready:  store.Ready,
		Usage:  store.usage,
		Backup: store.backUp(),
		Reload: f.reload,
		Config: f.status,
		Access: func() admin.Access { return f.access(listener.Addr()) },

		RetentionDead: a.file.Retention.Dead,
		Alone:         !store.shared(),
		Version:       version, Started: time.Now(), Logger: a.logger,
	})
}

// announced is what the other relays of a shared store learn of this one.
func (f *inForce) announced() admin.RelayStatus {
	status := admin.RelayStatus{Version: version, ConfigHash: f.now.Load().status.Hash, Sinks: []string{}}
	for _, info := range f.sinkInfos() {
		status.Sinks = append(status.Sinks, info.Name)
	}
	return status
}

func (f *inForce) sourceNames() []string {
	sources := f.now.Load().file.Sources
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return names
}

func (f *inForce) sinkInfos() []admin.SinkInfo {
	infos := f.now.Load().plan.Infos()
	list := make([]admin.SinkInfo, len(infos))
	for i, info := range infos {
		list[i] = admin.SinkInfo{Name: info.Name, Type: info.Type, Where: info.Where, Alert: info.Alert}
	}
	return list
}

// access says who may ask. The token may change by a reload, the address not.
func (f *inForce) access(addr net.Addr) admin.Access {
	now := f.now.Load().file.Admin
	tcp, ok := addr.(*net.TCPAddr)
	return admin.Access{Token: string(now.Token), Hosts: now.Names(), Loopback: ok && tcp.IP.IsLoopback()}
}

// lookAfter runs what people and programs look after the relay by: the admin
// listener, replays, and reloads by signal.
func (a *assembly) lookAfter(p parts, loop *relay.Loop) func(context.Context) error {
	return func(ctx context.Context) error {
		force := newInForce(a, p, loop)
		server, err := a.adminServer(force, p.admin)
		if err != nil {
			return errors.Join(err, p.admin.Close())
		}
		a.logger.Info("admin listener", "listen", p.admin.Addr().String())
		listener := &receive.Server{Handler: server, Grace: adminGrace, MaxConns: adminConns, Logger: a.logger}
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return listener.Serve(ctx, p.admin) })
		group.Go(func() error { return server.Run(ctx) })
		group.Go(func() error { return force.obeyHangups(ctx) })
		if p.store.shared() {
			group.Go(func() error { return admin.Announce(ctx, p.store, force.announced) })
		}
		return group.Wait()
	}
}
