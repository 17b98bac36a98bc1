-- name: record
-- The one INSERT of an application's transaction; takes no lock on any inbox.
INSERT INTO alimi_outbox
    (lane, size, rest, event_id, key, fingerprint, recorded_at, recipients, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: used_key
-- Who used this key: an applied event, or one that waits.  The older one counts.
SELECT event_id, fingerprint FROM alimi_keys WHERE key = :key
UNION ALL
SELECT event_id, fingerprint FROM (
    SELECT event_id, fingerprint FROM alimi_outbox WHERE key = :key ORDER BY seq LIMIT 1
)
LIMIT 1;

-- name: claim
-- The next entries in order.  As blobs, so that broken text is found by the decoder, not by the driver.
SELECT seq, size, rest, CAST(fingerprint AS BLOB), NULL, CAST(body AS BLOB)
FROM alimi_outbox WHERE lane = 0 ORDER BY seq LIMIT ?;

-- name: claim_bulk
-- One piece of the oldest event in the bulk lane.
SELECT seq, size, rest, CAST(fingerprint AS BLOB), CAST(recipients AS BLOB), CAST(body AS BLOB)
FROM alimi_outbox WHERE lane = 1 ORDER BY seq LIMIT 1;

-- name: unclaim
-- The claim is the delete: under the write lock nothing else can lie in this range.
DELETE FROM alimi_outbox WHERE lane = ? AND seq BETWEEN ? AND ?;

-- name: waiting
-- Whether anything waits.
SELECT EXISTS (SELECT 1 FROM alimi_outbox);

-- name: bury
-- Keep what cannot be applied exactly as it was.
INSERT INTO alimi_dead_letters (event_id, recipients, body, error, failed_at)
SELECT event_id, recipients, body, ?, ? FROM alimi_outbox WHERE seq = ?;

-- name: known_keys
-- Those of these keys that were used before.
SELECT key, fingerprint FROM alimi_keys WHERE key IN (SELECT value FROM json_each(?));

-- name: remember_key
INSERT INTO alimi_keys (key, event_id, fingerprint, at) VALUES (?, ?, ?, ?);
