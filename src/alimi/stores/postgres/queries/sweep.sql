-- name: bury_expired
-- Live rows whose time has passed, oldest first, become tombstones.
SELECT b.* FROM (
    SELECT array_agg(place) AS places, array_agg(id) AS ids, array_agg(recipient) AS owners FROM (
        SELECT ctid AS place, id, recipient FROM alimi_notifications
        WHERE expires_at < $2 AND deleted_at IS NULL ORDER BY expires_at LIMIT (SELECT $3::bigint)
    ) AS old
) AS found, alimi_bury($1, found.places, found.ids, found.owners) AS b;

-- name: bury_aged
-- Rows older than retention allows.
SELECT b.* FROM (
    SELECT array_agg(place) AS places, array_agg(id) AS ids, array_agg(recipient) AS owners FROM (
        SELECT ctid AS place, id, recipient FROM alimi_notifications
        WHERE created_at < $2 AND deleted_at IS NULL ORDER BY created_at LIMIT (SELECT $3::bigint)
    ) AS old
) AS found, alimi_bury($1, found.places, found.ids, found.owners) AS b;

-- name: stretch
-- Some inboxes after a recipient; bounded, however few of them have too many rows.
SELECT count(*), max(recipient), coalesce(sum(kept - $1) FILTER (WHERE kept > $1), 0)::bigint,
    (array_agg(recipient ORDER BY recipient) FILTER (WHERE kept > $1))[:$4::integer]
FROM (
    SELECT recipient, kept FROM alimi_inboxes
    WHERE recipient > $2 ORDER BY recipient LIMIT (SELECT $3::bigint)
) AS s;

-- name: bury_oldest
-- The rows that inboxes with too many give up.  How many is looked at again, in the snapshot that
-- finds them: another node may have swept there meanwhile.
SELECT b.* FROM (
    SELECT array_agg(place) AS places, array_agg(id) AS ids, array_agg(recipient) AS owners FROM (
        SELECT old.* FROM unnest($2::text[]) AS c (recipient) CROSS JOIN LATERAL (
            SELECT kept FROM alimi_inboxes WHERE recipient = c.recipient LIMIT 1
        ) AS i CROSS JOIN LATERAL (
            SELECT ctid AS place, id, recipient FROM alimi_notifications
            WHERE recipient = c.recipient AND deleted_at IS NULL
            ORDER BY content_version LIMIT greatest(i.kept - $4::integer, 0)
        ) AS old LIMIT (SELECT $3::bigint)
    ) AS crowded
) AS found, alimi_bury($1, found.places, found.ids, found.owners) AS b;

-- name: prune
-- Old tombstones go, and the floors rise.
SELECT alimi_prune($1, $2);

-- name: forget_keys
-- Keys whose days are over, oldest first.  Where rows (tombstones too) still bear its id a key is
-- kept, for who used it again would be told "recorded" and nothing would arrive; it is looked at
-- again after as many days as now, so that each step meets other keys.
WITH old AS (
    SELECT k.key, k.part,
        EXISTS (SELECT 1 FROM alimi_notifications AS n WHERE n.id = k.event_id) AS borne
    FROM alimi_keys AS k WHERE k.at < $1 ORDER BY k.at
    LIMIT (SELECT $2::bigint) FOR UPDATE OF k SKIP LOCKED
), kept AS (
    UPDATE alimi_keys AS k SET at = $3 FROM old
    WHERE k.key = old.key AND k.part = old.part AND old.borne
), forgotten AS (
    DELETE FROM alimi_keys AS k USING old
    WHERE k.key = old.key AND k.part = old.part AND NOT old.borne
)
SELECT count(*) FROM old;
