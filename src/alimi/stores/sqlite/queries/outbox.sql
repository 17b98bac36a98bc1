-- name: record
-- The one INSERT of an application's transaction; takes no lock on any inbox.
INSERT INTO alimi_outbox
    (lane, size, rest, event_id, key, fingerprint, recorded_at, recipients, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: used_keys
-- Who used these keys: an applied event, or one that waits.  The last one told is the oldest.
SELECT json_group_array(json_array(key, event_id, fingerprint)) FROM (
    SELECT * FROM (
        SELECT key, event_id, fingerprint FROM alimi_outbox
        WHERE key IN (SELECT value FROM json_each(:keys)) ORDER BY seq DESC
    )
    UNION ALL
    SELECT key, event_id, fingerprint FROM alimi_keys
    WHERE key IN (SELECT value FROM json_each(:keys))
);

-- name: waiting_sizes
-- The next entries in order and how many notifications each makes.
SELECT json_group_array(json_array(seq, max(size, 1))) FROM (
    SELECT seq, size FROM alimi_outbox WHERE lane = 0 ORDER BY seq LIMIT ?
);

-- name: claim
-- Those entries whole, each already JSON inside the JSON, so that one call decodes them all.
SELECT CAST(json_group_array(json_array(
    seq, rest, CAST(fingerprint AS TEXT), json(CAST(body AS TEXT)))) AS BLOB)
FROM alimi_outbox WHERE lane = 0 AND seq <= :last;

-- name: claim_texts
-- The same when one of them is no entry, or no JSON at all: as texts, decoded one by one.  As a
-- blob, so that broken text is found by the decoder, not by the driver.
SELECT CAST(json_group_array(json_array(
    seq, rest, CAST(fingerprint AS TEXT), NULL, CAST(body AS TEXT))) AS BLOB)
FROM alimi_outbox WHERE lane = 0 AND seq <= :last;

-- name: claim_bulk
-- One piece of the oldest event in the bulk lane.
SELECT CAST(json_group_array(json_array(
    seq, rest, CAST(fingerprint AS TEXT), CAST(recipients AS TEXT), CAST(body AS TEXT))) AS BLOB) FROM (
    SELECT seq, rest, fingerprint, recipients, body FROM alimi_outbox
    WHERE lane = 1 ORDER BY seq LIMIT 1
);

-- name: claim_first
-- The first entry alone and as it is: what is left when a batch holds text that cannot be read.
SELECT seq, rest, CAST(fingerprint AS BLOB), CAST(recipients AS BLOB), CAST(body AS BLOB)
FROM alimi_outbox WHERE lane = ? ORDER BY seq LIMIT 1;

-- name: unclaim
-- The claim is the delete: under the write lock nothing else can lie in this range.
DELETE FROM alimi_outbox WHERE lane = ? AND seq BETWEEN ? AND ?;

-- name: withdraw_bulk
-- A retraction overtakes what waits in the bulk lane: take its recipients out of earlier pieces.
-- A body without the name in it, and without a backslash that may hide it, need not be parsed.
UPDATE alimi_outbox SET recipients = CASE WHEN :only IS NULL THEN '[]' ELSE (
    SELECT json_group_array(value) FROM json_each(recipients)
    WHERE value NOT IN (SELECT value FROM json_each(:only))
) END
WHERE lane = 1 AND seq < :seq
    AND (instr(body, :about) OR instr(body, '\'))
    AND CASE WHEN json_valid(body) THEN json_extract(body, '$.about') END = :about;

-- name: waiting
-- Whether anything waits.
SELECT EXISTS (SELECT 1 FROM alimi_outbox);

-- name: look
-- Whether anything waits, and how many write transactions of any process there were.
SELECT EXISTS (SELECT 1 FROM alimi_outbox), (SELECT value FROM alimi_meta WHERE name = 'changes');

-- name: waiting_count
-- How much waits, up to a bound, and since when.
SELECT (SELECT count(*) FROM (SELECT 1 FROM alimi_outbox LIMIT ?)),
    (SELECT recorded_at FROM alimi_outbox ORDER BY seq LIMIT 1);

-- name: recorded_at
SELECT recorded_at FROM alimi_outbox WHERE seq = ?;

-- name: bury
-- Keep what cannot be applied exactly as it was.
INSERT INTO alimi_dead_letters (event_id, recipients, body, error, failed_at)
SELECT event_id, recipients, body, ?, ? FROM alimi_outbox WHERE seq = ?;

-- name: known_keys
-- Those of these keys that were used before.
SELECT json_group_array(json_array(key, fingerprint))
FROM alimi_keys WHERE key IN (SELECT value FROM json_each(?));

-- name: remember_key
INSERT INTO alimi_keys (key, event_id, fingerprint, at) VALUES (?, ?, ?, ?);
