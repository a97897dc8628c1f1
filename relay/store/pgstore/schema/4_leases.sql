-- A sink is leased whole: owner, epoch and beat of its row.

-- Takes sinks that are still as they were seen. Those that are taken come back.
CREATE PROCEDURE botrelay.take(
  relay text, names text[], owners text[], epochs bigint[], beats bigint[], new_epochs bigint[], INOUT taken text[]
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  PERFORM botrelay.lock_sinks(names);
  WITH t AS (
    UPDATE botrelay.sink s SET owner = relay, epoch = v.new_epoch, beat = 0
    FROM unnest(names, owners, epochs, beats, new_epochs) v(name, owner, epoch, beat, new_epoch)
    WHERE s.name = v.name AND s.owner = v.owner AND s.epoch = v.epoch AND s.beat = v.beat
    RETURNING s.name
  )
  SELECT coalesce(array_agg(name), '{}') INTO taken FROM t;
  COMMIT;
END $$;

-- Raises the beat of what the relay still owns, and the lower bound of reading.
CREATE PROCEDURE botrelay.renew(relay text, names text[], epochs bigint[], lows bigint[], INOUT kept text[]) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  PERFORM FROM botrelay.sink WHERE name = ANY (names) ORDER BY name FOR NO KEY UPDATE;
  WITH k AS (
    UPDATE botrelay.sink s SET beat = s.beat + 1, low = greatest(s.low, v.low)
    FROM unnest(names, epochs, lows) v(name, epoch, low)
    WHERE s.name = v.name AND s.owner = relay AND s.epoch = v.epoch
    RETURNING s.name
  )
  SELECT coalesce(array_agg(name), '{}') INTO kept FROM k;
  COMMIT;
END $$;

-- Lets sinks go.
CREATE PROCEDURE botrelay.clear(relay text, names text[], epochs bigint[]) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  PERFORM FROM botrelay.sink WHERE name = ANY (names) ORDER BY name FOR NO KEY UPDATE;
  UPDATE botrelay.sink s SET owner = '', beat = 0 FROM unnest(names, epochs) v(name, epoch)
  WHERE s.name = v.name AND s.owner = relay AND s.epoch = v.epoch;
  PERFORM pg_notify('botrelay', 's' || n) FROM unnest(names) n;
  COMMIT;
END $$;
