package pgstore

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/store/pgstore/pgtest"
)

// refused opens a store that must be refused with a line that has all these
// words and no password.
func refused(t *testing.T, url string, words ...string) {
	t.Helper()
	var said journal
	s, err := Open(t.Context(), Options{URL: url, Version: "1.4.2", Logger: said.logger()})
	if err == nil {
		_ = s.Close()
		t.Errorf("it was opened; want %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v\nlacks %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	checkSecrets(t, err.Error()+said.String())
}

// database is the name at the end of a URL.
func database(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

func TestAServerThatLosesIsRefused(t *testing.T) {
	t.Parallel()
	own := pgtest.Own(t)
	url := own.Database(t)
	for setting, words := range map[string][]string{
		"fsync":            {"fsync=off", "set fsync = on"},
		"full_page_writes": {"full_page_writes=off", "set full_page_writes = on"},
	} {
		own.Do(t, "ALTER SYSTEM SET "+setting+" = off")
		own.Do(t, "SELECT pg_reload_conf()")
		eventually(t, 10*time.Second, "the setting counts", func() bool {
			return ask[string](t, url, `SELECT current_setting($1)`, setting) == "off"
		})
		refused(t, url, append(words, database(url))...)
		if ask[bool](t, url, `SELECT to_regnamespace('botrelay') IS NOT NULL`) {
			t.Errorf("%s: something was made in a database that was refused", setting)
		}
		own.Do(t, "ALTER SYSTEM RESET "+setting)
		own.Do(t, "SELECT pg_reload_conf()")
		eventually(t, 10*time.Second, "the setting is gone", func() bool {
			return ask[string](t, url, `SELECT current_setting($1)`, setting) == "on"
		})
	}
	s, _ := open(t, Options{URL: url})
	mustAppend(t, s, event(1, "a"), "lake")

	// A server that is switched over while the store is open is refused by its
	// new connections.
	own.Do(t, "ALTER SYSTEM SET fsync = off")
	own.Kill()
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "nothing is accepted", func() bool {
		_, err := s.Append(t.Context(), event(2, "a"), targets(event(2, "a"), "lake")...)
		return errors.Is(err, relay.ErrUnavailable) && strings.Contains(err.Error(), "fsync")
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	srv := server.Get(t)
	url := srv.Database(t)
	name := database(url)
	t.Run("isolation", func(t *testing.T) {
		srv.Do(t, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'repeatable read'")
		defer srv.Do(t, "ALTER DATABASE "+name+" RESET default_transaction_isolation")
		refused(t, url, "default_transaction_isolation is repeatable read", "read committed")
	})
	t.Run("read only", func(t *testing.T) {
		srv.Do(t, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
		defer srv.Do(t, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
		refused(t, url, "default_transaction_read_only is on")
	})
	t.Run("encoding", func(t *testing.T) {
		srv.Do(t, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
		defer srv.Do(t, "DROP DATABASE latin WITH (FORCE)")
		refused(t, srv.URL("latin"), "encoding LATIN1", "ENCODING 'UTF8'")
	})
	t.Run("no such database", func(t *testing.T) {
		refused(t, srv.URL("nowhere"), `database "nowhere" does not exist`, "CREATE DATABASE")
	})
	t.Run("password", func(t *testing.T) {
		wrong := strings.Replace(url, "pw-9f3c", "pw-0000", 1)
		refused(t, wrong, "password authentication failed", "check user and password")
	})
	t.Run("nobody there", func(t *testing.T) {
		refused(t, strings.Replace(url, fmt.Sprint(":", srv.Port), ":1", 1), "127.0.0.1:1/"+name, "cannot be reached", "connection refused")
	})
	t.Run("rights", func(t *testing.T) {
		srv.Do(t, "CREATE ROLE guest LOGIN PASSWORD 'pw-guest'")
		defer srv.Do(t, "DROP ROLE guest")
		guest := fmt.Sprintf("postgres://guest:pw-guest@127.0.0.1:%d/%s", srv.Port, name)
		refused(t, guest, "permission denied", "must own the database")
	})
	t.Run("something else", func(t *testing.T) {
		sql(t, url, `CREATE SCHEMA botrelay CREATE TABLE other (i int)`)
		defer sql(t, url, `DROP SCHEMA botrelay CASCADE`)
		refused(t, url, "not a store", "another database")
	})
}

func TestANewerFormatIsRefused(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	var said journal
	s, err := Open(t.Context(), Options{URL: url, Version: "1.4.2", Logger: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ran := make(chan error, 1)
	go func() { ran <- s.Run(t.Context()) }()
	mustAppend(t, s, event(1, "a"), "lake")
	sql(t, url, `UPDATE botrelay.meta SET value = 2 WHERE name = 'format'`)
	const line = "store has format 2, this is botrelay 1.4.2 with format 1 (use the newer version, or another database)"
	if err := <-ran; err == nil || !strings.Contains(err.Error(), line) {
		t.Errorf("a store that runs ends with %v, want %q", err, line)
	}
	refused(t, url, line)
	if n := ask[int](t, url, `SELECT value FROM botrelay.meta WHERE name = 'format'`); n != 2 {
		t.Errorf("the format was changed to %d", n)
	}
}

// Relays that start together on an empty database wait for each other. The
// schema may be there already, made by who may make one.
func TestRelaysMigrateOneAfterTheOther(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		url := server.Get(t).Database(t)
		if made {
			sql(t, url, `CREATE SCHEMA botrelay`)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				s, err := Open(t.Context(), Options{URL: url, Logger: quiet()})
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.Close()
			})
		}
		wg.Wait()
		if n := ask[int](t, url, `SELECT value FROM botrelay.meta WHERE name = 'format'`); n != Format {
			t.Errorf("the format is %d", n)
		}
	}
}

func TestAStandbyIsWarnedOf(t *testing.T) {
	t.Parallel()
	own := pgtest.Own(t)
	url := own.Database(t)
	opened := func() string {
		t.Helper()
		var said journal
		s, err := Open(t.Context(), Options{URL: url, Logger: said.logger()})
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		checkSecrets(t, said.String())
		return said.String()
	}
	if text := opened(); strings.Contains(text, "standby") {
		t.Errorf("without a standby the log says\n%s", text)
	}
	// What receives the log counts as a standby to the server.
	program, err := exec.LookPath("pg_receivewal")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_receivewal")
		if len(found) == 0 {
			t.Skip("pg_receivewal is not installed")
		}
		program = found[len(found)-1]
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, "-D", t.TempDir(), "-d", own.URL("postgres"), "--no-loop")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	eventually(t, 20*time.Second, "it is connected", func() bool {
		return ask[int](t, url, `SELECT count(*) FROM pg_stat_replication`) == 1
	})
	if text := opened(); !strings.Contains(text, "synchronous_standby_names is empty") {
		t.Errorf("the log does not warn:\n%s", text)
	}
}

// What another relay stores is heard of at once, and seen within a second where
// nothing is heard.
func TestNewsOfAnotherRelay(t *testing.T) {
	url := server.Get(t).Database(t)
	a, _ := open(t, Options{URL: url})
	b, _ := open(t, Options{URL: url})
	mustAppend(t, a, event(0, "first"), "lake")
	if ds := claimNow(t, a, "lake", 1); len(ds) != 1 {
		t.Fatalf("got %d deliveries", len(ds))
	}
	eventually(t, 5*time.Second, "it listens", func() bool {
		return ask[int](t, url, `SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND datname = current_database()`, sqlListen) == 2
	})
	if err := b.look(t.Context(), false); err != nil { // it learns whose the sink is
		t.Fatal(err)
	}
	var total time.Duration
	const rounds = 10
	for n := 1; n <= rounds; n++ {
		got := make(chan struct{})
		go func() {
			defer close(got)
			if _, err := a.Claim(context.Background(), "lake", 1); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		mustAppend(t, b, event(n, fmt.Sprint(n)), "lake")
		<-got
		took := time.Since(began)
		if took > 1500*time.Millisecond {
			t.Errorf("it was seen after %v", took)
		}
		total += took
	}
	if total/rounds > 300*time.Millisecond {
		t.Errorf("on average it was heard of after %v", total/rounds)
	}
	// A change by hand, too.
	if err := b.Pause(t.Context(), "lake", true); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Second, "the owner obeys", func() bool { paused, _ := a.leases.state("lake"); return paused })
}

func TestReadyAndClosed(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	s, err := Open(t.Context(), Options{URL: url, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); !errors.Is(err, relay.ErrClosed) {
		t.Errorf("before Run: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	mustAppend(t, s, event(1, "a"), "lake")
	if err := s.Ready(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	eventually(t, 5*time.Second, "it is measured", func() bool { return s.Usage().InUse > 0 })
	blocked := make(chan error, 1)
	go func() {
		_, err := s.Claim(context.Background(), "empty", 1)
		blocked <- err
	}()
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	if _, err := s.Append(t.Context(), event(2, "a")); !errors.Is(err, relay.ErrClosed) {
		t.Errorf("append after Run: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-blocked; !errors.Is(err, relay.ErrClosed) {
		t.Errorf("a claim that waited: %v", err)
	}
	for name, err := range map[string]error{
		"put":    s.Put(t.Context(), "a", "b", nil, 0),
		"pause":  s.Pause(t.Context(), "lake", true),
		"settle": s.Settle(t.Context(), relay.Settlement{Delivery: &relay.Delivery{Sink: "lake"}}),
	} {
		if err == nil {
			t.Errorf("%s after Close: no error", name)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
