package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Bouncer starts a pgbouncer in transaction mode in front of a database, with so
// few connections to it that clients share them, and returns the URL by way of
// it. It ends with t.
func Bouncer(t testing.TB, database string) string {
	t.Helper()
	required := mode(t)
	program, err := find("pgbouncer")
	unless(t, err, required)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal("the database's URL cannot be read")
	}
	a, err := findAccount()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := newDir(a)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if err := configureBouncer(a, dir, u.Host, port); err != nil {
		t.Fatal(err)
	}
	p, err := start(a, dir, program, "config.ini")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop(fastStop)
		if t.Failed() {
			t.Logf("pgbouncer's last words:\n%s", p.tail(20))
		}
		_ = os.RemoveAll(dir) // it is in the system's directory for such
	})
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := p.serves(u.String()); err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// configureBouncer writes its files.
func configureBouncer(a account, dir, server string, port int) error {
	host, backend, err := net.SplitHostPort(server)
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = plain
auth_file = users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
`, host, backend, port)
	if err := writeFile(a, filepath.Join(dir, "config.ini"), config); err != nil {
		return err
	}
	return writeFile(a, filepath.Join(dir, "users"), fmt.Sprintf("%q %q\n", User, Password))
}

// serves returns when the process lets a client through to the database.
func (p *process) serves(database string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var last error
	_ = until(ctx, func() error {
		var conn *pgx.Conn
		if conn, last = pgx.Connect(ctx, database); last == nil {
			last = conn.Close(ctx)
		} else if !p.running() {
			return nil // and never will
		}
		return last
	})
	if last != nil {
		return fmt.Errorf("pgbouncer does not serve: %w\n%s", last, p.tail(20))
	}
	return nil
}
