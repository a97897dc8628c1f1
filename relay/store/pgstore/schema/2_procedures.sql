-- Whatever writes is one CALL: the server has the whole of it before it begins,
-- and commits by itself, so that a relay that freezes holds no lock. The
-- isolation is READ COMMITTED: each statement sees what was committed when it
-- began, and so what the lock before it has waited for.

-- The settings of a transaction that writes; returns what its commit waits for.
-- Nothing here wants to read a whole table, whatever the statistics say.
CREATE FUNCTION botrelay.durable() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', '8s', true), set_config('idle_in_transaction_session_timeout', '5s', true),
    set_config('enable_seqscan', 'off', true);
  RETURN current_setting('synchronous_commit');
END $$;

-- Whoever draws a number, or adds, revives or removes rows, waits for this
-- first, in a statement of its own.
CREATE FUNCTION botrelay.lock_numbers() RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(1651666041, 1)
$$;

-- How the key of a replayed delivery stands in its column.
CREATE FUNCTION botrelay.replay_key(key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN octet_length(key) < 256 THEN '+' || key
    ELSE 'sha256:' || encode(sha256(convert_to('+' || key, 'UTF8')), 'hex') END
$$;

-- What stands for a body that is not kept.
CREATE FUNCTION botrelay.body_hash(raw bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT substring(sha256(raw) FROM 1 FOR 16)
$$;

-- Keeps the first and the last four tries.
CREATE FUNCTION botrelay.add_try(tries bytea[], try bytea) RETURNS bytea[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN tries IS NULL THEN ARRAY[try] WHEN cardinality(tries) < 5 THEN tries || try
    ELSE tries[1:1] || tries[3:5] || try END
$$;

-- Makes the rows of sinks, and locks those that are given.
CREATE FUNCTION botrelay.lock_sinks(names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO botrelay.sink (name) SELECT DISTINCT n COLLATE "C" FROM unnest(names) n ORDER BY 1 ON CONFLICT DO NOTHING;
  PERFORM FROM botrelay.sink WHERE name = ANY (names) ORDER BY name FOR NO KEY UPDATE;
END $$;

-- known is for each event 0 new, 1 a duplicate, 2 one with another body. An id
-- stands once in a call.
CREATE PROCEDURE botrelay.append(
  sources text[], ids text[], receiveds bigint[], keys text[], bots text[], events text[], codes text[], sub_codes text[],
  sides text[], troubles text[], sums bytea[], fieldss bytea[], raws bytea[],
  ofs integer[], sinks text[], sink_keys text[], routes text[], dues bigint[],
  new_sinks text[], tell text[],
  INOUT seqs bigint[], INOUT known integer[], INOUT sync text
) LANGUAGE plpgsql AS $$
DECLARE
  n integer := cardinality(ids);
  base bigint;
  fresh integer;
BEGIN
  sync := botrelay.durable();
  IF cardinality(new_sinks) > 0 THEN
    INSERT INTO botrelay.sink (name) SELECT DISTINCT s COLLATE "C" FROM unnest(new_sinks) s ORDER BY 1 ON CONFLICT DO NOTHING;
  END IF;
  PERFORM botrelay.lock_numbers();
  base := nextval('botrelay.number');
  IF n > 1 THEN
    PERFORM setval('botrelay.number', base + n - 1);
  END IF;
  WITH fresh AS (
    INSERT INTO botrelay.event (seq, source, id, received, key, bot, event, code, sub_code, side, trouble, sum, fields, raw)
    SELECT base + v.ord - 1, v.source, v.id, v.received, v.key, nullif(v.bot, ''), v.event, v.code, v.sub_code, v.side, v.trouble, v.sum, v.fields, v.raw
    FROM unnest(sources, ids, receiveds, keys, bots, events, codes, sub_codes, sides, troubles, sums, fieldss, raws)
      WITH ORDINALITY v(source, id, received, key, bot, event, code, sub_code, side, trouble, sum, fields, raw, ord)
    WHERE NOT EXISTS (SELECT FROM botrelay.seen s WHERE s.source = v.source AND s.id = v.id)
    ON CONFLICT (source, id) DO NOTHING
    RETURNING seq
  ), added AS (
    INSERT INTO botrelay.delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay)
    SELECT f.seq, v.sink, f.seq, v.key, v.route, CASE WHEN v.due = 0 THEN 0 ELSE 2 END, v.due, 0, 0, 0, 0, false, 0
    FROM unnest(ofs, sinks, sink_keys, routes, dues) v(of, sink, key, route, due)
    JOIN fresh f ON f.seq = base + v.of
  )
  SELECT count(*) INTO fresh FROM fresh;
  IF fresh = n THEN
    seqs := array(SELECT base + i FROM generate_series(0, n - 1) i);
    known := array_fill(0, ARRAY[n]);
  ELSE
    SELECT array_agg(coalesce(e.seq, 0) ORDER BY v.ord), array_agg(CASE
        WHEN e.seq = base + v.ord - 1 THEN 0
        WHEN e.seq IS NOT NULL THEN CASE WHEN e.raw = v.raw THEN 1 ELSE 2 END
        WHEN s.body = botrelay.body_hash(v.raw) THEN 1
        ELSE 2 END ORDER BY v.ord)
    INTO seqs, known
    FROM unnest(sources, ids, raws) WITH ORDINALITY v(source, id, raw, ord)
    LEFT JOIN botrelay.event e ON e.source = v.source AND e.id = v.id
    LEFT JOIN botrelay.seen s ON s.source = v.source AND s.id = v.id;
  END IF;
  PERFORM pg_notify('botrelay', 'a' || t) FROM unnest(tell) t;
  COMMIT;
END $$;

-- Where some rows of a sink lie, NULL for those that are not there, in the order
-- asked for. A subquery looks them up one by one; a join with the table would
-- read all of it as long as there are no statistics, as after a burst into an
-- empty table. Whoever holds the sink's row is the only one to move them.
CREATE FUNCTION botrelay.places(of_sink text, seqs bigint[], poss bigint[]) RETURNS tid[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN array(
    SELECT (SELECT d.ctid FROM botrelay.delivery d WHERE d.seq = r.seq AND d.sink = of_sink AND d.pos = r.pos)
    FROM unnest(seqs, poss) WITH ORDINALITY r(seq, pos, ord) ORDER BY r.ord);
END $$;

-- Records outcomes of one sink, if its lease is still this one, and holds rows.
-- lost has the places of the outcomes that no row took, from 0. again says that
-- the same call may have happened: a row whose last try is this one has it.
CREATE PROCEDURE botrelay.settle(
  of_sink text, of_owner text, of_epoch bigint, now bigint, again boolean,
  seqs bigint[], poss bigint[], states smallint[], dues bigint[], counts integer[], waits bigint[], begans bigint[],
  detached boolean[], notes bytea[], hold_seqs bigint[], hold_poss bigint[],
  INOUT leased boolean, INOUT lost integer[]
) LANGUAGE plpgsql AS $$
DECLARE
  at tid[];
BEGIN
  PERFORM botrelay.durable();
  PERFORM FROM botrelay.sink WHERE name = of_sink AND owner = of_owner AND epoch = of_epoch FOR NO KEY UPDATE;
  leased := FOUND;
  IF leased THEN
    at := botrelay.places(of_sink, seqs, poss);
    WITH v AS MATERIALIZED (
      SELECT * FROM unnest(seqs, poss, states, dues, counts, waits, begans, detached, notes, at)
        WITH ORDINALITY v(seq, pos, state, due, counted, wait, began, detach, try, at, ord)
    ), changed AS (
      UPDATE botrelay.delivery d SET
        state = v.state, due = v.due, attempts = d.attempts + v.counted, waited = d.waited + v.wait,
        first = CASE WHEN d.first = 0 THEN v.began ELSE d.first END,
        ended = CASE WHEN v.state = 2 THEN 0 ELSE now END,
        out_of_order = d.out_of_order OR v.detach,
        tries = botrelay.add_try(d.tries, v.try)
      FROM v
      WHERE d.ctid = v.at AND ROW(d.seq, d.sink, d.pos) IS NOT DISTINCT FROM ROW(v.seq, of_sink, v.pos)
        AND (d.state IN (0, 1, 2) OR d.state = 5 AND v.state = 3)
        AND NOT (again AND d.tries[cardinality(d.tries)] IS NOT DISTINCT FROM v.try)
      RETURNING v.ord
    ), known AS ( -- recorded by an earlier run of this call
      SELECT v.ord FROM v JOIN botrelay.delivery d ON d.ctid = v.at
      WHERE again AND d.tries[cardinality(d.tries)] = v.try
    )
    SELECT coalesce(array_agg(v.ord - 1 ORDER BY v.ord), '{}') INTO lost FROM v
    WHERE v.ord NOT IN (SELECT ord FROM changed) AND v.ord NOT IN (SELECT ord FROM known);
    IF cardinality(hold_seqs) > 0 THEN
      at := botrelay.places(of_sink, hold_seqs, hold_poss);
      UPDATE botrelay.delivery d SET state = 1 FROM unnest(at) h(at)
      WHERE d.ctid = h.at AND d.state = 0;
    END IF;
    IF 3 = ANY (states) THEN
      UPDATE botrelay.sink SET last_ok = now WHERE name = of_sink AND now - last_ok NOT BETWEEN 0 AND 999999999;
    END IF;
  END IF;
  COMMIT;
END $$;

CREATE PROCEDURE botrelay.put(of_owner bytea, of_key bytea, new_value bytea, keep_until bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  IF new_value IS NULL THEN
    DELETE FROM botrelay.memory WHERE owner = of_owner AND key = of_key;
  ELSE
    INSERT INTO botrelay.memory (owner, key, value, until) VALUES (of_owner, of_key, new_value, keep_until)
    ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, until = excluded.until;
  END IF;
  COMMIT;
END $$;

-- Forgets what has had its time, some of it at a time.
CREATE PROCEDURE botrelay.expire(now bigint, before_day integer, INOUT removed integer) LANGUAGE plpgsql AS $$
DECLARE
  n integer;
BEGIN
  PERFORM botrelay.durable();
  DELETE FROM botrelay.memory WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM botrelay.memory WHERE until > 0 AND until < now LIMIT 200 FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS removed = ROW_COUNT;
  DELETE FROM botrelay.seen WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM botrelay.seen WHERE day < before_day LIMIT 200 FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS n = ROW_COUNT;
  removed := removed + n;
  COMMIT;
END $$;

-- Those of some events that nothing rests of: no delivery is open, none has died
-- of late, and they are not quarantined of late.
CREATE FUNCTION botrelay.finished(seqs bigint[], dead_before bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT array_agg(e.seq) FROM botrelay.event e
    WHERE e.seq = ANY (seqs) AND NOT (e.trouble <> '' AND e.received > dead_before)
      AND (SELECT bool_or(d.state IN (0, 1, 2) OR d.state = 4 AND d.ended > dead_before)
        FROM botrelay.delivery d WHERE d.seq = e.seq) IS NOT TRUE);
END $$;

-- Looks at the next events after a number and removes those that have had their
-- time, with their deliveries. An id that has to be known for longer is kept.
-- One relay at a time does this.
CREATE PROCEDURE botrelay.retain(
  step integer, finished_before bigint, dead_before bigint, ids_after bigint,
  INOUT after bigint, INOUT ended boolean, INOUT removed integer
) LANGUAGE plpgsql AS $$
DECLARE
  old bigint[];
  looked integer;
  last bigint;
BEGIN
  removed := 0;
  ended := true;
  PERFORM botrelay.durable();
  IF NOT pg_try_advisory_xact_lock(1651666041, 3) THEN
    COMMIT;
    RETURN;
  END IF;
  SELECT count(*), max(seq), array_agg(seq) FILTER (WHERE received <= finished_before) INTO looked, last, old
  FROM (SELECT seq, received FROM botrelay.event WHERE seq > after ORDER BY seq LIMIT step) e;
  after := coalesce(last, after);
  ended := looked < step OR old IS NULL;
  old := botrelay.finished(old, dead_before);
  IF old IS NOT NULL THEN
    PERFORM botrelay.lock_numbers();
    old := botrelay.finished(old, dead_before); -- somebody may have revived one
    INSERT INTO botrelay.seen (source, id, body, day)
    SELECT source, id, botrelay.body_hash(raw), received / 86400000000000 FROM botrelay.event WHERE seq = ANY (old) AND received > ids_after
    ON CONFLICT DO NOTHING;
    DELETE FROM botrelay.delivery WHERE seq = ANY (old);
    DELETE FROM botrelay.event WHERE seq = ANY (old);
    GET DIAGNOSTICS removed = ROW_COUNT;
  END IF;
  COMMIT;
END $$;

-- Brings due times back that no wait explains: a clock that was ahead wrote them.
CREATE PROCEDURE botrelay.clamp(names text[], now bigint, latest bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  PERFORM botrelay.lock_sinks(names);
  UPDATE botrelay.delivery d SET due = now FROM unnest(names) s(name)
  WHERE d.sink = s.name AND d.due > latest AND d.state = 2
    AND (d.attempts > 0 OR (SELECT received FROM botrelay.event e WHERE e.seq = d.seq) > now);
  COMMIT;
END $$;
