-- For the largest stores: an outbox that several relays work at, and tables in parts, by recipient
-- or by time (docs/postgres-partitions.md).
-- compatible from: 1

-- Hash recipients into so many partitions of the outbox.  What waits lies in the old ones, and who
-- runs knows their number: events of one inbox would overtake each other, and a retraction would
-- not reach everybody.  So nothing may wait and nobody may run.
CREATE FUNCTION alimi_partition_outbox(p_parts integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    running bigint;
BEGIN
    IF (p_parts BETWEEN 1 AND 256) IS NOT TRUE THEN
        RAISE EXCEPTION 'the outbox has 1 to 256 partitions, not %', p_parts
            USING ERRCODE = 'invalid_parameter_value', HINT = 'One for each relay that has work.';
    END IF;
    LOCK TABLE alimi_outbox IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO running FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'alimi' AND pid <> pg_backend_pid();
    IF running > 0 THEN
        RAISE EXCEPTION '% connections of running nodes', running
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Stop whatever uses Alimi on this database, and start it again behind this.';
    ELSIF EXISTS (SELECT 1 FROM alimi_outbox) THEN
        RAISE EXCEPTION 'entries wait in the outbox'
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Stop who records, let one node apply what waits, then stop it too.';
    END IF;
    UPDATE alimi_meta SET value = p_parts WHERE name = 'partitions';
    -- Who has run on, unseen, is refused once in its transactions, and asks anew.
    PERFORM alimi_renew_store();
END
$$;

-- Turn a table into a partitioned one of the same name, with its rows and indexes.  The key must
-- hold what it is partitioned by.  Needs the table alone, and room for a copy.
CREATE FUNCTION alimi_split_table(p_table text, p_by text, p_key text, p_parts text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old regclass := p_table::regclass;
    options text;
    indexes text[];
    statement text;
BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', old);
    IF (SELECT relkind FROM pg_class WHERE oid = old) <> 'r' THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = format('%s is in partitions already', p_table);
    END IF;
    options := coalesce(' WITH (' || array_to_string(
        (SELECT reloptions FROM pg_class WHERE oid = old), ', ') || ')', '');
    indexes := ARRAY(
        SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = old AND NOT indisprimary);

    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_table, p_table || '_whole');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS) PARTITION BY %s',
        p_table, p_table || '_whole', p_by);
    FOREACH statement IN ARRAY p_parts LOOP
        EXECUTE statement || options;
    END LOOP;
    EXECUTE format('INSERT INTO %I SELECT * FROM %I', p_table, p_table || '_whole');
    EXECUTE format('DROP TABLE %I', p_table || '_whole');
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (%s)',
        p_table, p_table || '_pkey', p_key);
    FOREACH statement IN ARRAY indexes LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('ANALYZE %I', p_table);
END
$$;

-- Inboxes, notifications and watermarks in so many parts each; an inbox is whole in one of them.
CREATE FUNCTION alimi_split_by_recipient(p_parts integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT name, key, ARRAY(
            SELECT format('CREATE TABLE %I PARTITION OF %I', name || '_' || n, name)
                || format(' FOR VALUES WITH (MODULUS %s, REMAINDER %s)', p_parts, n)
            FROM generate_series(0, p_parts - 1) AS n
        ) AS made
        FROM (VALUES ('alimi_inboxes', 'recipient'), ('alimi_notifications', 'id, recipient'),
            ('alimi_seen', 'recipient, upto')) AS t (name, key)
    LOOP
        PERFORM alimi_split_table(part.name, 'HASH (recipient)', part.key, part.made);
    END LOOP;
END
$$;

-- Notifications by the time of their event, in milliseconds: one part between each two of the
-- moments, and one for whatever lies before, between or behind.
CREATE FUNCTION alimi_split_by_time(p_moments bigint[]) RETURNS void LANGUAGE sql AS $$
    SELECT alimi_split_table(
        'alimi_notifications', 'RANGE (created_at)', 'id, recipient, created_at',
        ARRAY(
            SELECT format('CREATE TABLE %I PARTITION OF alimi_notifications', 'alimi_notifications_'
                || to_char(to_timestamp(since / 1000.0) AT TIME ZONE 'UTC', 'YYYYMMDD'))
                || format(' FOR VALUES FROM (%s) TO (%s)', since, until)
            FROM unnest(p_moments, p_moments[2:]) AS m (since, until) WHERE until IS NOT NULL
        ) || ARRAY['CREATE TABLE alimi_notifications_rest PARTITION OF alimi_notifications DEFAULT']
    )
$$;

-- Drop one part of the notifications.  Whoever still had rows in it has a new version and a floor
-- as high: readers of that inbox are told to reload, and the counts stay those of the rows.  All who
-- write wait meanwhile, and this for them; who is told of a deadlock tries again.
CREATE FUNCTION alimi_drop_part(p_part regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_inherits
        WHERE inhrelid = p_part AND inhparent = 'alimi_notifications'::regclass)
    THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = format('%s is no part of alimi_notifications', p_part);
    END IF;
    -- All who write notifications lock an inbox first: now there is nobody among them.
    LOCK TABLE alimi_inboxes IN EXCLUSIVE MODE;
    EXECUTE format($sql$
        WITH weight AS (
            SELECT n.recipient, count(*) FILTER (WHERE deleted_at IS NULL) AS kept,
                count(*) FILTER (WHERE deleted_at IS NULL AND archived_at IS NULL
                    AND read_at IS NULL) AS unread,
                count(*) FILTER (WHERE deleted_at IS NULL AND archived_at IS NULL
                    AND seen_at IS NULL AND content_version > i.seen_upto) AS unseen
            FROM %s AS n JOIN alimi_inboxes AS i ON i.recipient = n.recipient
            GROUP BY n.recipient
        )
        UPDATE alimi_inboxes AS i SET version = version + 1, floor = version + 1,
            kept = i.kept - w.kept, unread = i.unread - w.unread, unseen = i.unseen - w.unseen
        FROM weight AS w WHERE i.recipient = w.recipient
    $sql$, p_part);
    GET DIAGNOSTICS touched = ROW_COUNT;
    EXECUTE format('DROP TABLE %s', p_part);
    RETURN touched;
END
$$;
