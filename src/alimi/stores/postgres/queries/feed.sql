-- name: changes
-- One statement, and so one snapshot, for all who ask: each inbox's facts and the first rows after
-- its position.  Walks (recipient, version) from there and stops at the limit, so the cost depends
-- only on what was missed; versions that begin behind so many bytes of content stay for later.
-- Neither the planner's guess of how long the arrays are nor of the limit may depend on their
-- values (hence the subselects and LIMIT 1): then one plan serves all, which probes indexes and never
-- sorts an inbox.
-- A version with more rows than the limit is told as a whole, by its last row that was read.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'),
    w.place, i.version, i.floor, i.seen_upto, i.seen_version, i.unread, i.unseen,
    n.size, CASE WHEN n.place > $3 AND n.version = n.first_version THEN (
        SELECT ARRAY[max(y.content_version),
            coalesce(max(y.born) FILTER (WHERE y.deleted_at IS NULL), 0)]
        FROM alimi_notifications AS y
        WHERE y.recipient = w.recipient AND y.version = n.version
    ) END,
    n.id, n.version, n.born, n.content_version, n.kind, n.category, n.content, n.created_at,
    CASE WHEN n.seen_at IS NULL AND n.content_version <= i.seen_upto THEN (
        SELECT s.at FROM alimi_seen AS s
        WHERE s.recipient = w.recipient AND s.upto >= n.content_version ORDER BY s.upto LIMIT 1
    ) ELSE n.seen_at END,
    n.read_at, n.archived_at, n.expires_at, n.deleted_at
FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS w (recipient, after, place)
LEFT JOIN LATERAL (
    SELECT * FROM alimi_inboxes WHERE recipient = w.recipient LIMIT 1
) AS i ON true
LEFT JOIN LATERAL (
    SELECT r.*, row_number() OVER versions AS place,
        first_value(r.version) OVER versions AS first_version,
        sum(r.size) OVER (versions RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT x.id, x.version, x.born, x.content_version, x.kind, x.category, x.content,
            x.created_at, x.seen_at, x.read_at, x.archived_at, x.expires_at, x.deleted_at,
            octet_length(x.content::text) AS size
        FROM alimi_notifications AS x
        WHERE x.recipient = w.recipient AND x.version > w.after AND w.after >= i.floor
        ORDER BY x.version LIMIT (SELECT $3 + 1)
    ) AS r
    WINDOW versions AS (ORDER BY r.version)
) AS n ON n.before IS NULL OR n.before < $4;

-- name: heads
-- The epoch, what the server adds to it, and the heads of those inboxes that exist.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'), alimi_server(), array_agg(recipient), array_agg(version)
FROM alimi_inboxes WHERE recipient = ANY ($1::text[]);

-- name: page
-- Rows of one inbox with its facts: the newest content first, or those named.
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'), i.version, i.unread, i.unseen,
    n.id, n.version, n.born, n.content_version, n.kind, n.category, n.content, n.created_at,
    CASE WHEN n.seen_at IS NULL AND n.content_version <= i.seen_upto THEN (
        SELECT s.at FROM alimi_seen AS s
        WHERE s.recipient = i.recipient AND s.upto >= n.content_version ORDER BY s.upto LIMIT 1
    ) ELSE n.seen_at END,
    n.read_at, n.archived_at, n.expires_at, n.deleted_at
FROM (VALUES (1)) AS once
LEFT JOIN alimi_inboxes AS i ON i.recipient = $1
LEFT JOIN LATERAL (
    SELECT x.* FROM alimi_notifications AS x
    WHERE x.recipient = i.recipient AND x.deleted_at IS NULL {which}
) AS n ON true;
