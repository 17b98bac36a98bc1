-- name: expired
-- Live rows whose time has passed, oldest first.
SELECT rowid, recipient FROM alimi_notifications
WHERE expires_at < ? AND deleted_at IS NULL ORDER BY expires_at LIMIT ?;

-- name: aged
-- Rows older than retention allows.
SELECT rowid, recipient FROM alimi_notifications
WHERE created_at < ? AND deleted_at IS NULL ORDER BY created_at LIMIT ?;

-- name: stretch
-- Some inboxes after a recipient; bounded, however few of them have too many rows.
SELECT recipient, kept FROM alimi_inboxes WHERE recipient > ? ORDER BY recipient LIMIT ?;

-- name: oldest
-- The rows that an inbox with too many gives up.
SELECT rowid FROM alimi_notifications
WHERE recipient = ? AND deleted_at IS NULL ORDER BY content_version LIMIT ?;

-- name: old_tombstones
SELECT rowid, recipient, version FROM alimi_notifications
WHERE deleted_at < ? ORDER BY deleted_at LIMIT ?;

-- name: remove
DELETE FROM alimi_notifications WHERE rowid IN (SELECT value FROM json_each(?));

-- name: forget_seen
-- Watermarks below every row that is left have no row to speak for.
DELETE FROM alimi_seen WHERE recipient = :recipient AND upto < coalesce((
    SELECT min(content_version) FROM alimi_notifications WHERE recipient = :recipient
), 9223372036854775807);

-- name: forget_keys
DELETE FROM alimi_keys WHERE rowid IN (SELECT rowid FROM alimi_keys WHERE at < ? ORDER BY at LIMIT ?);
