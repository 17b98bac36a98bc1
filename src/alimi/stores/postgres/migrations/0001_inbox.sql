-- The outbox, the inboxes and what a store must remember of itself.
-- Times are milliseconds since 1970 UTC.  Texts that are compared are compared by their bytes.

CREATE TABLE alimi_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied_at bigint NOT NULL,
    compatible_from integer NOT NULL
);

-- epoch: the store's identity as the database keeps it; see epoch.py for what is added.
-- partitions: into how many parts recipients are hashed.
CREATE TABLE alimi_meta (
    name text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO alimi_meta (name, value) VALUES
    ('epoch', replace(gen_random_uuid()::text, '-', '')), ('partitions', '1');

-- What was committed and not yet applied, in order of txid and seq.  Lane 1 is the bulk lane: an
-- event to very many is written as several rows, each with its own recipients; the first says by
-- `rest` how many rows follow it.
-- A retraction has about and recipients (NULL: everybody).  A signal has its name as kind and its
-- data as content.
-- checked: written by Alimi itself, so the relay need not ask whether readers can decode it.
-- txid bounds the relay's claim from below: whatever an old snapshot keeps alive lies before it.
CREATE TABLE alimi_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    part smallint NOT NULL DEFAULT 0,
    lane smallint NOT NULL DEFAULT 0,
    size integer NOT NULL DEFAULT 1,
    rest integer NOT NULL DEFAULT 0,
    type text NOT NULL DEFAULT 'event',
    event_id text NOT NULL,
    key text COLLATE "C",
    fingerprint text,
    recorded_at bigint NOT NULL,
    recipients text[] COLLATE "C",
    kind text,
    category text,
    about text COLLATE "C",
    created_at bigint NOT NULL,
    expires_at bigint,
    content json,
    checked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (part, lane, txid, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX alimi_outbox_key ON alimi_outbox (key) WHERE key IS NOT NULL;
CREATE INDEX alimi_outbox_about ON alimi_outbox (about) WHERE lane = 1 AND about IS NOT NULL;

-- Never deleted, so that versions never repeat.  kept: rows that are not tombstones.
-- Room in each page keeps a new version of a row beside the old one, without touching the index.
CREATE TABLE alimi_inboxes (
    recipient text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    floor bigint NOT NULL DEFAULT 0,
    seen_upto bigint NOT NULL DEFAULT 0,
    seen_version bigint NOT NULL DEFAULT 0,
    unread integer NOT NULL DEFAULT 0,
    unseen integer NOT NULL DEFAULT 0,
    kept integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- A row with deleted_at is a tombstone: a version and no content.
-- Ids rise with time: with them in front, a batch to many recipients touches one page of that index
-- and not one for each recipient.
-- content is json and not jsonb: it comes out as it went in, \u0000 included, and is never parsed.
CREATE TABLE alimi_notifications (
    recipient text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    born bigint NOT NULL,
    content_version bigint NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint,
    read_at bigint,
    archived_at bigint,
    expires_at bigint,
    deleted_at bigint,
    kind text NOT NULL,
    category text NOT NULL,
    about text COLLATE "C",
    content json NOT NULL,
    PRIMARY KEY (id, recipient)
);

CREATE INDEX alimi_notifications_version ON alimi_notifications (recipient, version);
CREATE INDEX alimi_notifications_content ON alimi_notifications (recipient, content_version)
    WHERE deleted_at IS NULL;
CREATE INDEX alimi_notifications_archived ON alimi_notifications (recipient, content_version)
    WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_about ON alimi_notifications (about, recipient)
    WHERE about IS NOT NULL AND read_at IS NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_created ON alimi_notifications (created_at)
    WHERE deleted_at IS NULL;
CREATE INDEX alimi_notifications_expires ON alimi_notifications (expires_at)
    WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_deleted ON alimi_notifications (deleted_at)
    WHERE deleted_at IS NOT NULL;

-- When the seen watermark passed which content version; so "seen" never rewrites rows.
CREATE TABLE alimi_seen (
    recipient text COLLATE "C" NOT NULL,
    upto bigint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (recipient, upto)
);

-- Used idempotency keys, kept for some days and as long as a row bears their event's id.
-- at: when it was used, or when it was last looked at and kept.
CREATE TABLE alimi_keys (
    key text COLLATE "C" NOT NULL,
    part smallint NOT NULL DEFAULT 0,
    event_id text COLLATE "C" NOT NULL,
    fingerprint text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (key, part)
);

CREATE INDEX alimi_keys_at ON alimi_keys (at);

-- What could not be applied, as it was, and why.
CREATE TABLE alimi_dead_letters (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL,
    entry text NOT NULL,
    error text NOT NULL,
    failed_at bigint NOT NULL
);

-- From now on this is another store than before, says alimi_store().  That is a function and no row:
-- its answer is a constant in the plan of a statement, and to replace it makes the plan void, which
-- each transaction notices, whatever its snapshot.
CREATE FUNCTION alimi_renew_store() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE alimi_outbox IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE OR REPLACE FUNCTION %s.alimi_store() RETURNS text LANGUAGE sql STABLE'
        ' AS %L',
        (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'alimi_outbox'::regclass),
        format('SELECT %L::text', gen_random_uuid()));
END
$$;

SELECT alimi_renew_store();

-- Where this database is, beyond what is stored: the server's system identifier, where an ordinary
-- role may ask for it, its timeline, and the database's own number, which a copy does not have.
CREATE FUNCTION alimi_server() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    system text := '';
    timeline text := 'standby';
BEGIN
    IF has_function_privilege('pg_control_system()'::regprocedure, 'EXECUTE') THEN
        system := to_hex((pg_control_system()).system_identifier);
    END IF;
    IF NOT pg_is_in_recovery()
        AND has_function_privilege('pg_current_wal_lsn()'::regprocedure, 'EXECUTE')
        AND has_function_privilege('pg_walfile_name(pg_lsn)'::regprocedure, 'EXECUTE')
    THEN
        timeline := ltrim(left(pg_walfile_name(pg_current_wal_lsn()), 8), '0');
    END IF;
    RETURN concat_ws('.', system, timeline,
        (SELECT to_hex(oid::bigint) FROM pg_database WHERE datname = current_database()));
END
$$;

-- Which life of the server this is.  After a crash, be it of one backend, the id of a transaction
-- that had not reached the log is given again to another; statistics begin anew with each recovery.
-- As numbers, which no session's time zone changes.
CREATE FUNCTION alimi_life() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN concat_ws(' ', alimi_server(), extract(epoch FROM pg_postmaster_start_time()),
        extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()));
END
$$;
