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
	host, backend, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
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
		t.Fatal(err)
	}
	if err := writeFile(a, filepath.Join(dir, "users"), fmt.Sprintf("%q %q\n", User, Password)); err != nil {
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
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err = until(ctx, func() error {
		conn, err := pgx.Connect(ctx, u.String())
		if err != nil && p.running() {
			return err
		}
		if err == nil {
			return conn.Close(ctx)
		}
		return nil
	})
	if err != nil || !p.running() {
		t.Fatalf("pgbouncer does not serve: %v\n%s", err, p.tail(20))
	}
	return u.String()
}
