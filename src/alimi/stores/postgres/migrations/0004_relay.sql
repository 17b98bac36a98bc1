-- The relay's batch: one function, one round trip.
-- compatible from: 1
--
-- Each statement of a volatile function has a fresh snapshot at READ COMMITTED, and their order is
-- the whole point: the partition's lock is taken before the claim looks, the inboxes' locks before
-- notifications are read or changed.  With lock and claim in one statement the snapshot is older
-- than the lock, and what another relay has just applied is applied again.

-- The oldest entries of a lane, as many as make up to p_limit notifications but at least one.
--
-- Never a high-water mark over ids: (p_txid, p_seq) says how far all was taken that the last claim
-- could see, and p_late, p_late_seqs which transactions before it were not over then, and how far
-- they were taken.  So nothing is passed over, and what an old snapshot keeps alive of the rows
-- that are done with is not walked through again.
CREATE FUNCTION alimi_claim(
    p_part smallint, p_lane smallint, p_limit integer,
    p_txid xid8, p_seq bigint, p_late xid8[], p_late_seqs bigint[],
    OUT o_rows tid[], OUT o_txids xid8[], OUT o_seqs bigint[], OUT o_more boolean,
    OUT o_plain boolean, OUT o_checked boolean, OUT o_since bigint, OUT o_snapshot pg_snapshot
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_lane = 1 THEN  -- nearly always empty, and to see that takes a tenth of what follows
        SELECT pg_current_snapshot(), EXISTS (
            SELECT 1 FROM alimi_outbox
            WHERE part = p_part AND lane = p_lane AND (txid, seq) > (p_txid, p_seq)
        ) OR EXISTS (
            SELECT 1 FROM unnest(p_late, p_late_seqs) AS l (txid, seq) JOIN alimi_outbox AS o
                ON o.part = p_part AND o.lane = p_lane AND o.txid = l.txid AND o.seq > l.seq
        ) INTO o_snapshot, o_more;
        IF NOT o_more THEN
            RETURN;
        END IF;
    END IF;
    WITH late AS (
        SELECT o.* FROM unnest(p_late, p_late_seqs) AS l (txid, seq) CROSS JOIN LATERAL (
            SELECT ctid, txid, seq, type, checked, recorded_at,
                CASE WHEN checked THEN size ELSE cardinality(recipients) END AS weight
            FROM alimi_outbox
            WHERE part = p_part AND lane = p_lane AND txid = l.txid AND seq > l.seq
            ORDER BY txid, seq LIMIT p_limit + 1
        ) AS o
    ), onward AS (
        SELECT ctid, txid, seq, type, checked, recorded_at,
                CASE WHEN checked THEN size ELSE cardinality(recipients) END AS weight
            FROM alimi_outbox
        WHERE part = p_part AND lane = p_lane AND (txid, seq) > (p_txid, p_seq)
        ORDER BY txid, seq LIMIT p_limit + 1
    ), found AS (
        SELECT *, row_number() OVER w AS n, sum(greatest(weight, 1)) OVER w AS total
        FROM (SELECT * FROM late UNION ALL SELECT * FROM onward) AS o
        WINDOW w AS (ORDER BY txid, seq)
    ), taken AS (
        SELECT * FROM found WHERE total <= p_limit OR n = 1
    )
    SELECT array_agg(ctid ORDER BY n), array_agg(txid ORDER BY n), array_agg(seq ORDER BY n),
        count(*) < (SELECT count(*) FROM found), bool_and(type = 'event'), bool_and(checked),
        min(recorded_at) FILTER (WHERE n = 1), pg_current_snapshot()
    INTO o_rows, o_txids, o_seqs, o_more, o_plain, o_checked, o_since, o_snapshot
    FROM taken;
END
$$;

-- Rows that came out of a dump bear ids of transactions that are still to come on this server.  They
-- are older than all that was written here, and go in the order of their numbers.
CREATE FUNCTION alimi_welcome_restored(p_part smallint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    restored bigint;
BEGIN
    SELECT max(seq) INTO restored FROM alimi_outbox
    WHERE part = p_part AND lane = ANY ('{0,1}') AND txid >= pg_snapshot_xmax(pg_current_snapshot());
    IF restored IS NOT NULL THEN
        UPDATE alimi_outbox SET txid = '0'
        WHERE part = p_part AND lane = ANY ('{0,1}') AND seq <= restored;
    END IF;
END
$$;

-- What a batch has done so far.
-- facts: for each of the inboxes before, version, floor, seen_upto, seen_version, unread, unseen; an
-- inbox may come twice, then the last facts hold.  withdrawn: inboxes that lost rows.
-- Unless the items are hidden, for they are many: for each of item_inboxes the event's seq and the
-- row's version; for each event its seq and times, and id, kind, category, content.
CREATE TYPE alimi_done AS (
    entries integer, notifications integer, repeated integer, conflicts integer, dead integer,
    inboxes text[], facts bigint[], withdrawn text[], signals text[], hidden boolean,
    item_inboxes text[], item_facts bigint[], event_times bigint[], event_texts text[]
);

CREATE FUNCTION alimi_add(a alimi_done, b alimi_done) RETURNS alimi_done LANGUAGE sql IMMUTABLE AS $$
    SELECT (a.entries + b.entries, a.notifications + b.notifications, a.repeated + b.repeated,
        a.conflicts + b.conflicts, a.dead + b.dead, a.inboxes || b.inboxes, a.facts || b.facts,
        a.withdrawn || b.withdrawn, a.signals || b.signals, a.hidden OR b.hidden,
        a.item_inboxes || b.item_inboxes, a.item_facts || b.item_facts,
        a.event_times || b.event_times, a.event_texts || b.event_texts)::alimi_done
$$;

CREATE FUNCTION alimi_nothing() RETURNS alimi_done LANGUAGE sql IMMUTABLE AS $$
    SELECT (0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL)::alimi_done
$$;

-- Lock these inboxes, in order, before anything of theirs is read.
CREATE FUNCTION alimi_lock(p_recipients text[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM count(*) FROM (
        SELECT 1 FROM alimi_inboxes WHERE recipient = ANY (p_recipients)
        ORDER BY recipient FOR UPDATE
    ) AS locked;
END
$$;

-- The same for all whom these entries concern.
CREATE FUNCTION alimi_lock_concerned(p_rows tid[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM count(*) FROM (
        SELECT 1 FROM alimi_inboxes WHERE recipient = ANY (ARRAY(
            SELECT r FROM alimi_outbox AS o, unnest(o.recipients) AS r WHERE o.ctid = ANY (p_rows)))
        ORDER BY recipient FOR UPDATE
    ) AS locked;
END
$$;

-- Which of these entries repeat a key; the keys of the others are remembered.
CREATE FUNCTION alimi_use_keys(
    p_part smallint, p_now bigint, p_rows tid[],
    OUT o_dropped bigint[], OUT o_repeated integer, OUT o_conflicts integer
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    o_repeated := 0;
    o_conflicts := 0;
    IF NOT EXISTS (SELECT 1 FROM alimi_outbox WHERE ctid = ANY (p_rows) AND key IS NOT NULL) THEN
        RETURN;
    END IF;
    IF (SELECT value <> '1' FROM alimi_meta WHERE name = 'partitions') THEN
        -- Relays of other partitions may be at the same keys.
        PERFORM pg_advisory_xact_lock('alimi_keys'::regclass::oid::integer, hash) FROM (
            SELECT DISTINCT hashtext(key) & 1023 AS hash FROM alimi_outbox
            WHERE ctid = ANY (p_rows) AND key IS NOT NULL ORDER BY 1
        ) AS k;
    END IF;
    WITH keyed AS (
        SELECT seq, txid, lane, rest, key, event_id,
            -- Whoever writes the outbox with other tools may leave the fingerprint out.
            coalesce(fingerprint, md5(concat_ws(chr(31), kind, category, about, expires_at, content,
                array_to_string(ARRAY(SELECT unnest(recipients) ORDER BY 1), ',')))) AS fingerprint
        FROM alimi_outbox WHERE ctid = ANY (p_rows) AND key IS NOT NULL AND type = 'event'
    ), judged AS (
        SELECT *, coalesce(
            (SELECT u.fingerprint FROM alimi_keys AS u WHERE u.key = k.key
                AND (u.part = p_part OR u.fingerprint <> k.fingerprint)
                ORDER BY u.part = p_part DESC LIMIT 1),
            CASE WHEN row_number() OVER w > 1 THEN first_value(fingerprint) OVER w END
        ) AS used_for
        FROM keyed AS k WINDOW w AS (PARTITION BY key ORDER BY txid, seq)
    ), remembered AS (
        INSERT INTO alimi_keys (key, part, event_id, fingerprint, at)
        SELECT key, p_part, event_id, fingerprint, p_now FROM judged WHERE used_for IS NULL
    ), pieces AS (
        -- The first piece of a large event answers for those that follow it.
        DELETE FROM alimi_outbox AS o USING judged AS j
        WHERE j.used_for IS NOT NULL AND j.rest > 0
            AND (o.part, o.lane, o.txid) = (p_part, j.lane, j.txid) AND o.seq = ANY (ARRAY(
                SELECT p.seq FROM alimi_outbox AS p
                WHERE (p.part, p.lane, p.txid) = (p_part, j.lane, j.txid) AND p.seq > j.seq
                    AND p.event_id = j.event_id
                ORDER BY p.seq LIMIT j.rest))
    )
    SELECT array_agg(seq) FILTER (WHERE used_for IS NOT NULL),
        count(*) FILTER (WHERE used_for = fingerprint),
        count(*) FILTER (WHERE used_for <> fingerprint)
    INTO o_dropped, o_repeated, o_conflicts
    FROM judged;
END
$$;

-- Apply events and signals; their inboxes are locked.  Careful means that an id may come twice.
CREATE FUNCTION alimi_put(
    p_part smallint, p_now bigint, p_rows tid[], p_careful boolean, p_show integer
) RETURNS alimi_done LANGUAGE plpgsql VOLATILE SET enable_nestloop = off AS $$
DECLARE
    keys record;
    done alimi_done;
BEGIN
    SELECT * INTO keys FROM alimi_use_keys(p_part, p_now, p_rows);
    WITH gone AS MATERIALIZED (
        DELETE FROM alimi_outbox WHERE ctid = ANY (p_rows)
        RETURNING txid, seq, type, event_id, key, recipients, kind, category, about, created_at,
            expires_at, content
    ), wanted AS MATERIALIZED (
        SELECT g.txid, g.seq, u.recipient,
            -- Who has this notification already, though its key may be forgotten.
            (p_careful OR g.key IS NOT NULL) AND EXISTS (
                SELECT 1 FROM alimi_notifications AS n
                WHERE n.id = g.event_id AND n.recipient = u.recipient) AS owned
        FROM gone AS g, unnest(g.recipients) WITH ORDINALITY AS u (recipient, place)
        WHERE g.type = 'event' AND (g.expires_at IS NULL OR g.expires_at > p_now)
            AND (keys.o_dropped IS NULL OR g.seq <> ALL (keys.o_dropped))
            -- The first place of an array need not be 1.
            AND (NOT p_careful OR u.place = 1 - array_lower(g.recipients, 1)
                + array_position(g.recipients, u.recipient))
    ), item AS MATERIALIZED (
        SELECT seq, recipient, row_number() OVER w AS n, count(*) OVER (PARTITION BY recipient) AS total
        FROM wanted WHERE NOT owned WINDOW w AS (PARTITION BY recipient ORDER BY txid, seq)
    ), moved AS MATERIALIZED (
        INSERT INTO alimi_inboxes AS i (recipient, version, unread, unseen, kept)
        SELECT recipient, total, total, total, total FROM item WHERE n = 1
        ON CONFLICT (recipient) DO UPDATE SET version = i.version + excluded.version,
            unread = i.unread + excluded.unread, unseen = i.unseen + excluded.unseen,
            kept = i.kept + excluded.kept
        RETURNING recipient, version, floor, seen_upto, seen_version, unread, unseen
    ), placed AS MATERIALIZED (
        SELECT i.recipient, i.seq, m.version - i.total + i.n AS version, i.n, i.total
        FROM item AS i JOIN moved AS m USING (recipient)
    ), put AS (
        INSERT INTO alimi_notifications (recipient, id, version, born, content_version, created_at,
            expires_at, kind, category, about, content)
        SELECT p.recipient, g.event_id, p.version, p.version, p.version, g.created_at, g.expires_at,
            g.kind, g.category, g.about, g.content
        FROM placed AS p JOIN gone AS g USING (seq)
    ), told AS (
        SELECT items, items <= p_show AND (
            SELECT coalesce(sum(octet_length(content::text)), 0) <= 65536 FROM gone
            WHERE items <= p_show
        ) AS shown FROM (SELECT count(*) AS items FROM item) AS counted
    )
    SELECT (SELECT count(*) FROM gone), t.items,
        keys.o_repeated + (SELECT count(*) FROM wanted WHERE owned), keys.o_conflicts, 0,
        array_agg(m.recipient) FILTER (WHERE m.recipient IS NOT NULL), array_agg(ARRAY[m.version - p.total, m.version, m.floor, m.seen_upto,
            m.seen_version, m.unread, m.unseen]) FILTER (WHERE m.recipient IS NOT NULL), NULL,
        (SELECT array_agg(ARRAY[kind, content::text, array_to_string(recipients, chr(31))]
            ORDER BY txid, seq) FROM gone WHERE type = 'signal'),
        NOT t.shown,
        CASE WHEN t.shown THEN ARRAY(SELECT recipient FROM placed ORDER BY version, recipient) END,
        CASE WHEN t.shown THEN (SELECT array_agg(ARRAY[seq, version] ORDER BY version, recipient)
            FROM placed) END,
        CASE WHEN t.shown THEN (SELECT array_agg(ARRAY[seq, created_at, expires_at] ORDER BY seq)
            FROM gone WHERE type = 'event') END,
        CASE WHEN t.shown THEN (SELECT array_agg(ARRAY[event_id, kind, category, content::text]
            ORDER BY seq) FROM gone WHERE type = 'event') END
    INTO done
    FROM told AS t LEFT JOIN (moved AS m JOIN placed AS p USING (recipient)) ON p.n = 1
    GROUP BY t.items, t.shown;
    RETURN done;
END
$$;

-- Errors that an entry causes and would cause again: it goes to the dead letters, and everything
-- before and behind it goes on.  All others (a lock, a full disk) fail the whole batch and leave
-- everything where it was.
CREATE FUNCTION alimi_put_carefully(
    p_part smallint, p_now bigint, p_rows tid[], p_show integer
) RETURNS alimi_done LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    entry alimi_outbox;
    done alimi_done := alimi_nothing();
    place tid;
BEGIN
    FOREACH place IN ARRAY p_rows LOOP
        SELECT * INTO entry FROM alimi_outbox WHERE ctid = place;
        CONTINUE WHEN NOT FOUND;  -- a piece of a large event that was recorded before
        BEGIN
            PERFORM alimi_demand_sound(entry);
            done := alimi_add(done, alimi_put(p_part, p_now, ARRAY[place], true, p_show));
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded
            OR invalid_parameter_value OR datatype_mismatch
        THEN
            done := alimi_add(done, alimi_set_aside(place, SQLERRM, p_now));
        END;
    END LOOP;
    RETURN done;
END
$$;

-- Keep what cannot be applied as it is, and why.
CREATE FUNCTION alimi_set_aside(p_row tid, p_error text, p_now bigint) RETURNS alimi_done
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    done alimi_done := alimi_nothing();
BEGIN
    WITH gone AS (DELETE FROM alimi_outbox AS o WHERE ctid = p_row RETURNING o.*),
    kept AS (
        INSERT INTO alimi_dead_letters (event_id, entry, error, failed_at)
        SELECT event_id, row_to_json(gone)::text, left(p_error, 2000), p_now FROM gone
    )
    SELECT count(*) INTO done.dead FROM gone;
    RETURN done;
END
$$;

CREATE FUNCTION alimi_put_all(
    p_part smallint, p_now bigint, p_rows tid[], p_checked boolean, p_show integer
) RETURNS alimi_done LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF p_checked THEN
        BEGIN
            RETURN alimi_put(p_part, p_now, p_rows, false, p_show);
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded
        THEN
            NULL;  -- one of them cannot be applied: find it
        END;
    END IF;
    RETURN alimi_put_carefully(p_part, p_now, p_rows, p_show);
END
$$;

-- What retractions of these rows of the outbox withdraw: still unread about their matters.
CREATE FUNCTION alimi_withdrawable(p_part smallint, p_rows tid[], p_limit integer)
RETURNS TABLE (o_id text, o_recipient text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT about, recipients FROM alimi_outbox WHERE ctid = ANY (p_rows)
    ), partitions AS (
        SELECT value::integer AS count FROM alimi_meta WHERE name = 'partitions'
    )
    SELECT n.id, n.recipient
    FROM asked AS a, unnest(a.recipients) AS r JOIN alimi_notifications AS n
        ON n.recipient = r AND n.read_at IS NULL AND n.deleted_at IS NULL
    WHERE n.about = a.about
    UNION
    (SELECT n.id, n.recipient
    FROM asked AS a JOIN partitions AS p ON true JOIN alimi_notifications AS n
        ON n.about = a.about AND n.read_at IS NULL AND n.deleted_at IS NULL
    WHERE a.recipients IS NULL AND (p.count = 1 OR alimi_part(n.recipient, p.count) = p_part)
    LIMIT p_limit)
    LIMIT p_limit;
END
$$;

-- Withdraw a bounded number of rows, one version for each inbox; p_locked are locked.
CREATE FUNCTION alimi_withdraw(
    p_part smallint, p_now bigint, p_rows tid[], p_locked text[], p_limit integer
) RETURNS alimi_done LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    done alimi_done;
BEGIN
    WITH doomed AS MATERIALIZED (
        SELECT n.id, n.recipient, n.archived_at IS NULL AS unread,
            n.archived_at IS NULL AND n.seen_at IS NULL AND n.content_version > i.seen_upto AS unseen
        FROM alimi_withdrawable(p_part, p_rows, p_limit) AS w
        JOIN alimi_notifications AS n ON n.id = w.o_id AND n.recipient = w.o_recipient
        JOIN alimi_inboxes AS i ON i.recipient = n.recipient
        WHERE n.recipient = ANY (p_locked)
    ), moved AS MATERIALIZED (
        UPDATE alimi_inboxes AS i SET version = i.version + 1, unread = i.unread - w.unread,
            unseen = i.unseen - w.unseen, kept = i.kept - w.rows
        FROM (
            SELECT recipient, count(*) AS rows, count(*) FILTER (WHERE unread) AS unread,
                count(*) FILTER (WHERE unseen) AS unseen
            FROM doomed GROUP BY recipient
        ) AS w WHERE i.recipient = w.recipient
        RETURNING i.recipient, i.version, i.floor, i.seen_upto, i.seen_version, i.unread, i.unseen
    ), buried AS (
        -- What is left of a row when it is gone: a version, and nothing that a person wrote.
        UPDATE alimi_notifications AS n SET version = m.version, deleted_at = p_now,
            content = '{"texts":{}}', kind = '', category = '', about = NULL, expires_at = NULL
        FROM doomed AS d JOIN moved AS m ON m.recipient = d.recipient
        WHERE n.id = d.id AND n.recipient = d.recipient
    )
    SELECT 0, 0, 0, 0, 0, array_agg(recipient), array_agg(ARRAY[version - 1, version, floor,
        seen_upto, seen_version, unread, unseen]), array_agg(recipient), NULL::text[], false,
        NULL::text[], NULL::bigint[], NULL::bigint[], NULL::text[]
    INTO done FROM moved;
    RETURN done;
END
$$;

-- A retraction overtakes what waits in the bulk lane: take its recipients out of earlier pieces.
CREATE FUNCTION alimi_withdraw_waiting(p_part smallint, p_rows tid[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT txid, seq, about, recipients FROM alimi_outbox AS r
        WHERE ctid = ANY (p_rows) AND EXISTS (
            SELECT 1 FROM alimi_outbox AS o WHERE o.lane = 1 AND o.about = r.about)
    LOOP
        UPDATE alimi_outbox AS o SET recipients = CASE WHEN one.recipients IS NULL THEN '{}' ELSE
            ARRAY(SELECT r FROM unnest(o.recipients) AS r WHERE r <> ALL (one.recipients)) END
        WHERE o.part = p_part AND o.lane = 1 AND o.about = one.about
            AND (o.txid, o.seq) < (one.txid, one.seq);
    END LOOP;
END
$$;

-- Entries in order, cut where a retraction comes behind an event about the same matter: in each part
-- all retractions may go first.  Answers how many of the rows belong to the first part, and which of
-- them are retractions.
CREATE FUNCTION alimi_first_part(p_rows tid[], OUT o_count integer, OUT o_retractions tid[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
    entry record;
    matters text[] := '{}';
BEGIN
    o_count := 0;
    o_retractions := '{}';
    FOR entry IN
        SELECT o.ctid, o.type, o.about FROM unnest(p_rows) WITH ORDINALITY AS r (place, n)
        JOIN alimi_outbox AS o ON o.ctid = r.place ORDER BY r.n
    LOOP
        IF entry.type = 'retract' AND entry.about IS NOT NULL THEN
            EXIT WHEN entry.about = ANY (matters);
            o_retractions := o_retractions || entry.ctid;
        ELSIF entry.about IS NOT NULL THEN
            matters := matters || entry.about;
        END IF;
        o_count := o_count + 1;
    END LOOP;
END
$$;

-- One part of a batch: its retractions, then its events and signals.  Not finished when more rows
-- have to be withdrawn than p_limit: then its entries wait for the next batch, and all behind them,
-- for a later event about the same matter must not be withdrawn.
CREATE FUNCTION alimi_apply_part(
    p_part smallint, p_now bigint, p_rows tid[], p_retractions tid[], p_checked boolean,
    p_limit integer, p_show integer, OUT o_done alimi_done, OUT o_finished boolean
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    owners text[];
    others tid[] := p_rows;
BEGIN
    o_done := alimi_nothing();
    o_finished := true;
    IF cardinality(p_retractions) > 0 THEN
        SELECT count(*) <= p_limit, array_agg(o_recipient) INTO o_finished, owners
        FROM alimi_withdrawable(p_part, p_retractions, p_limit + 1);
        others := ARRAY(SELECT r FROM unnest(p_rows) AS r WHERE r <> ALL (p_retractions));
    END IF;
    PERFORM alimi_lock(owners || ARRAY(
        SELECT DISTINCT r FROM alimi_outbox AS o, unnest(o.recipients) AS r
        WHERE o.ctid = ANY (others)));
    IF cardinality(p_retractions) > 0 THEN
        PERFORM alimi_withdraw_waiting(p_part, p_retractions);
        o_done := alimi_add(o_done, alimi_withdraw(p_part, p_now, p_retractions, owners, p_limit));
        IF NOT o_finished THEN
            RETURN;
        END IF;
        DELETE FROM alimi_outbox WHERE ctid = ANY (p_retractions);
        o_done.entries := cardinality(p_retractions);
    END IF;
    IF cardinality(others) > 0 THEN
        o_done := alimi_add(o_done, alimi_put_all(p_part, p_now, others, p_checked, p_show));
    END IF;
END
$$;

-- The entries of a claim, part by part; answers how many of them are done with.
CREATE FUNCTION alimi_apply_claim(
    p_part smallint, p_now bigint, p_rows tid[], p_plain boolean, p_checked boolean,
    p_limit integer, p_show integer, OUT o_done alimi_done, OUT o_count integer
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    part record;
    step record;
    budget integer := p_limit;
BEGIN
    o_done := alimi_nothing();
    o_count := 0;
    IF p_plain THEN  -- only events: one part, and no retractions in it
        PERFORM alimi_lock_concerned(p_rows);
        o_done := alimi_put_all(p_part, p_now, p_rows, p_checked, p_show);
        o_count := cardinality(p_rows);
        RETURN;
    END IF;
    WHILE o_count < cardinality(p_rows) LOOP
        part := alimi_first_part(p_rows[o_count + 1 :]);
        step := alimi_apply_part(p_part, p_now, p_rows[o_count + 1 : o_count + part.o_count],
            part.o_retractions, p_checked, budget, p_show);
        o_done := alimi_add(o_done, step.o_done);
        EXIT WHEN NOT step.o_finished;
        o_count := o_count + part.o_count;
        budget := greatest(1, budget - coalesce(cardinality((step.o_done).withdrawn), 0));
    END LOOP;
END
$$;

-- One piece of the bulk lane.
CREATE FUNCTION alimi_apply_bulk(p_part smallint, p_now bigint, p_rows tid[], p_checked boolean)
RETURNS alimi_done LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM alimi_lock_concerned(p_rows);
    RETURN alimi_put_all(p_part, p_now, p_rows, p_checked, 0);
END
$$;

-- The relay's batch.  The positions say where the last claim of this relay ended, see alimi_claim;
-- they hold only for the server that they were found on.
-- o_state: 'missed' when another relay is at work, which is not the same as nothing to do.
-- In o_ends for either lane: whether more waits, the last entry that is done with, and what its
-- claim could see.
CREATE FUNCTION alimi_apply(
    p_part integer, p_limit integer, p_now bigint, p_show integer, p_server text,
    p_txids text[], p_seqs bigint[], p_late text[], p_late_seqs bigint[], p_bulk_late text[],
    p_bulk_late_seqs bigint[],
    OUT o_state text, OUT o_epoch text, OUT o_server text, OUT o_since bigint, OUT o_done alimi_done,
    OUT o_ends text[]
) LANGUAGE plpgsql VOLATILE
-- Plans are kept: a table that was empty when one was made may hold a million rows later, and to
-- plan anew takes longer than to apply one event.  Up to PostgreSQL 17 a join that is off counts as
-- dear, and what is dear would be compiled for a second.
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
DECLARE
    claim record;
    bulk record;
    main record;
BEGIN
    o_server := alimi_life();
    SELECT value INTO o_epoch FROM alimi_meta WHERE name = 'epoch';
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE object_not_in_prerequisite_state
            USING MESSAGE = 'alimi_apply() needs the isolation level READ COMMITTED';
    ELSIF NOT pg_try_advisory_xact_lock('alimi_outbox'::regclass::oid::integer, p_part) THEN
        o_state := 'missed';
        RETURN;
    END IF;
    o_state := 'applied';
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '5s', true);
    END IF;
    IF p_server IS DISTINCT FROM o_server THEN
        p_txids := '{0,0}';
        p_seqs := '{0,0}';
        p_late := '{}'; p_late_seqs := '{}'; p_bulk_late := '{}'; p_bulk_late_seqs := '{}';
        o_state := 'anew';
        PERFORM alimi_welcome_restored(p_part::smallint);
    END IF;

    claim := alimi_claim(p_part::smallint, 0::smallint, p_limit, p_txids[1]::xid8, p_seqs[1],
        p_late::xid8[], p_late_seqs);
    main := alimi_apply_claim(p_part::smallint, p_now, claim.o_rows, claim.o_plain, claim.o_checked,
        p_limit, p_show);
    o_done := main.o_done;
    o_ends := ARRAY[
        (claim.o_more OR main.o_count < coalesce(cardinality(claim.o_rows), 0))::text,
        claim.o_txids[main.o_count]::text, claim.o_seqs[main.o_count]::text, claim.o_snapshot::text];

    -- Claimed only now: a retraction among the above may have taken recipients out of it.
    bulk := alimi_claim(p_part::smallint, 1::smallint, 1, p_txids[2]::xid8, p_seqs[2],
        p_bulk_late::xid8[], p_bulk_late_seqs);
    o_since := least(claim.o_since, bulk.o_since);
    IF bulk.o_rows IS NOT NULL THEN
        o_done := alimi_add(o_done, alimi_apply_bulk(p_part::smallint, p_now, bulk.o_rows,
            bulk.o_checked));
    END IF;
    o_ends := o_ends || ARRAY[bulk.o_more::text, bulk.o_txids[1]::text, bulk.o_seqs[1]::text,
        bulk.o_snapshot::text];
END
$$;
