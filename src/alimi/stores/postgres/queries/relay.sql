-- name: apply
SELECT (a).o_state, (a).o_epoch, (a).o_server, (a).o_since, ((a).o_done).*, (a).o_ends
FROM (SELECT alimi_apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS a OFFSET 0) AS applied;

-- name: pending
-- The first that waits behind the bounds of the last claims, if anything; see position.py.  The
-- bounds are not of another server: there the answer begins with false.
SELECT coalesce($10::text = alimi_life(), true), w.lane, w.txid::text, w.seq
FROM (VALUES (1)) AS once LEFT JOIN LATERAL (
    (SELECT lane, txid, seq FROM alimi_outbox WHERE part = $1 AND lane = 0
        AND (txid, seq) > ($2::text::xid8, $3::bigint) ORDER BY txid, seq LIMIT 1)
    UNION ALL
    (SELECT o.lane, o.txid, o.seq FROM unnest($4::text[]::xid8[], $5::bigint[]) AS l (txid, seq)
        JOIN alimi_outbox AS o ON o.part = $1 AND o.lane = 0 AND o.txid = l.txid AND o.seq > l.seq
        LIMIT 1)
    UNION ALL
    (SELECT lane, txid, seq FROM alimi_outbox WHERE part = $1 AND lane = 1
        AND (txid, seq) > ($6::text::xid8, $7::bigint) ORDER BY txid, seq LIMIT 1)
    UNION ALL
    (SELECT o.lane, o.txid, o.seq FROM unnest($8::text[]::xid8[], $9::bigint[]) AS l (txid, seq)
        JOIN alimi_outbox AS o ON o.part = $1 AND o.lane = 1 AND o.txid = l.txid AND o.seq > l.seq
        LIMIT 1)
    LIMIT 1
) AS w ON true;

-- name: still_waits
-- Whether that one waits still.
SELECT EXISTS (
    SELECT 1 FROM alimi_outbox WHERE part = $1 AND lane = $2 AND txid = $3::text::xid8 AND seq = $4);

-- name: waiting
-- How much waits, up to a bound, and since when.
SELECT count(*)::integer, min(recorded_at) FROM (
    SELECT recorded_at FROM alimi_outbox ORDER BY part, lane, txid, seq LIMIT $1
) AS o;
