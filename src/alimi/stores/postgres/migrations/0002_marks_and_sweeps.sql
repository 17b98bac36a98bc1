-- Marks and sweeps as functions: one round trip each, so that no lock on an inbox is held while a
-- network is slow or a client hangs.
-- compatible from: 1
--
-- Any writer of an inbox first locks its row, and reads or changes notifications only in a later
-- statement: inside a volatile function each statement has a fresh snapshot, so what another writer
-- did before it let go of the lock is seen.

-- Rows that an action would change; all others stay as they are.
CREATE FUNCTION alimi_eligible(p_action text, p_read_at bigint, p_archived_at bigint)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_action
        WHEN 'read' THEN p_read_at IS NULL
        WHEN 'unread' THEN p_read_at IS NOT NULL
        WHEN 'archive' THEN p_archived_at IS NULL
        WHEN 'unarchive' THEN p_archived_at IS NOT NULL
        ELSE p_action = 'delete'
    END
$$;

-- One call, one version, however many rows.  Exactly one of ids, upto and at says which; `ids` in
-- the answer names up to 100.  Counts move by what the rows weigh after less what they weighed
-- before, so they are right whatever was changed.
CREATE FUNCTION alimi_mark(
    p_recipient text, p_action text, p_ids text[], p_upto bigint, p_at bigint, p_now bigint,
    OUT o_version bigint, OUT o_unread integer, OUT o_unseen integer, OUT o_count integer,
    OUT o_ids text[]
)
LANGUAGE plpgsql VOLATILE SET lock_timeout = '5s' AS $$
DECLARE
    inbox alimi_inboxes%ROWTYPE;
    rows tid[];
    before record;
    after record;
