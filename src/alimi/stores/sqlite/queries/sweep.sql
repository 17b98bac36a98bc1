-- name: expired
-- Live rows whose time has passed, oldest first.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE expires_at < ? AND deleted_at IS NULL ORDER BY expires_at LIMIT ?
);

-- name: aged
-- Rows older than retention allows.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE created_at < ? AND deleted_at IS NULL ORDER BY created_at LIMIT ?
);

-- name: stretch
-- Some inboxes after a recipient; bounded, however few of them have too many rows.
SELECT count(*), max(recipient),
    json_group_array(json_array(recipient, kept)) FILTER (WHERE kept > :rows)
FROM (
    SELECT recipient, kept FROM alimi_inboxes WHERE recipient > :after ORDER BY recipient LIMIT :limit
);

-- name: oldest
-- The rows that an inbox with too many gives up.
SELECT json_group_array(rowid) FROM (
    SELECT rowid FROM alimi_notifications
    WHERE recipient = ? AND deleted_at IS NULL ORDER BY content_version LIMIT ?
);

-- name: old_tombstones
-- What may be pruned.
SELECT json_group_array(json_array(rowid, recipient, version)) FROM (
    SELECT rowid, recipient, version FROM alimi_notifications
    WHERE deleted_at < ? ORDER BY deleted_at LIMIT ?
);

-- name: remove
DELETE FROM alimi_notifications WHERE rowid IN (SELECT value FROM json_each(?));

-- name: forget_seen
-- Watermarks below every row that is left have no row to speak for.
DELETE FROM alimi_seen WHERE recipient = :recipient AND upto < coalesce((
    SELECT min(content_version) FROM alimi_notifications
    WHERE recipient = :recipient AND deleted_at IS NULL
), 9223372036854775807);

-- name: old_keys
-- Keys whose days are over, oldest first, and whether rows (tombstones too) still bear their id:
-- such a key is kept, for who used it again would be told "recorded" and nothing would arrive.
SELECT json_group_array(rowid), json_group_array(rowid) FILTER (WHERE EXISTS (
    SELECT 1 FROM alimi_notifications WHERE id = event_id
))
FROM (SELECT rowid, event_id FROM alimi_keys WHERE at < ? ORDER BY at LIMIT ?);

-- name: keep_keys
-- Looked at again after as many days as now, so that each step meets other keys.
UPDATE alimi_keys SET at = ? WHERE rowid IN (SELECT value FROM json_each(?));

-- name: forget_keys
DELETE FROM alimi_keys WHERE rowid IN (SELECT value FROM json_each(?));
