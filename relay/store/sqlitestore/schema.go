package sqlitestore

import "fmt"

// application marks the file as a store of botrelay ("brly"), so that another
// database is never taken for one.
const application = 0x62726c79

// migrations has the statements that lead from format n to n+1.
var migrations = []string{`
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('next', 1);

-- Times are nanoseconds since 1970, 0 for none.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,       -- commit order
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  received INTEGER NOT NULL,
  key TEXT NOT NULL,             -- what keeps it in order; sha256:... stands for a long one
  bot TEXT,                      -- of events on a bot's timeline only
  event TEXT NOT NULL,
  code TEXT NOT NULL,
  sub_code TEXT NOT NULL,
  side TEXT NOT NULL,
  trouble TEXT NOT NULL,         -- why it is quarantined
  sum BLOB NOT NULL,             -- over source, id, received, key, fields and raw
  fields BLOB NOT NULL,
  raw BLOB,                      -- the body as received; NULL once removed to make room
  body BLOB                      -- the hash of a removed body
) STRICT;
CREATE UNIQUE INDEX event_id ON event (source, id);
CREATE INDEX event_bot ON event (source, bot, seq) WHERE bot IS NOT NULL;
CREATE INDEX event_trouble ON event (seq) WHERE trouble <> '';

CREATE TABLE delivery (
  seq INTEGER NOT NULL,          -- of its event
  sink TEXT NOT NULL,
  pos INTEGER NOT NULL,          -- its place in the order
  key TEXT NOT NULL,
  route TEXT NOT NULL,
  state INTEGER NOT NULL,        -- 0 ready, 1 held, 2 waiting, 3 delivered, 4 dead, 5 dropped, 6 muted
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  waited INTEGER NOT NULL,
  first INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  out_of_order INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  tries BLOB,
  PRIMARY KEY (seq, sink)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_ready ON delivery (sink, pos) WHERE state = 0;
CREATE INDEX delivery_blocked ON delivery (sink, key, state, pos) WHERE state IN (1, 2) AND key <> '' AND out_of_order = 0;
CREATE INDEX delivery_due ON delivery (sink, due, pos) WHERE state = 2;
CREATE INDEX delivery_dead ON delivery (sink, ended) WHERE state = 4;

-- The ids of events that were removed before they were seven days old.
CREATE TABLE seen (source TEXT NOT NULL, id TEXT NOT NULL, body BLOB, day INTEGER NOT NULL, PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
CREATE INDEX seen_day ON seen (day);

CREATE TABLE memory (owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (owner, key)) STRICT, WITHOUT ROWID;
CREATE INDEX memory_until ON memory (until) WHERE until > 0;

CREATE TABLE sink (name TEXT PRIMARY KEY, paused INTEGER NOT NULL DEFAULT 0, turn INTEGER NOT NULL DEFAULT 0, last_ok INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
`}

// Format is the format of the stores that this version writes.
const Format = 1

// migrate brings the store to Format in one transaction, or refuses a file
// that is newer or no store at all, and then changes nothing.
func (d *db) migrate(version string) (from int, err error) {
	format, err := d.number(`PRAGMA user_version`)
	if err != nil {
		return 0, err
	}
	app, err := d.number(`PRAGMA application_id`)
	if err != nil {
		return 0, err
	}
	tables, err := d.number(`SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return 0, err
	}
	from = int(format)
	switch {
	case from > Format:
		return from, fmt.Errorf("store has format %d, this is botrelay %s with format %d (use the newer version, or another folder)",
			from, version, Format)
	case from == Format && app == application:
		return from, nil
	case app != application && tables > 0:
		return from, fmt.Errorf("%s is not a store of botrelay (use another folder)", databaseFile)
	}
	if err := d.Exec(`PRAGMA journal_mode = WAL`); err != nil {
		return from, err
	}
	return from, d.upgrade(from)
}

func (d *db) upgrade(from int) (err error) {
	if err := d.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err != nil && !d.GetAutocommit() {
			_ = d.Exec(`ROLLBACK`) // the first error says what is wrong
		}
	}()
	for _, step := range migrations[from:] {
		if err := d.Exec(step); err != nil {
			return fmt.Errorf("bring the store from format %d to %d: %w", from, Format, err)
		}
	}
	mark := fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT`, application, Format)
	return d.Exec(mark)
}
