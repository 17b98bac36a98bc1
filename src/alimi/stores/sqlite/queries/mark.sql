-- name: mark_ids
-- Pieces of the queries below.  First which rows a mark means: those named, those of one version, or
-- what a list shows up to a content version.
id IN (SELECT value FROM json_each(:target));

-- name: mark_at
version = :target;

-- name: mark_upto
content_version <= :target AND archived_at IS NULL;

-- name: mark_upto_archived
content_version <= :target AND archived_at IS NOT NULL;

-- name: changed_by_read
-- Which of them the action would change; all others stay as they are.
read_at IS NULL;

-- name: changed_by_unread
read_at IS NOT NULL;

-- name: changed_by_archive
archived_at IS NULL;

-- name: changed_by_unarchive
archived_at IS NOT NULL;

-- name: changed_by_delete
1;

-- name: set_read
-- Read implies seen, unread does not clear it; archiving never changes read.
read_at = :now, seen_at = CASE WHEN seen_at IS NULL AND content_version > :seen_upto THEN :now ELSE seen_at END;

-- name: set_unread
read_at = NULL;

-- name: set_archive
archived_at = :now;

-- name: set_unarchive
archived_at = NULL;

-- name: set_delete
-- What is left of a row when it is gone: a version, and nothing that a person wrote.
deleted_at = :now, content = '{"texts":{}}', kind = '', category = '', about = NULL, expires_at = NULL;

-- name: these
-- What is buried by retractions and the sweeper.
rowid IN (SELECT value FROM json_each(:rowids));

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
