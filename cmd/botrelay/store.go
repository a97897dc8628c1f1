package main

import (
	"context"
	"log/slog"
	"strings"

	"botrelay/relay"
	"botrelay/relay/admin"
	"botrelay/relay/config"
	"botrelay/relay/store/pgstore"
	"botrelay/relay/store/sqlitestore"
)

// relayStore is a store of either kind, as a relay uses it.
type relayStore interface {
	relay.Log
	relay.Queue
	relay.Memory
	relay.Reader
	relay.Operator
	Run(ctx context.Context) error
	Close() error
	Ready() error
	ClockProved()

	// usage is how much room it takes.
	usage() admin.StoreStatus
	// backUp copies it into a folder; nil where that is the database's affair.
	backUp() func(ctx context.Context, folder string) (admin.BackedUp, error)
	// shared tells whether other relays may use it at the same time.
	shared() bool
}

// embeddedStore is a folder, which one relay has for itself.
type embeddedStore struct{ *sqlitestore.Store }

func (s embeddedStore) usage() admin.StoreStatus {
	u := s.Usage()
	return admin.StoreStatus{Bytes: u.InUse, MaxBytes: u.Limit, Filling: u.Filling, Full: u.Full, Early: u.Early}
}

func (s embeddedStore) backUp() func(context.Context, string) (admin.BackedUp, error) {
	return func(ctx context.Context, folder string) (admin.BackedUp, error) {
		c, err := s.Backup(ctx, folder)
		if err != nil {
			return admin.BackedUp{}, err
		}
		return admin.BackedUp{Folder: folder, Events: c.Events, Bytes: c.Bytes, AsOf: c.AsOf.UTC()}, nil
	}
}

func (embeddedStore) shared() bool { return false }

// sharedStore is a PostgreSQL database.
type sharedStore struct{ *pgstore.Store }

func (s sharedStore) usage() admin.StoreStatus { return admin.StoreStatus{Bytes: s.Usage().InUse} }

func (sharedStore) backUp() func(context.Context, string) (admin.BackedUp, error) { return nil }

func (sharedStore) shared() bool { return true }

// inDatabase tells whether the configuration's store is a database.
func inDatabase(file *config.File) bool { return strings.Contains(file.Store, "://") }

func openStore(ctx context.Context, file *config.File, logger *slog.Logger) (relayStore, error) {
	if inDatabase(file) {
		s, err := pgstore.Open(ctx, pgstore.Options{
			URL: file.Store, RetentionEvents: file.Retention.Events, RetentionDead: file.Retention.Dead,
			Version: version, Logger: logger,
		})
		if err != nil {
			return nil, err
		}
		return sharedStore{s}, nil
	}
	s, err := sqlitestore.Open(ctx, sqlitestore.Options{
		Dir: file.Store, MaxDisk: int64(file.Retention.MaxDisk),
		RetentionEvents: file.Retention.Events, RetentionDead: file.Retention.Dead,
		Version: version, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	return embeddedStore{s}, nil
}
