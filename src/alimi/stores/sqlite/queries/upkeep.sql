-- name: schema_number
-- And the oldest code that may use it; without a word about that number only code that knows it.
SELECT number, (SELECT value FROM alimi_meta WHERE name = 'compatible_from.' || number)
FROM (SELECT coalesce(max(number), 0) AS number FROM alimi_migrations);

-- name: has_schema
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alimi_migrations');

-- name: note_migration
INSERT INTO alimi_migrations (number, name, applied_at)
VALUES (?, ?, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));

-- name: note_compatible
INSERT INTO alimi_meta (name, value) SELECT 'compatible_from.' || column1, column2 FROM (VALUES (?, ?));

-- name: identity
-- The epoch, and how many write transactions there were.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'),
    (SELECT value FROM alimi_meta WHERE name = 'changes');

-- name: count_change
-- Count each write transaction of ours; compared with the sidecar at the next start.
UPDATE alimi_meta SET value = ? WHERE name = 'changes';

-- name: set_epoch
UPDATE alimi_meta SET value = ? WHERE name = 'epoch';

-- name: is_empty
SELECT NOT EXISTS (SELECT 1 FROM alimi_inboxes) AND NOT EXISTS (SELECT 1 FROM alimi_outbox);

-- name: sizes
SELECT (SELECT count(*) FROM alimi_inboxes),
    (SELECT count(*) FROM alimi_notifications WHERE deleted_at IS NULL),
    (SELECT count(*) FROM alimi_outbox),
    (SELECT min(recorded_at) FROM alimi_outbox),
    (SELECT count(*) FROM alimi_dead_letters),
    (SELECT error FROM alimi_dead_letters ORDER BY seq DESC LIMIT 1);

-- name: drift
-- Inboxes whose kept counts are not those of their rows.
SELECT i.recipient, i.unread, i.unseen, count(n.rowid) FILTER (WHERE n.read_at IS NULL),
    count(n.rowid) FILTER (WHERE n.seen_at IS NULL AND n.content_version > i.seen_upto)
FROM alimi_inboxes AS i
LEFT JOIN alimi_notifications AS n
    ON n.recipient = i.recipient AND n.archived_at IS NULL AND n.deleted_at IS NULL
GROUP BY i.recipient
HAVING i.unread <> count(n.rowid) FILTER (WHERE n.read_at IS NULL)
    OR i.unseen <> count(n.rowid) FILTER (WHERE n.seen_at IS NULL AND n.content_version > i.seen_upto)
LIMIT 100;
