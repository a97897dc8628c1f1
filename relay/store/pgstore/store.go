package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"botrelay/relay"
	"botrelay/relay/store"
)

// Store is the shared store. Its methods may be called concurrently, from Open
// to Close. Append waits for Run; the others do not need it, but that the
// leases of a store whose Run does not run are not renewed.
type Store struct {
	*store.Handout // Claim and Settle, by way of Store's own

	opts   Options
	place  string // host and database, for people
	secret secret
	config *pgx.ConnConfig
	vital  *pgxpool.Pool // of Append and the leases: nobody else may keep them waiting
	rest   *pgxpool.Pool
	id     string // of this relay, as the owner of leases

	queue   *queue
	leases  leases
	looking chan struct{} // holds a token while one looks
	flying  flying
	age     store.Age
	counts  counts
	size    atomic.Int64
	house   house

	running   atomic.Bool
	answering availability
	closing   context.Context // of every call: ends with Close
	close     context.CancelFunc
	closeOnce sync.Once
}

var (
	_ relay.Log      = (*Store)(nil)
	_ relay.Queue    = (*Store)(nil)
	_ relay.Memory   = (*Store)(nil)
	_ relay.Reader   = (*Store)(nil)
	_ relay.Operator = (*Store)(nil)
)

// How many connections a store has at most, beside one that listens.
const (
	vitalConnections = 3
	restConnections  = 8
)

// Open connects to the database of opts.URL and brings it to this version's
// format. A database that cannot be reached, that would lose what it confirms,
// a newer format and whatever else stands against it are refused with a line
// that says what to do; nothing has been changed then. Beyond that the store
// does nothing by itself before Run.
func Open(ctx context.Context, opts Options) (_ *Store, err error) {
	s := &Store{opts: opts.withDefaults(), queue: newQueue(), id: newID(), looking: make(chan struct{}, 1)}
	s.house.woken, s.counts.counting = make(chan struct{}, 1), make(chan struct{}, 1)
	if s.config, err = parseURL(opts.URL); err != nil {
		return nil, err
	}
	s.secret = newSecret(s.config.Password)
	s.place = net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port))) + "/" + s.config.Database
	s.Handout = store.NewHandout(tables{s}, s.opts.Clock)
	s.leases.init()
	s.closing, s.close = context.WithCancel(context.Background())
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, s.explainOpen(err)
	}
	if s.vital, err = s.pool(vitalConnections); err == nil {
		s.rest, err = s.pool(restConnections)
	}
	if err == nil {
		err = s.look(ctx, false)
	}
	if err != nil {
		_ = s.Close() // the first error says what is wrong
		return nil, s.explainOpen(err)
	}
	return s, nil
}

// prepare checks the server and brings the database to the present format.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s.setUp(s.config)
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is under way
	if err := checkServer(ctx, conn); err != nil {
		return err
	}
	from, err := s.migrate(ctx, conn)
	if err != nil {
		return err
	}
	if from > 0 && from < Format {
		s.log().Info("store brought to a newer format", "from", from, "to", Format)
	}
	return s.warnOfStandby(ctx, conn)
}

// setUp makes connections that keep no state on the server: a statement is
// described once and never prepared.
func (s *Store) setUp(config *pgx.ConnConfig) {
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.StatementCacheCapacity = 0
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "botrelay"
	}
}

func (s *Store) pool(connections int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.opts.URL)
	if err != nil {
		return nil, errNoURL
	}
	s.setUp(config.ConnConfig)
	config.MaxConns = connections
	config.MinConns = 0
	config.AfterConnect = checkServer
	return pgxpool.NewWithConfig(s.closing, config)
}

func (s *Store) log() *slog.Logger { return s.opts.Logger }

// ClockProved tells that the wall clock agrees with a sender's, by a signature
// that holds. It costs next to nothing: call it for every verified request.
func (s *Store) ClockProved() {
	if s.age.Prove() {
		s.house.wake() // what waited for this may begin
	}
}

// Ready returns nil while the store accepts events, and else why it does not.
// It does not block.
func (s *Store) Ready() error {
	if !s.running.Load() {
		return relay.ErrClosed
	}
	return s.answering.why()
}

// Close ends the store, after Run has returned. What is under way is given up.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.close()
		s.queue.abandon()
		s.close()
		s.Turned() // Claims that wait see that it is over
		for _, pool := range []*pgxpool.Pool{s.vital, s.rest} {
			if pool != nil {
				pool.Close()
			}
		}
	})
	return nil
}

// Usage is how much room the store takes.
type Usage struct {
	InUse int64 // bytes of its tables and their indexes, as of the last minute
}

// Usage tells how much room the store takes in the database. It has no limit
// there: the server's disk is its operator's.
func (s *Store) Usage() Usage { return Usage{InUse: s.size.Load()} }

const sqlSize = `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
	WHERE relnamespace = 'botrelay'::regnamespace AND relkind = 'r'`

func (s *Store) measure(ctx context.Context) error {
	var size int64
	if err := s.row(ctx, sqlSize, nil, &size); err != nil {
		return fmt.Errorf("measure the store: %w", err)
	}
	s.size.Store(size)
	return nil
}