BEGIN
    o_version := 0; o_unread := 0; o_unseen := 0; o_count := 0; o_ids := '{}';
    SELECT * INTO inbox FROM alimi_inboxes WHERE recipient = p_recipient FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    o_version := inbox.version; o_unread := inbox.unread; o_unseen := inbox.unseen;

    IF p_action = 'seen' THEN
        -- Opening the bell: everything up to here was seen, without rewriting a row.
        p_upto := least(p_upto, inbox.version);
        SELECT count(*) INTO o_count FROM alimi_notifications
        WHERE recipient = p_recipient AND content_version > inbox.seen_upto
            AND content_version <= p_upto
            AND seen_at IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
        IF o_count > 0 THEN
            UPDATE alimi_inboxes SET version = version + 1, seen_version = version + 1,
                seen_upto = p_upto, unseen = unseen - o_count
            WHERE recipient = p_recipient RETURNING version, unseen INTO o_version, o_unseen;
            INSERT INTO alimi_seen (recipient, upto, at) VALUES (p_recipient, p_upto, p_now);
        END IF;
        RETURN;
    END IF;

    IF p_ids IS NOT NULL THEN
        rows := ARRAY(
            SELECT ctid FROM alimi_notifications
            WHERE recipient = p_recipient AND id = ANY (p_ids) AND deleted_at IS NULL
                AND alimi_eligible(p_action, read_at, archived_at));
    ELSIF p_at IS NOT NULL THEN
        rows := ARRAY(
            SELECT ctid FROM alimi_notifications
            WHERE recipient = p_recipient AND version = p_at AND deleted_at IS NULL
                AND alimi_eligible(p_action, read_at, archived_at));
    ELSIF p_action = 'unarchive' THEN
        rows := ARRAY(
            SELECT ctid FROM alimi_notifications
            WHERE recipient = p_recipient AND content_version <= p_upto AND deleted_at IS NULL
                AND archived_at IS NOT NULL);
    ELSE
        -- Newest first, and of the unread no more than there are: who has read nearly everything
        -- does not walk the whole inbox for the rest.
        rows := ARRAY(
            SELECT ctid FROM alimi_notifications
            WHERE recipient = p_recipient AND content_version <= p_upto AND deleted_at IS NULL
                AND archived_at IS NULL AND alimi_eligible(p_action, read_at, archived_at)
            ORDER BY content_version DESC
            LIMIT CASE WHEN p_action = 'read' THEN inbox.unread END);
    END IF;
    IF cardinality(rows) = 0 THEN
        RETURN;
    END IF;

    -- Found by their places, which is quickest, and looked at again: where the table is in parts by
    -- time a place is one in each of them.
    SELECT count(*) FILTER (WHERE archived_at IS NULL AND read_at IS NULL) AS unread,
        count(*) FILTER (WHERE archived_at IS NULL AND seen_at IS NULL
            AND content_version > inbox.seen_upto) AS unseen
    INTO before FROM alimi_notifications
    WHERE recipient = p_recipient AND ctid = ANY (rows) AND deleted_at IS NULL
        AND alimi_eligible(p_action, read_at, archived_at)
        AND (id = ANY (p_ids) OR version = p_at OR content_version <= p_upto
            AND (archived_at IS NULL OR p_action = 'unarchive'));

    o_version := inbox.version + 1;
    WITH changed AS (
        UPDATE alimi_notifications SET
            version = o_version,
            read_at = CASE p_action WHEN 'read' THEN p_now WHEN 'unread' THEN NULL ELSE read_at END,
            -- Read implies seen, unread does not clear it.
            seen_at = CASE WHEN p_action = 'read' AND seen_at IS NULL
                AND content_version > inbox.seen_upto THEN p_now ELSE seen_at END,
            -- Archiving never changes read.
            archived_at = CASE p_action
                WHEN 'archive' THEN p_now WHEN 'unarchive' THEN NULL ELSE archived_at END,
            -- What is left of a deleted row: a version, and nothing that a person wrote.
            deleted_at = CASE p_action WHEN 'delete' THEN p_now END,
            content = CASE p_action WHEN 'delete' THEN '{"texts":{}}' ELSE content END,
            kind = CASE p_action WHEN 'delete' THEN '' ELSE kind END,
            category = CASE p_action WHEN 'delete' THEN '' ELSE category END,
            about = CASE p_action WHEN 'delete' THEN NULL ELSE about END,
            expires_at = CASE p_action WHEN 'delete' THEN NULL ELSE expires_at END
        WHERE recipient = p_recipient AND ctid = ANY (rows) AND deleted_at IS NULL
            AND alimi_eligible(p_action, read_at, archived_at)
            AND (id = ANY (p_ids) OR version = p_at OR content_version <= p_upto
                AND (archived_at IS NULL OR p_action = 'unarchive'))
        RETURNING id, content_version, seen_at, read_at, archived_at, deleted_at
    )
    SELECT count(*) AS count, count(deleted_at) AS deleted,
        count(*) FILTER (WHERE deleted_at IS NULL AND archived_at IS NULL AND read_at IS NULL)
            AS unread,
        count(*) FILTER (WHERE deleted_at IS NULL AND archived_at IS NULL AND seen_at IS NULL
            AND content_version > inbox.seen_upto) AS unseen,
        (array_agg(id ORDER BY content_version DESC))[:100] AS ids
    INTO after FROM changed;

    o_count := after.count;
    o_ids := after.ids;
    UPDATE alimi_inboxes SET version = o_version, unread = unread + after.unread - before.unread,
        unseen = unseen + after.unseen - before.unseen, kept = kept - after.deleted
    WHERE recipient = p_recipient RETURNING unread, unseen INTO o_unread, o_unseen;
END
$$;

-- Lock those of these inboxes that nobody else has locked, in order; answers them as keys, among
-- which one is found without looking at all.
CREATE FUNCTION alimi_lock_idle(p_recipients text[]) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(jsonb_object_agg(recipient, 1), '{}') FROM (
        SELECT recipient FROM alimi_inboxes WHERE recipient = ANY (p_recipients)
        ORDER BY recipient FOR UPDATE SKIP LOCKED
    ) AS locked
$$;

