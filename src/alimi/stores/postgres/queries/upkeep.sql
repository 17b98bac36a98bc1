-- name: has_schema
SELECT to_regclass('alimi_migrations') IS NOT NULL;

-- name: schema_number
-- And the oldest code that may use it.
SELECT number, compatible_from FROM alimi_migrations ORDER BY number DESC LIMIT 1;

-- name: lock_schema
-- One migration at a time, whoever migrates; ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('alimi.migrate', 0));

-- name: note_migration
INSERT INTO alimi_migrations (number, name, applied_at, compatible_from)
VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $3);

-- name: server
-- What a backup cannot carry along; see epoch.py.
SELECT alimi_server();

-- name: renew_epoch
UPDATE alimi_meta SET value = replace(gen_random_uuid()::text, '-', '') WHERE name = 'epoch'
RETURNING value;

-- name: stored_epoch
SELECT value FROM alimi_meta WHERE name = 'epoch';

-- name: identity
-- Which database this is, also beside copies of it on this server or another, and into how many
-- partitions its recipients are hashed.
SELECT alimi_store() || '/' || 'alimi_outbox'::regclass::oid || '/' || current_database(),
    value::integer
FROM alimi_meta WHERE name = 'partitions';

-- name: is_empty
SELECT NOT EXISTS (SELECT 1 FROM alimi_inboxes) AND NOT EXISTS (SELECT 1 FROM alimi_outbox);

-- name: sizes
SELECT (SELECT count(*) FROM alimi_inboxes),
    (SELECT count(*) FROM alimi_notifications WHERE deleted_at IS NULL),
    (SELECT count(*) FROM alimi_outbox),
    (SELECT min(recorded_at) FROM alimi_outbox),
    (SELECT count(*) FROM alimi_dead_letters),
    (SELECT error FROM alimi_dead_letters ORDER BY seq DESC LIMIT 1),
    current_setting('synchronous_commit'), current_setting('fsync');

-- name: drift
-- Inboxes whose kept counts are not those of their rows.
SELECT i.recipient, i.unread, i.unseen, count(n.id) FILTER (WHERE n.read_at IS NULL),
    count(n.id) FILTER (WHERE n.seen_at IS NULL AND n.content_version > i.seen_upto)
FROM alimi_inboxes AS i
LEFT JOIN alimi_notifications AS n
    ON n.recipient = i.recipient AND n.archived_at IS NULL AND n.deleted_at IS NULL
GROUP BY i.recipient
HAVING i.unread <> count(n.id) FILTER (WHERE n.read_at IS NULL)
    OR i.unseen <> count(n.id) FILTER (WHERE n.seen_at IS NULL AND n.content_version > i.seen_upto)
LIMIT 100;

-- name: has_other_isolation
-- Of who says nothing: what is done in one statement of several steps needs READ COMMITTED.
SELECT current_setting('default_transaction_isolation') <> 'read committed'
    OR current_setting('default_transaction_read_only')::boolean;
