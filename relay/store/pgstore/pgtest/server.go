package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Who connects. The user may do everything.
const (
	User     = "botrelay"
	Password = "pw-9f3c/no#t:in@any?log"
)

// Server is a PostgreSQL on loopback. Its address and its data stay the same
// when it is stopped and started again.
type Server struct {
	Port int
	Dir  string // holds the data

	account  account
	program  string
	settings []string
	names    atomic.Int64 // of databases

	mu      sync.Mutex
	process *process
}

// Start starts a new server with no data. Settings are of the form name=value
// and stand above those of the package. ErrNotInstalled: a program is missing on
// this machine.
func Start(ctx context.Context, settings ...string) (*Server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	s := &Server{settings: settings}
	if s.program, err = find("postgres"); err != nil {
		return nil, err
	}
	if s.account, err = findAccount(); err != nil {
		return nil, err
	}
	if s.Dir, err = newDir(s.account); err != nil {
		return nil, err
	}
	if err := s.create(ctx, initdb); err != nil {
		s.Stop(true)
		return nil, err
	}
	return s, nil
}

func (s *Server) create(ctx context.Context, initdb string) error {
	if err := writeFile(s.account, filepath.Join(s.Dir, "password"), Password+"\n"); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, initdb, "-D", "data", "-U", User, "-E", "UTF8", "--locale=C", "--no-sync",
		"-A", "scram-sha-256", "--pwfile=password")
	cmd.Dir, cmd.SysProcAttr, cmd.Env = s.Dir, attributes(s.account), append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	var err error
	for range 5 { // somebody else may take the port meanwhile
		if s.Port, err = freePort(); err != nil {
			return err
		}
		if err = s.Restart(ctx); err == nil {
			return nil
		}
	}
	return err
}

// Restart starts the server after Stop(false) or Kill, and returns when it
// serves.
func (s *Server) Restart(ctx context.Context) error {
	args := []string{"-D", "data", "-p", strconv.Itoa(s.Port)}
	defaults := []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=" + s.Dir, "max_connections=100", "shared_buffers=64MB",
		"max_wal_size=1GB", "log_min_messages=warning", "log_checkpoints=off", "autovacuum_naptime=5s",
	}
	for _, setting := range append(defaults, s.settings...) {
		args = append(args, "-c", setting)
	}
	return until(ctx, func() error { // what was killed may still hold the memory
		p, err := start(s.account, s.Dir, s.program, args...)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.process = p
		s.mu.Unlock()
		return s.await(ctx, p)
	})
}

// await returns when the process serves, or has ended.
func (s *Server) await(ctx context.Context, p *process) error {
	var err error
	_ = until(ctx, func() error {
		if err = s.ping(ctx); !p.running() {
			err = fmt.Errorf("the server ended: %v\n%s", p.cmd.ProcessState, p.tail(20))
			return nil
		}
		return err
	})
	return err
}

func (s *Server) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.Tail(20))
	}
	return conn.Close(ctx)
}

// URL is that of a database of this server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(User, Password), Host: "127.0.0.1:" + strconv.Itoa(s.Port), Path: "/" + database}
	return u.String()
}

// Database is the URL of a new database, which is dropped when t ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.names.Add(1), 10)
	s.Do(t, "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0")
	t.Cleanup(func() { s.Do(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// Do runs a statement of the server's operator, outside of any test's database.
func (s *Server) Do(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatalf("connecting to the server: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is under way
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Kill ends the server as kill -9 does and returns when it is gone.
func (s *Server) Kill() {
	if p := s.current(); p != nil {
		p.stop(killed)
	}
}

// Stop ends the server and cuts its connections, and removes its directory if
// asked to.
func (s *Server) Stop(remove bool) {
	if p := s.current(); p != nil {
		p.stop(fastStop)
	}
	if remove {
		_ = os.RemoveAll(s.Dir) // it is in the system's directory for such
	}
}

// Tail is the last of the server's log.
func (s *Server) Tail(lines int) string {
	if p := s.current(); p != nil {
		return p.tail(lines)
	}
	return ""
}

// Running tells whether the server serves.
func (s *Server) Running() bool {
	p := s.current()
	return p != nil && p.running()
}

func (s *Server) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// startTimeout bounds the start of a server. It takes a second, and twenty on a
// machine that is busy twentyfold.
const startTimeout = 2 * time.Minute