-- Turn rows, given as their places, ids and recipients, into tombstones: one version for each inbox.
-- Inboxes that somebody else is at are left for the next time: a sweeper waits for nobody, so it
-- keeps nobody waiting behind what it has locked, and several may sweep at once.
-- A row is found by its place and by nothing else, so that no plan walks an inbox for each of its
-- rows; where another row lies there by now, its id or its recipient says so.
CREATE FUNCTION alimi_bury(p_now bigint, p_places tid[], p_ids text[], p_recipients text[])
RETURNS TABLE (o_recipient text, o_version bigint, o_count integer)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
DECLARE
    locked jsonb := alimi_lock_idle(p_recipients);
BEGIN
    RETURN QUERY
    WITH doomed AS MATERIALIZED (
        SELECT w.place, w.id, w.recipient, i.version + 1 AS version,
            n.archived_at IS NULL AND n.read_at IS NULL AS unread,
            n.archived_at IS NULL AND n.seen_at IS NULL AND n.content_version > i.seen_upto
                AS unseen
        FROM unnest(p_places, p_ids, p_recipients) AS w (place, id, recipient)
        JOIN alimi_notifications AS n ON n.ctid = w.place
            AND n.id IS NOT DISTINCT FROM w.id AND n.recipient IS NOT DISTINCT FROM w.recipient
        CROSS JOIN LATERAL (
            SELECT version, seen_upto FROM alimi_inboxes WHERE recipient = w.recipient LIMIT 1
        ) AS i
        WHERE locked ? w.recipient AND n.deleted_at IS NULL
    ), moved AS (
        UPDATE alimi_inboxes AS i SET version = i.version + 1, unread = i.unread - w.unread,
            unseen = i.unseen - w.unseen, kept = i.kept - w.rows
        FROM (
            SELECT recipient, count(*)::integer AS rows, count(*) FILTER (WHERE unread) AS unread,
                count(*) FILTER (WHERE unseen) AS unseen
            FROM doomed GROUP BY recipient
        ) AS w WHERE i.recipient = w.recipient
        RETURNING i.recipient, i.version, w.rows
    ), buried AS (
        UPDATE alimi_notifications AS n SET version = d.version, deleted_at = p_now,
            content = '{"texts":{}}', kind = '', category = '', about = NULL, expires_at = NULL
        FROM doomed AS d WHERE n.ctid = d.place
            AND n.id IS NOT DISTINCT FROM d.id AND n.recipient IS NOT DISTINCT FROM d.recipient
    )
    SELECT recipient, version, rows FROM moved;
END
$$;

-- Remove old tombstones and lift the floors, so that who read before them starts anew.
CREATE FUNCTION alimi_prune(p_before bigint, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
DECLARE
    places tid[];
    ids text[];
    owners text[];
    locked jsonb;
    removed integer;
BEGIN
    SELECT array_agg(place), array_agg(id), array_agg(recipient) INTO places, ids, owners FROM (
        SELECT ctid AS place, id, recipient FROM alimi_notifications
        WHERE deleted_at < p_before ORDER BY deleted_at LIMIT p_limit
    ) AS old;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    locked := alimi_lock_idle(owners);
    WITH gone AS (
        DELETE FROM alimi_notifications AS n
        USING unnest(places, ids, owners) AS w (place, id, recipient)
        WHERE n.ctid = w.place AND n.id IS NOT DISTINCT FROM w.id
            AND n.recipient IS NOT DISTINCT FROM w.recipient AND locked ? w.recipient
        RETURNING n.recipient, n.version
    ), lifted AS (
        UPDATE alimi_inboxes AS i SET floor = greatest(i.floor, h.version)
        FROM (SELECT recipient, max(version) AS version FROM gone GROUP BY recipient) AS h
        WHERE i.recipient = h.recipient
    )
    SELECT count(*) INTO removed FROM gone;
    -- Watermarks below every row that is left have no row to speak for.
    DELETE FROM alimi_seen AS s USING (
        SELECT owner, (
            SELECT min(n.content_version) FROM alimi_notifications AS n
            WHERE n.recipient = owner AND n.deleted_at IS NULL
        ) AS oldest FROM jsonb_object_keys(locked) AS owner
    ) AS left_over
    WHERE s.recipient = owner AND (oldest IS NULL OR s.upto < oldest);
    RETURN removed;
END
$$;
