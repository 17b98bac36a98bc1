-- name: record
-- The one INSERT of an application's transaction; takes no lock on any inbox.  No row comes back
-- when the transaction is on another database than the store's: all but the database's name is a
-- constant in the plan, see alimi_renew_store().
INSERT INTO alimi_outbox (part, lane, size, rest, type, event_id, key, fingerprint, recorded_at,
    recipients, kind, category, about, created_at, expires_at, content, checked)
SELECT $1::smallint, $2::smallint, $3::integer, $4::integer, $5::text, $6::text, $7::text, $8::text,
    $9::bigint, string_to_array($10::text, chr(31)), $11::text, $12::text, $13::text, $14::bigint,
    $15::bigint, $16::text::json, true
WHERE alimi_store() || '/' || 'alimi_outbox'::regclass::oid || '/' || current_database() = $17::text
RETURNING 1;

-- name: record_several
-- The same for several rows, in their order.
INSERT INTO alimi_outbox (part, lane, size, rest, type, event_id, key, fingerprint, recorded_at,
    recipients, kind, category, about, created_at, expires_at, content, checked)
SELECT r.part, r.lane, r.size, r.rest, r.type, r.event_id, r.key, r.fingerprint, r.recorded_at,
    string_to_array(r.recipients, chr(31)), r.kind, r.category, r.about, r.created_at, r.expires_at,
    r.content::json, true
FROM ROWS FROM (json_to_recordset($1::text::json) AS (part smallint, lane smallint, size integer,
        rest integer, type text, event_id text, key text, fingerprint text, recorded_at bigint,
        recipients text, kind text, category text, about text, created_at bigint, expires_at bigint,
        content text)) WITH ORDINALITY
    AS r (part, lane, size, rest, type, event_id, key, fingerprint, recorded_at, recipients, kind,
        category, about, created_at, expires_at, content, n)
WHERE alimi_store() || '/' || 'alimi_outbox'::regclass::oid || '/' || current_database() = $2::text
ORDER BY r.n
RETURNING 1;

-- name: append
-- The same for all that wait, in their order; answers the transaction, of which a later question
-- can say whether it was committed.
WITH written AS (INSERT INTO alimi_outbox (part, lane, size, rest, type, event_id, key, fingerprint, recorded_at,
    recipients, kind, category, about, created_at, expires_at, content, checked)
SELECT r.part, r.lane, r.size, r.rest, r.type, r.event_id, r.key, r.fingerprint, r.recorded_at,
    string_to_array(r.recipients, chr(31)), r.kind, r.category, r.about, r.created_at, r.expires_at,
    r.content::json, true
FROM unnest($1::smallint[], $2::smallint[], $3::integer[], $4::integer[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::bigint[], $15::bigint[], $16::text[]) WITH ORDINALITY
    AS r (part, lane, size, rest, type, event_id, key, fingerprint, recorded_at, recipients, kind,
        category, about, created_at, expires_at, content, n)
ORDER BY r.n)
SELECT pg_current_xact_id()::text, alimi_life();

-- name: transaction_status
-- What became of a transaction whose connection was lost in the middle of its COMMIT.
-- In another life of the server that id may be another transaction's.
SELECT CASE WHEN alimi_life() = $2 THEN pg_xact_status($1::text::xid8) ELSE 'of another life' END;

-- name: any_recorded
-- Whether anything is there of events that were recorded together, if they were.
SELECT EXISTS (SELECT 1 FROM alimi_notifications WHERE id = ANY ($1))
    OR EXISTS (SELECT 1 FROM alimi_outbox WHERE event_id = ANY ($1))
    OR EXISTS (SELECT 1 FROM alimi_dead_letters WHERE event_id = ANY ($1));

-- name: lock_keys
-- Others with one of these keys wait; in one order, so that nobody waits for somebody who waits.
-- Of few locks, which other keys share: one for each key would fill the server's table of locks.
SELECT pg_advisory_xact_lock('alimi_keys'::regclass::oid::integer, hash)
FROM (SELECT DISTINCT hashtext(key) & 1023 AS hash FROM unnest($1::text[]) AS key ORDER BY 1) AS k;

-- name: used_keys
-- Who used these keys: an applied event, or one that waits.  The last one told is the oldest.
SELECT key, event_id, fingerprint FROM (
    SELECT key, event_id, fingerprint, 0 AS place, seq FROM alimi_outbox WHERE key = ANY ($1::text[])
    UNION ALL
    SELECT key, event_id, fingerprint, 1, 0 FROM alimi_keys WHERE key = ANY ($1::text[])
) AS u ORDER BY place, seq DESC;
