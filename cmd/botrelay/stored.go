package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"botrelay/relay/admin"
	"botrelay/relay/config"
	"botrelay/relay/store/sqlitestore"
	"botrelay/sinks"
)

// openStored opens the store of a configuration in this process and returns a
// client of the admin API over it: the same handlers as a relay has, without a
// socket. letGo ends that; nobody else can use the store until then.
//
// An *sqlitestore.InUseError says that a relay holds the store, a *noStoreError
// that there is none: nothing is created. Any other error is a *failure.
func (o *operator) openStored(ctx context.Context, file *config.File) (_ *adminClient, letGo func() error, err error) {
	if inDatabase(file) {
		return nil, nil, &noStoreError{"the store is a database, which a relay alone opens"}
	}
	if !sqlitestore.Exists(file.Store) {
		return nil, nil, &noStoreError{"there is no store in " + file.Store}
	}
	plan := sinks.NewPlan(file)
	if faults, _ := printProblems(io.Discard, file.Problems(), false); faults > 0 {
		return nil, nil, usageError("no relay is running, and %s has %s", file.Path, counted(faults, "fault")).withHint("see: botrelay check")
	}
	logger := newLogger(config.Log{Level: "error", Format: "text"}, o.env.stderr)
	store, err := openStore(ctx, file, logger)
	if err != nil {
		if _, inUse := errors.AsType[*sqlitestore.InUseError](err); inUse {
			return nil, nil, err
		}
		return nil, nil, failed("%v", err)
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- store.Run(running) }()
	letGo = func() error {
		end()
		return errors.Join(<-ended, store.Close())
	}
	server, err := admin.New(storedOptions(file, plan, store))
	if err != nil {
		return nil, nil, errors.Join(failed("%v", err), letGo())
	}
	client := &adminClient{http: &http.Client{Transport: handlerTransport{server}}, base: "http://localhost", stored: true, kept: file.Retention.Events}
	return client, letGo, nil
}

// storedOptions are what the admin API works with where no relay runs.
func storedOptions(file *config.File, plan *sinks.Plan, store relayStore) admin.Options {
	return admin.Options{
		Reader: store, Operator: store, Memory: store, Log: store,
		Routes: file.Routes.Targets,
		Sources: func() []string {
			names := make([]string, len(file.Sources))
			for i, s := range file.Sources {
				names[i] = s.Name
			}
			return names
		},
		Sinks: func() []admin.SinkInfo {
			infos := plan.Infos()
			list := make([]admin.SinkInfo, len(infos))
			for i, info := range infos {
				list[i] = admin.SinkInfo{Name: info.Name, Type: info.Type, Where: info.Where, Alert: info.Alert}
			}
			return list
		},
		Usage:  store.usage,
		Backup: store.backUp(),
		Config: func() admin.ConfigStatus { return newReading(file, plan).status },

		RetentionDead: file.Retention.Dead, Alone: true, Version: version,
	}
}
