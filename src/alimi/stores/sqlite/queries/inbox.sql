-- name: inboxes
SELECT json_group_array(
    json_array(recipient, version, floor, seen_upto, seen_version, unread, unseen, kept))
FROM alimi_inboxes WHERE recipient IN (SELECT value FROM json_each(?));

-- name: save_inbox
INSERT INTO alimi_inboxes
    (recipient, version, floor, seen_upto, seen_version, unread, unseen, kept)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (recipient) DO UPDATE SET
    version = excluded.version, floor = excluded.floor, seen_upto = excluded.seen_upto,
    seen_version = excluded.seen_version, unread = excluded.unread, unseen = excluded.unseen,
    kept = excluded.kept;

-- name: insert
INSERT INTO alimi_notifications
    (recipient, id, version, born, content_version, created_at, expires_at, kind, category, about, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: owners
-- Which of these (id, recipient) are notifications already.
SELECT json_group_array(json_array(n.id, n.recipient)) FROM json_each(?) AS w
CROSS JOIN alimi_notifications AS n
    ON n.id = json_extract(w.value, '$[0]') AND n.recipient = json_extract(w.value, '$[1]');

-- name: weigh
-- What rows weigh in the counts before a change.
SELECT count(*),
    coalesce(sum(archived_at IS NULL AND read_at IS NULL), 0),
    coalesce(sum(archived_at IS NULL AND seen_at IS NULL AND content_version > :seen_upto), 0)
FROM alimi_notifications WHERE {where} AND deleted_at IS NULL;

-- name: stamp
-- One version for all rows that one call changes.
UPDATE alimi_notifications SET version = :version, {assign}
WHERE {where} AND deleted_at IS NULL;

-- name: weigh_version
-- What the rows of one version weigh after the change; tombstones weigh nothing.
SELECT count(*),
    coalesce(sum(deleted_at IS NULL AND archived_at IS NULL AND read_at IS NULL), 0),
    coalesce(sum(deleted_at IS NULL AND archived_at IS NULL AND seen_at IS NULL
        AND content_version > :seen_upto), 0)
FROM alimi_notifications WHERE recipient = :recipient AND version = :version;

-- name: ids_of_version
SELECT json_group_array(id) FROM (
    SELECT id FROM alimi_notifications
    WHERE recipient = :recipient AND version = :version ORDER BY content_version DESC LIMIT :limit
);

-- name: newest_of_version
-- The same of so many rows that most of the newest are among them; live ones only.
SELECT json_group_array(id) FROM (
    SELECT id FROM alimi_notifications
    WHERE recipient = :recipient AND +version = :version AND deleted_at IS NULL
    ORDER BY content_version DESC LIMIT :limit
);

-- name: unseen_between
-- How many live rows a move of the seen watermark would newly pass.
SELECT count(*) FROM alimi_notifications
WHERE recipient = ? AND content_version > ? AND content_version <= ?
    AND seen_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL;

-- name: pass_watermark
INSERT INTO alimi_seen (recipient, upto, at) VALUES (?, ?, ?);

-- name: unread_about
-- What a retraction withdraws: everything still unread about a matter, archived or not.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE about = ? AND read_at IS NULL AND deleted_at IS NULL LIMIT ?
);

-- name: unread_about_of
-- The same in the named inboxes.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE about = ? AND recipient IN (SELECT value FROM json_each(?))
        AND read_at IS NULL AND deleted_at IS NULL LIMIT ?
);
