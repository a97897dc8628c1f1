// Package pgtest runs a real PostgreSQL for the tests of pgstore: on loopback,
// on a port chosen by the system, with everything synced, as an unprivileged
// user where the test runs as root.
//
//	Shared.Get(t) ─ initdb, postgres ─► Server ─ Database(t) ─► the URL of an empty database
//	                                      │ Restart, Kill
//	Bouncer(t, url) ─ pgbouncer in transaction mode ─► URL     Proxy: cuts and stalls
//
// It needs the programs initdb and postgres, in PATH or below
// /usr/lib/postgresql, and for Bouncer pgbouncer. On Debian: postgresql,
// pgbouncer.
//
// BOTRELAY_TEST_POSTGRES says what happens when one of them is missing:
//
//   - require: the test fails
//   - off: the test is skipped
//   - unset: it is skipped when the programs are missing; whatever else goes
//     wrong fails it
//
// The package starts processes on Linux alone, where they die with their test;
// elsewhere its tests are skipped.
package pgtest
