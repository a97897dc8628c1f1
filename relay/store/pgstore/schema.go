package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Format is the format of the stores that this version writes.
const Format = 1

//go:embed schema/*.sql
var schemaFiles embed.FS

// migrations has for each format the files that lead to it from the one before.
var migrations = [Format][]string{
	{"1_tables.sql", "2_procedures.sql", "3_people.sql", "4_leases.sql"},
}

const (
	sqlLockMigrations = `SELECT pg_advisory_xact_lock(1651666041, 2)`
	sqlSchemaState    = `SELECT to_regnamespace('botrelay') IS NOT NULL, to_regclass('botrelay.meta') IS NOT NULL,
		(SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('botrelay'))`
	sqlFormat = `SELECT value FROM botrelay.meta WHERE name = 'format'`
)

// migrate brings the database to Format in one transaction, or refuses one that
// is newer or has something else in its place, and then changes nothing. Relays
// that start together wait for each other.
func (s *Store) migrate(ctx context.Context, conn *pgx.Conn) (from int, err error) {
	if from, err = s.storedFormat(ctx, conn); err != nil || from == Format {
		return from, err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, setting := range []string{
			`SET LOCAL synchronous_commit = 'on'`, `SET LOCAL lock_timeout = '8s'`,
			`SET LOCAL idle_in_transaction_session_timeout = '5s'`, sqlLockMigrations,
		} {
			if _, err := tx.Exec(ctx, setting); err != nil {
				return err
			}
		}
		var err error
		if from, err = s.storedFormat(ctx, tx); err != nil || from == Format {
			return err
		}
		return upgrade(ctx, tx, from)
	})
	return from, err
}

// rower is a connection or a transaction.
type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// storedFormat is the format of the database, 0 where there is no store yet.
func (s *Store) storedFormat(ctx context.Context, conn rower) (int, error) {
	var there, ours bool
	var relations, format int
	if err := conn.QueryRow(ctx, sqlSchemaState).Scan(&there, &ours, &relations); err != nil {
		return 0, err
	}
	switch {
	case !ours && relations > 0:
		return 0, refuse("the schema botrelay holds something that is not a store (use another database)")
	case !ours:
		return 0, nil
	}
	if err := conn.QueryRow(ctx, sqlFormat).Scan(&format); err != nil {
		return 0, err
	}
	return format, s.checkFormat(format)
}

// checkFormat refuses a newer format.
func (s *Store) checkFormat(format int) error {
	if format <= Format {
		return nil
	}
	return refuse("store has format %d, this is botrelay %s with format %d (use the newer version, or another database)",
		format, s.opts.Version, Format)
}

func upgrade(ctx context.Context, tx pgx.Tx, from int) error {
	if from == 0 {
		// IF NOT EXISTS asks for a right that it then does not need.
		var there bool
		if err := tx.QueryRow(ctx, `SELECT to_regnamespace('botrelay') IS NOT NULL`).Scan(&there); err != nil {
			return err
		}
		if !there {
			if _, err := tx.Exec(ctx, `CREATE SCHEMA botrelay`); err != nil {
				return err
			}
		}
	}
	for format, files := range migrations[from:] {
		for _, file := range files {
			text, err := schemaFiles.ReadFile("schema/" + file)
			if err != nil {
				return err
			}
			// Several statements go by the simple protocol alone.
			if _, err := tx.Conn().PgConn().Exec(ctx, string(text)).ReadAll(); err != nil {
				return fmt.Errorf("bring the store to format %d: %s: %w", from+format+1, file, err)
			}
		}
	}
	_, err := tx.Exec(ctx, `UPDATE botrelay.meta SET value = $1 WHERE name = 'format'`, int64(Format))
	return err
}

const sqlServer = `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
	current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(),
	current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only')`

// checkServer refuses a server that would lose what it confirms, or on which
// the store does not work. Every new connection is checked: after a failover it
// may be another server.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding, fsync, fullPages, isolation, readOnly string
	var standby bool
	err := conn.QueryRow(ctx, sqlServer).Scan(&version, &encoding, &fsync, &fullPages, &standby, &isolation, &readOnly)
	if err != nil {
		return err
	}
	switch {
	case version < 130000:
		return refuse("this is PostgreSQL %d; 13 is the oldest that works", version/10000)
	case fsync != "on":
		return refuse("PostgreSQL has fsync=off: what it confirms can be lost (set fsync = on and restart it)")
	case fullPages != "on":
		return refuse("PostgreSQL has full_page_writes=off: a power cut can damage it (set full_page_writes = on and reload it)")
	case encoding != "UTF8":
		return refuse("the database has encoding %s; UTF8 is needed (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)", encoding)
	case standby:
		return refuse("this server is a standby, which cannot be written to (use the address of the primary)")
	case readOnly != "off":
		return refuse("default_transaction_read_only is on (ALTER ROLE … SET default_transaction_read_only = off)")
	case !strings.EqualFold(isolation, "read committed"):
		return refuse("default_transaction_isolation is %s (ALTER ROLE … SET default_transaction_isolation = 'read committed')", isolation)
	}
	return nil
}

const sqlStandbys = `SELECT count(*), current_setting('synchronous_standby_names') FROM pg_stat_replication`

// warnOfStandby says what a failover would cost.
func (s *Store) warnOfStandby(ctx context.Context, conn *pgx.Conn) error {
	var connected int
	var names string
	if err := conn.QueryRow(ctx, sqlStandbys).Scan(&connected, &names); err != nil {
		return err
	}
	if connected > 0 && names == "" {
		s.log().Warn("a standby is connected and synchronous_standby_names is empty: a failover loses what it has not received yet",
			"store", s.place, "remedy", "set synchronous_standby_names")
	}
	return nil
}

// isRefusal tells whether another try cannot help before somebody does
// something.
func isRefusal(err error) bool {
	_, is := errors.AsType[*refusal](err)
	return is
}
