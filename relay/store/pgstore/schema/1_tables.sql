-- Times are nanoseconds since 1970, 0 for none. Names sort by their bytes, so
-- that pages and prefixes do not depend on the database's language.

CREATE TABLE botrelay.meta (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO botrelay.meta (name, value) VALUES ('format', 1);

-- The next number, of events and of places in the order. It is drawn under the
-- lock of numbers only, so that numbers become visible in order.
CREATE SEQUENCE botrelay.number;

CREATE TABLE botrelay.event (
  seq bigint PRIMARY KEY,               -- commit order
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  received bigint NOT NULL,
  key text COLLATE "C" NOT NULL,        -- what keeps it in order; sha256:... stands for a long one
  bot text COLLATE "C",                 -- of events on a bot's timeline only
  event text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  sub_code text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL,
  trouble text COLLATE "C" NOT NULL,    -- why it is quarantined
  sum bytea NOT NULL,                   -- over source, id, received, key, fields and raw
  fields bytea NOT NULL,
  raw bytea NOT NULL                    -- the body as received
);
CREATE UNIQUE INDEX event_id ON botrelay.event (source, id);
CREATE INDEX event_bot ON botrelay.event (source, bot, seq) WHERE bot IS NOT NULL;
CREATE INDEX event_trouble ON botrelay.event (seq) WHERE trouble <> '';

CREATE TABLE botrelay.delivery (
  seq bigint NOT NULL,                  -- of its event
  sink text COLLATE "C" NOT NULL,
  pos bigint NOT NULL,                  -- its place in the order
  key text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  state smallint NOT NULL,              -- 0 ready, 1 held, 2 waiting, 3 delivered, 4 dead, 5 dropped, 6 muted
  due bigint NOT NULL,
  attempts integer NOT NULL,
  waited bigint NOT NULL,
  first bigint NOT NULL,
  ended bigint NOT NULL,
  out_of_order boolean NOT NULL,
  replay integer NOT NULL,
  tries bytea[],                        -- the first and the last four
  PRIMARY KEY (seq, sink)
);
CREATE INDEX delivery_ready ON botrelay.delivery (sink, pos) WHERE state = 0;
CREATE INDEX delivery_blocked ON botrelay.delivery (sink, key, state, pos) WHERE state IN (1, 2) AND key <> '' AND NOT out_of_order;
CREATE INDEX delivery_due ON botrelay.delivery (sink, due, pos) WHERE state = 2;
CREATE INDEX delivery_dead ON botrelay.delivery (sink, ended) WHERE state = 4;

-- Each row is written two or three times and soon final: its dead versions go
-- early, in small portions, before the partial indexes are full of them.
ALTER TABLE botrelay.delivery SET (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 1
);

-- The ids of events that were removed before they were seven days old.
CREATE TABLE botrelay.seen (
  source text COLLATE "C", id text COLLATE "C", body bytea NOT NULL, day integer NOT NULL, PRIMARY KEY (source, id)
);
CREATE INDEX seen_day ON botrelay.seen (day);

CREATE TABLE botrelay.memory (
  owner bytea, key bytea, value bytea NOT NULL, until bigint NOT NULL, PRIMARY KEY (owner, key)
) WITH (fillfactor = 50);
CREATE INDEX memory_until ON botrelay.memory (until) WHERE until > 0;

CREATE TABLE botrelay.sink (
  name text COLLATE "C" PRIMARY KEY,
  paused boolean NOT NULL DEFAULT false, -- by hand
  turn bigint NOT NULL DEFAULT 0,        -- raised by a drop, a due-now and a move away
  owner text NOT NULL DEFAULT '',        -- the relay that sends for it; empty for none
  epoch bigint NOT NULL DEFAULT 0,       -- random, drawn at each taking
  beat bigint NOT NULL DEFAULT 0,        -- raised by the owner, to be seen alive
  low bigint NOT NULL DEFAULT 0,         -- no ready row lies below
  last_ok bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
