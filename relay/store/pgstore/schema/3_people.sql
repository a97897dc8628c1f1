-- What a person may change. answers: 0 changed, 1 due now, 2 no such event, 3 not
-- for this sink, 10 and more: 10 + the state that stands against it.

CREATE PROCEDURE botrelay.requeue(
  sources text[], ids text[], sinks text[], routes text[], now bigint, INOUT answers integer[]
) LANGUAGE plpgsql AS $$
DECLARE
  e record;
  d record;
  turned text[] := '{}';
BEGIN
  PERFORM botrelay.durable();
  PERFORM botrelay.lock_numbers();
  PERFORM botrelay.lock_sinks(sinks);
  answers := '{}';
  FOR i IN 1 .. cardinality(ids) LOOP
    SELECT seq, key INTO e FROM botrelay.event WHERE source = sources[i] AND id = ids[i];
    IF NOT FOUND THEN
      answers := answers || 2;
      CONTINUE;
    END IF;
    SELECT state, attempts INTO d FROM botrelay.delivery WHERE seq = e.seq AND sink = sinks[i] FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO botrelay.delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay)
      VALUES (e.seq, sinks[i], nextval('botrelay.number'), botrelay.replay_key(e.key), routes[i], 0, 0, 0, 0, 0, 0, false, 1);
      answers := answers || 0;
    ELSIF d.state = 2 AND d.attempts > 0 THEN
      UPDATE botrelay.delivery SET due = now WHERE seq = e.seq AND sink = sinks[i];
      turned := turned || sinks[i];
      answers := answers || 1;
    ELSIF d.state < 3 THEN
      answers := answers || (10 + d.state);
    ELSE
      UPDATE botrelay.delivery SET state = 0, pos = nextval('botrelay.number'), key = botrelay.replay_key(e.key), due = 0,
        attempts = 0, waited = 0, first = 0, ended = 0, out_of_order = false, replay = replay + 1,
        route = CASE WHEN routes[i] = '' THEN route ELSE routes[i] END
      WHERE seq = e.seq AND sink = sinks[i];
      answers := answers || 0;
    END IF;
  END LOOP;
  UPDATE botrelay.sink SET turn = turn + 1 WHERE name = ANY (turned);
  PERFORM pg_notify('botrelay', 's' || s) FROM unnest(sinks) s;
  COMMIT;
END $$;

-- It draws no number and takes no lock of numbers: a row that ends is none that
-- comes.
CREATE PROCEDURE botrelay.drop(sources text[], ids text[], sinks text[], now bigint, INOUT answers integer[]) LANGUAGE plpgsql AS $$
DECLARE
  e record;
  d record;
  turned text[] := '{}';
BEGIN
  PERFORM botrelay.durable();
  PERFORM botrelay.lock_sinks(sinks);
  answers := '{}';
  FOR i IN 1 .. cardinality(ids) LOOP
    SELECT seq INTO e FROM botrelay.event WHERE source = sources[i] AND id = ids[i];
    IF NOT FOUND THEN
      answers := answers || 2;
      CONTINUE;
    END IF;
    SELECT state INTO d FROM botrelay.delivery WHERE seq = e.seq AND sink = sinks[i] FOR UPDATE;
    IF NOT FOUND THEN
      answers := answers || 3;
    ELSIF d.state IN (0, 1, 2, 4) THEN
      UPDATE botrelay.delivery SET state = 5, due = 0, ended = now WHERE seq = e.seq AND sink = sinks[i];
      turned := CASE WHEN d.state < 3 THEN turned || sinks[i] ELSE turned END;
      answers := answers || 0;
    ELSE
      answers := answers || (10 + d.state);
    END IF;
  END LOOP;
  UPDATE botrelay.sink SET turn = turn + 1 WHERE name = ANY (turned);
  PERFORM pg_notify('botrelay', 's' || s) FROM unnest(turned) s;
  COMMIT;
END $$;

-- Ends these rows of a sink, as far as they are unfinished, and gives them to
-- another unless to_sink is empty.
CREATE PROCEDURE botrelay.move(from_sink text, to_sink text, seqs bigint[], poss bigint[], now bigint, note bytea, INOUT moved integer) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  PERFORM botrelay.lock_numbers();
  PERFORM botrelay.lock_sinks(CASE WHEN to_sink = '' THEN ARRAY[from_sink] ELSE ARRAY[from_sink, to_sink] END);
  moved := 0;
  FOR i IN 1 .. cardinality(seqs) LOOP
    UPDATE botrelay.delivery SET state = 5, due = 0, ended = now, tries = botrelay.add_try(tries, note)
    WHERE seq = seqs[i] AND sink = from_sink AND pos = poss[i] AND state IN (0, 1, 2);
    CONTINUE WHEN NOT FOUND;
    moved := moved + 1;
    CONTINUE WHEN to_sink = '';
    INSERT INTO botrelay.delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay)
    SELECT e.seq, to_sink, nextval('botrelay.number'), botrelay.replay_key(e.key), '', 0, 0, 0, 0, 0, 0, false, 1
    FROM botrelay.event e WHERE e.seq = seqs[i]
    ON CONFLICT DO NOTHING;
  END LOOP;
  UPDATE botrelay.sink SET turn = turn + 1 WHERE name = from_sink;
  PERFORM pg_notify('botrelay', 's' || n) FROM unnest(ARRAY[from_sink, to_sink]) n WHERE n <> '';
  COMMIT;
END $$;

CREATE PROCEDURE botrelay.pause(of_sink text, by_hand boolean) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM botrelay.durable();
  INSERT INTO botrelay.sink (name, paused) VALUES (of_sink, by_hand)
  ON CONFLICT (name) DO UPDATE SET paused = excluded.paused;
  PERFORM pg_notify('botrelay', 's' || of_sink);
  COMMIT;
END $$;
