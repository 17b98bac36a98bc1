-- name: epoch
SELECT value FROM alimi_meta WHERE name = 'epoch';

-- name: changes
-- One query for all who ask: each inbox's facts and the first rows after its position.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'), json_group_array(json_array(
    n.id, n.version, n.born, n.content_version, n.kind, n.category, json(n.content), n.created_at,
    CASE WHEN n.seen_at IS NULL AND n.content_version <= i.seen_upto THEN (
        SELECT s.at FROM alimi_seen AS s
        WHERE s.recipient = n.recipient AND s.upto >= n.content_version ORDER BY s.upto LIMIT 1
    ) ELSE n.seen_at END,
    n.read_at, n.archived_at, n.expires_at, n.deleted_at,
    w.key, i.version, i.floor, i.seen_upto, i.seen_version, i.unread, i.unseen, length(n.content)
))
FROM json_each(:wanted) AS w
LEFT JOIN alimi_inboxes AS i ON i.recipient = json_extract(w.value, '$[0]')
LEFT JOIN alimi_notifications AS n ON n.rowid IN ({rows});

-- name: rows_after
-- Walks (recipient, version) from the position and stops at the limit, so the cost depends only on
-- what was missed.
SELECT x.rowid FROM alimi_notifications AS x
WHERE x.recipient = i.recipient AND x.version > json_extract(w.value, '$[1]')
    AND json_extract(w.value, '$[1]') >= i.floor
ORDER BY x.version LIMIT :limit;

-- name: rows_within
-- The same for large rows: of those the versions that begin within so many characters of content.
SELECT id FROM (
    SELECT y.id, sum(length(y.content)) OVER (
        ORDER BY y.version RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before
    FROM (
        SELECT x.rowid AS id, x.version, x.content FROM alimi_notifications AS x
        WHERE x.recipient = i.recipient AND x.version > json_extract(w.value, '$[1]')
            AND json_extract(w.value, '$[1]') >= i.floor
        ORDER BY x.version LIMIT :limit
    ) AS y
) WHERE before IS NULL OR before < :size;

-- name: whole_version
-- A version with more rows than a page holds, told as a whole.
SELECT max(content_version), coalesce(max(born) FILTER (WHERE deleted_at IS NULL), 0)
FROM alimi_notifications WHERE recipient = ? AND version = ?;

-- name: heads
-- The epoch and the heads of those inboxes that exist.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'), json_group_object(recipient, version)
FROM alimi_inboxes WHERE recipient IN (SELECT value FROM json_each(?));

-- name: page
-- Rows of one inbox with its facts: the newest content first, or those named.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'),
    (SELECT json_array(version, unread, unseen) FROM alimi_inboxes WHERE recipient = :recipient),
    (SELECT json_group_array(json_array(
        id, version, born, content_version, kind, category, json(content), created_at,
        CASE WHEN seen_at IS NULL AND content_version <= seen_upto THEN (
            SELECT s.at FROM alimi_seen AS s
            WHERE s.recipient = :recipient AND s.upto >= content_version ORDER BY s.upto LIMIT 1
        ) ELSE seen_at END,
        read_at, archived_at, expires_at, deleted_at
    )) FROM (
        SELECT n.*, (SELECT seen_upto FROM alimi_inboxes WHERE recipient = :recipient) AS seen_upto
        FROM alimi_notifications AS n
        WHERE n.recipient = :recipient AND n.deleted_at IS NULL {which}
    ));

-- name: page_ids
-- Without ORDER BY: it would have the whole inbox walked in order.
AND n.id IN (SELECT value FROM json_each(:ids));

-- name: page_archived
AND n.archived_at IS NOT NULL;

-- name: page_shown
AND n.archived_at IS NULL;

-- name: page_before
AND n.content_version < :before;

-- name: page_unread
AND n.read_at IS NULL;

-- name: page_category
AND n.category = :category;

-- name: newest
ORDER BY n.content_version DESC LIMIT :limit;

-- name: newest_unread
-- All the unread found: without this an inbox that was read is walked to its end, for nothing.
ORDER BY n.content_version DESC LIMIT min(:limit, coalesce((
    SELECT unread FROM alimi_inboxes WHERE recipient = :recipient
), 0));
