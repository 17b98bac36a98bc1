-- What comes from others than Alimi's own code: notifying from SQL, and what a row of the outbox
-- must be.
-- compatible from: 1
--
-- Any language, or a trigger, notifies inside its own transaction:
--
--     SELECT alimi_notify('card.assigned', ARRAY['2'], '{"en": "You are now its assignee."}');
--
-- What is refused in Python is refused here, with SQLSTATE 22023 and a hint.  The same event gets
-- the same id and the same fingerprint as in Python (alimi.model), so a repeat of its key is known
-- as one whoever says it.  Nothing is sent from here: the relay finds what was committed.
--
-- Only what an application calls sets a search_path; what is called from there finds it set, and to
-- set it again took as long as the work.  Backslashes are written so that they mean the same under
-- each setting.  What yields one value is assigned: PERFORM would run a query.

-- Compact JSON with sorted names, as a fingerprint has it.
CREATE FUNCTION alimi_json(value jsonb, what text, depth integer DEFAULT 32) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(value) = 'number' AND abs(value::numeric) >= 1.8e308 THEN
        RAISE EXCEPTION '% holds a number of more than 308 digits', what USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Readers know the numbers of JavaScript: pass a text.';
    ELSIF jsonb_typeof(value) NOT IN ('object', 'array') THEN
        RETURN value::text;
    ELSIF depth = 0 THEN
        RAISE EXCEPTION '% is more than 32 levels deep', what USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Every open tab of every recipient gets it: pass only what a page shows.';
    ELSIF jsonb_typeof(value) = 'array' THEN
        RETURN '[' || coalesce((
            SELECT string_agg(alimi_json(each.value, what, depth - 1), ',' ORDER BY each.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS each (value, place)
        ), '') || ']';
    END IF;
    RETURN '{' || coalesce((
        SELECT string_agg(
            to_json(each.key)::text || ':' || alimi_json(each.value, what, depth - 1),
            ',' ORDER BY each.key COLLATE "C")
        FROM jsonb_each(value) AS each
    ), '') || '}';
END
$$;

-- A short text without control characters; answers it.
CREATE FUNCTION alimi_short(value text, what text, longest integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF value IS NOT NULL AND length(value) BETWEEN 1 AND longest
        AND value !~ E'[\\x01-\\x1f\\x7f]'
    THEN
        RETURN value;
    END IF;
    RAISE EXCEPTION '% is a text of 1 to % characters without control characters, not %',
        what, longest, quote_nullable(left(value, 200))
        USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Line breaks and tabs are control characters too.';
END
$$;

-- A url that a click may follow; answers it.
CREATE FUNCTION alimi_url(url text, what text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    wrong text;
BEGIN
    wrong := CASE
        WHEN length(url) > 2000 THEN 'is longer than 2000 characters'
        WHEN url ~ E'[\\x01-\\x1f\\x7f\\\\]' THEN 'holds control characters or backslashes'
        WHEN url LIKE '//%' THEN 'begins with two slashes, which is another host'
        WHEN url !~ '^/' AND url !~* '^https?://([^/?#@]*@)?[^/?#@:]' THEN 'is no web address'
        WHEN regexp_replace(url, '[?#].*$', '') ~ '(^|/)[.][.]?(/|$)' THEN 'has a segment . or ..'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '% %: %', what, wrong, quote_literal(left(url, 200))
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A url begins with http://, https:// or one slash, like ''/cards/12''.';
    END IF;
    RETURN url;
END
$$;

-- An actor, object or target as it is now: its id, or an object with id, name (or title), image
-- and url, such as to_jsonb(row).  Answers its JSON, NULL for none.
CREATE FUNCTION alimi_snapshot(value jsonb, what text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    field text;
    fields jsonb := CASE jsonb_typeof(value)
        WHEN 'object' THEN value ELSE jsonb_build_object('id', value) END;
    id text := fields ->> 'id';
    name jsonb;
    said text;
    links text := '';
BEGIN
    IF jsonb_typeof(value) = 'null' THEN
        RETURN NULL;
    END IF;
    name := CASE WHEN jsonb_typeof(fields -> 'name') <> 'null'
        THEN fields -> 'name' ELSE fields -> 'title' END;
    IF jsonb_typeof(fields -> 'id') IS DISTINCT FROM 'string'
        AND id !~ '^-?[0-9]+$' IS NOT FALSE
    THEN
        RAISE EXCEPTION '% needs an id that is a text or a whole number', what
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Pass an id, or an object like {"id": 12, "name": "…", "url": "/cards/12"}.';
    END IF;
    id := alimi_short(id, what || '.id', 128);
    said := name #>> '{}';
    IF jsonb_typeof(name) NOT IN ('string', 'null') AND said !~ '^-?[0-9]+$' THEN
        RAISE EXCEPTION '%.name is no text', what USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A name is what a person reads: a text or a whole number.';
    END IF;
    FOREACH field IN ARRAY '{image,url}'::text[] LOOP
        IF jsonb_typeof(fields -> field) NOT IN ('string', 'null') THEN
            RAISE EXCEPTION '%.% is no text', what, field
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it away, or pass a url.';
        END IF;
        links := links || ',"' || field || '":'
            || coalesce(to_json(alimi_url(fields ->> field, what || '.' || field))::text, 'null');
    END LOOP;
    RETURN '{"id":' || to_json(id) || ',"name":' || coalesce(to_json(CASE WHEN length(said) > 500
        THEN left(said, 499) || '…' ELSE said END)::text, 'null') || links || '}';
END
$$;

-- Texts by locale, checked, as JSON in their own order, of which the first is the default.
CREATE FUNCTION alimi_texts(texts json) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    each record;
    said text;
    given text := '';
    seen text[] := '{}';
    wrong text;
BEGIN
    IF json_typeof(texts) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'texts is an object of texts by locale'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Like {"ko": "…", "en": "…"}.';
    END IF;
    FOR each IN SELECT key, value FROM json_each(texts) LOOP
        IF each.key = ANY (seen) OR cardinality(seen) = 50 THEN
            seen := '{}';
            EXIT;
        END IF;
        seen := seen || each.key;
        said := each.value #>> '{}';
        IF each.key !~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$'
            OR json_typeof(each.value) <> 'string' OR said !~ '[^[:space:]]' OR length(said) > 2000
        THEN
            wrong := least(wrong, each.key);
        END IF;
        given := given || ',' || to_json(each.key) || ':' || coalesce(to_json(said)::text, '');
    END LOOP;
    IF seen = '{}' THEN
        RAISE EXCEPTION 'texts has % locales, % of them different',
            (SELECT count(*) FROM json_object_keys(texts)),
            (SELECT count(DISTINCT locale) FROM json_object_keys(texts) AS locale)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'One text for each locale, at least one and at most 50: {"ko": "…", "en": "…"}.';
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'texts: % is no locale, or its text is none', quote_literal(wrong)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A locale is like "ko" or "en-GB"; a text has 1 to 2000 characters, not blank.';
    END IF;
    RETURN '{' || substr(given, 2) || '}';
END
$$;

-- Recipients without doubles, in their order; NULL is nobody, as is an empty place in the array.
CREATE FUNCTION alimi_recipients(recipients text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    alone text;
BEGIN
    IF cardinality(recipients) = 1 THEN
        alone := recipients[array_lower(recipients, 1)];
    END IF;
    IF alone IS NOT NULL THEN  -- as most often; a query takes longer
        RETURN ARRAY[alimi_short(alone, 'a recipient', 128)];
    END IF;
    RETURN (
        SELECT coalesce(
            array_agg(alimi_short(found.recipient, 'a recipient', 128) ORDER BY found.place), '{}')
        FROM (
            SELECT each.recipient, min(each.place) AS place
            FROM unnest(recipients) WITH ORDINALITY AS each (recipient, place)
            WHERE each.recipient IS NOT NULL GROUP BY each.recipient
        ) AS found
    );
END
$$;

-- A UUID: version 7, rising with time, or version 8 that follows from the key alone.
CREATE FUNCTION alimi_event_id(key text, now bigint) RETURNS uuid LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    raw bytea;
BEGIN
    IF key IS NULL THEN
        raw := substring(int8send(now) FROM 3) || substring(uuid_send(gen_random_uuid()) FROM 7);
        raw := set_byte(raw, 6, get_byte(raw, 6) & 15 | 112);
    ELSE
        raw := substring(
            sha256(decode('616c696d692e6b657900', 'hex') || convert_to(key, 'UTF8')) FOR 16);
        raw := set_byte(raw, 6, get_byte(raw, 6) & 15 | 128);
        raw := set_byte(raw, 8, get_byte(raw, 8) & 63 | 128);
    END IF;
    RETURN encode(raw, 'hex')::uuid;
END
$$;

-- Which partition an inbox belongs to.
CREATE FUNCTION alimi_part(p_recipient text, p_partitions integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT (('x' || left(md5(convert_to(p_recipient, 'UTF8')), 8))::bit(32)::bigint
        % p_partitions)::integer
$$;

-- Recipients by partition, each an inbox's own: one row for each that has some.
CREATE FUNCTION alimi_parts(recipients text[]) RETURNS TABLE (part smallint, of_part text[])
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.value = '1' THEN 0 ELSE alimi_part(each.recipient, m.value::integer)
        END::smallint AS number, array_agg(each.recipient ORDER BY each.place)
    FROM unnest(recipients) WITH ORDINALITY AS each (recipient, place), alimi_meta AS m
    WHERE m.name = 'partitions' GROUP BY number ORDER BY number
$$;

-- Record an event for these recipients, in the transaction of the caller; answers its id.
-- `category` is the kind's first word unless given; whoever is the actor is told only if asked for.
CREATE FUNCTION alimi_notify(
    kind text, recipients text[], texts json, category text DEFAULT NULL, url text DEFAULT NULL,
    actor jsonb DEFAULT NULL, object jsonb DEFAULT NULL, target jsonb DEFAULT NULL,
    data jsonb DEFAULT NULL, key text DEFAULT NULL, about text DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL, notify_actor boolean DEFAULT false
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    now bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
    until bigint := CASE WHEN isfinite(expires_at) IS FALSE THEN 0
        ELSE floor(extract(epoch FROM expires_at) * 1000) END;
    id uuid;
    told text[];
    said text;
    rest text;
    print text;
BEGIN
    category := coalesce(category, split_part(kind, '.', 1));
    IF (kind ~ '^[a-z0-9_.-]{1,100}$' AND category ~ '^[a-z0-9_.-]{1,100}$') IS NOT TRUE THEN
        RAISE EXCEPTION 'kind % and category % are not both names', quote_nullable(kind),
            quote_nullable(category) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A name has 1 to 100 of a-z, 0-9, dot, dash and underscore: ''card.assigned''.';
    ELSIF until NOT BETWEEN 1 AND 253402300799999 THEN
        RAISE EXCEPTION 'expires_at is a time from 1970 to 9999, not %', expires_at
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Like now() + interval ''7 days''.';
    ELSIF jsonb_typeof(data) NOT IN ('object', 'null') THEN
        RAISE EXCEPTION 'data is a JSON object, not %', jsonb_typeof(data)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Like jsonb_build_object(''due'', due).';
    END IF;
    IF key IS NOT NULL THEN
        key := alimi_short(key, 'key', 256);
    END IF;
    IF about IS NOT NULL THEN
        about := alimi_short(about, 'about', 256);
    END IF;
    said := alimi_texts(texts);
    IF jsonb_typeof(data) = 'object' AND data <> '{}' THEN
        rest := alimi_json(data, 'data');
    END IF;
    IF octet_length(rest) > 16384 THEN
        RAISE EXCEPTION 'data is % bytes as JSON; at most 16384 are allowed', octet_length(rest)
            USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Every open tab of every recipient gets it: pass an id, fetch the rest by it.';
    END IF;
    rest := coalesce(',"url":' || to_json(alimi_url(url, 'url')), '')
        || coalesce(',"actor":' || alimi_snapshot(actor, 'actor'), '')
        || coalesce(',"object":' || alimi_snapshot(object, 'object'), '')
        || coalesce(',"target":' || alimi_snapshot(target, 'target'), '')
        || coalesce(',"data":' || rest, '') || '}';

    told := alimi_recipients(recipients);
    IF NOT notify_actor THEN
        told := array_remove(told, coalesce(actor ->> 'id', actor #>> '{}'));
    END IF;
    id := alimi_event_id(key, now);
    IF cardinality(told) = 0 THEN
        RETURN id;
    END IF;
    IF key IS NOT NULL THEN
        print := '{"type":"event","id":"","kind":' || to_json(kind) || ',"category":'
            || to_json(category) || ',"content":{"texts":' || alimi_json(said::jsonb, 'texts') || rest
            || ',"created_at":0,"recipients":' || array_to_json(ARRAY(
                SELECT each FROM unnest(told) AS each ORDER BY each COLLATE "C"))
            || ',"key":' || to_json(key) || coalesce(',"about":' || to_json(about), '')
            || coalesce(',"expires_at":' || until, '') || '}';
        print := left(encode(sha256(convert_to(print, 'UTF8')), 'hex'), 32);
    END IF;

    IF cardinality(told) <= 1000 THEN  -- as most often; below takes longer
        -- One statement: who waits here while alimi_partition_outbox() has the table reads the
        -- number only then.
        INSERT INTO alimi_outbox (size, event_id, key, fingerprint, recorded_at, recipients, kind,
            category, about, created_at, expires_at, content, checked)
        SELECT cardinality(told), id, key, print, now, told, kind, category, about, now, until,
            ('{"texts":' || said || rest)::json, true
        FROM alimi_meta AS m WHERE m.name = 'partitions' AND m.value = '1';
        IF FOUND THEN
            RETURN id;
        END IF;
    END IF;
    -- As alimi.stores.postgres.outbox: very many go to the bulk lane, in pieces, of which only the
    -- first claims the key.  Cut by grouping, for a slice of an array is sought from its start.
    INSERT INTO alimi_outbox (part, lane, size, rest, event_id, key, fingerprint, recorded_at,
        recipients, kind, category, about, created_at, expires_at, content, checked)
    SELECT p.part, CASE s.piece WHEN 500 THEN 1 ELSE 0 END, cardinality(c.of_piece),
        CASE c.number WHEN 0 THEN (cardinality(p.of_part) - 1) / s.piece ELSE 0 END, id,
        CASE c.number WHEN 0 THEN key END, CASE c.number WHEN 0 THEN print END, now,
        c.of_piece, kind, category, about, now, until, ('{"texts":' || said || rest)::json,
        true
    FROM alimi_parts(told) AS p, LATERAL (
        SELECT CASE WHEN cardinality(p.of_part) > 1000 THEN 500 ELSE 1000 END AS piece
    ) AS s, LATERAL (
        SELECT (u.place - 1) / s.piece AS number,
            array_agg(u.recipient ORDER BY u.place) AS of_piece
        FROM unnest(p.of_part) WITH ORDINALITY AS u (recipient, place) GROUP BY 1
    ) AS c
    ORDER BY p.part, c.number;
    RETURN id;
END
$$;

-- Withdraw what is still unread about a matter, from these recipients; NULL: from everybody.
CREATE FUNCTION alimi_retract(about text, recipients text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    now bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
    id uuid := alimi_event_id(NULL, now);
BEGIN
    about := alimi_short(about, 'about', 256);
    INSERT INTO alimi_outbox (part, type, event_id, recorded_at, recipients, about, created_at,
        checked)
    SELECT p.part, 'retract', id, now, p.of_part, about, now, true
    FROM (
        SELECT * FROM alimi_parts(alimi_recipients(recipients))
        UNION ALL
        SELECT number::smallint, NULL FROM alimi_meta AS m,
            generate_series(0, m.value::integer - 1) AS number
        WHERE m.name = 'partitions' AND recipients IS NULL
    ) AS p ORDER BY p.part;
END
$$;

-- Rows of the outbox that other tools have written, which no Alimi has checked: what the relay asks
-- of them before it applies them.

CREATE FUNCTION alimi_is_snapshot(p_value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_typeof(p_value), 'null') = 'null'
        OR jsonb_typeof(p_value) = 'object'
        AND coalesce(jsonb_typeof(p_value -> 'id'), '') = 'string'
        AND coalesce(jsonb_typeof(p_value -> 'name'), 'null') IN ('null', 'string')
        AND coalesce(jsonb_typeof(p_value -> 'image'), 'null') IN ('null', 'string')
        AND coalesce(jsonb_typeof(p_value -> 'url'), 'null') IN ('null', 'string')
$$;

-- What jsonb keeps silent about and other readers stumble over: a name twice in an object, numbers
-- and depths without bound.  Half a character raises.
CREATE FUNCTION alimi_is_tame(p_value json, p_depth integer DEFAULT 40) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE json_typeof(p_value)
        WHEN 'object' THEN p_depth > 0 AND (
            SELECT count(*) = count(DISTINCT e.key)
                AND coalesce(bool_and(alimi_is_tame(e.value, p_depth - 1)), true)
            FROM json_each(p_value) AS e)
        WHEN 'array' THEN p_depth > 0 AND (
            SELECT coalesce(bool_and(alimi_is_tame(e.value, p_depth - 1)), true)
            FROM json_array_elements(p_value) AS e)
        WHEN 'number' THEN abs(p_value::text::numeric) < 1.8e308
        ELSE p_value::jsonb IS NOT NULL
    END;
END
$$;

-- \u0000 may stand inside a text, and whoever looks into it refuses it.
CREATE FUNCTION alimi_without_nul(p_value json) RETURNS json LANGUAGE sql IMMUTABLE
SET standard_conforming_strings = on AS $$
    SELECT regexp_replace(p_value::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g')::json
$$;

-- Whether every reader can decode it; asked of rows that Alimi has not checked itself.
CREATE FUNCTION alimi_is_content(p_content json) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    given json := alimi_without_nul(p_content);
    body jsonb := given;
BEGIN
    RETURN jsonb_typeof(body) = 'object' AND alimi_is_tame(given)
        AND coalesce(jsonb_typeof(body -> 'texts'), '') = 'object'
        AND NOT jsonb_path_exists(body, 'strict $.texts.* ? (@.type() != "string")')
        AND coalesce(jsonb_typeof(body -> 'url'), 'null') IN ('null', 'string')
        AND coalesce(jsonb_typeof(body -> 'data'), 'object') = 'object'
        AND alimi_is_snapshot(body -> 'actor')
        AND alimi_is_snapshot(body -> 'object')
        AND alimi_is_snapshot(body -> 'target');
END
$$;

CREATE FUNCTION alimi_are_recipients(p_recipients text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET standard_conforming_strings = on AS $$
    SELECT coalesce(array_ndims(p_recipients), 1) = 1 AND NOT EXISTS (
        SELECT 1 FROM unnest(p_recipients) AS r
        WHERE r IS NULL OR length(r) NOT BETWEEN 1 AND 128 OR r ~ '[\x01-\x1f\x7f]')
$$;

-- Raises what is wrong with a row that somebody has written with other tools.
CREATE FUNCTION alimi_demand_sound(p_row alimi_outbox) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_row.type NOT IN ('event', 'retract', 'signal') THEN
        RAISE data_exception USING MESSAGE = 'there is no type of entry ' || quote_nullable(p_row.type);
    ELSIF p_row.type = 'retract' AND p_row.about IS NULL THEN
        RAISE data_exception USING MESSAGE = 'a retraction needs about';
    ELSIF p_row.type <> 'retract' AND p_row.recipients IS NULL
        OR NOT alimi_are_recipients(p_row.recipients)
    THEN
        RAISE data_exception USING MESSAGE = 'recipients are texts of 1 to 128 characters';
    ELSIF p_row.type <> 'retract' AND (p_row.kind IS NULL OR p_row.content IS NULL) THEN
        RAISE data_exception USING MESSAGE = 'kind and content are needed';
    ELSIF p_row.type = 'event' AND p_row.category IS NULL THEN
        RAISE data_exception USING MESSAGE = 'an event needs a category';
    ELSIF p_row.type = 'event' AND NOT alimi_is_content(p_row.content) THEN
        RAISE data_exception USING MESSAGE = 'content is not {"texts": {locale: text}, ...}';
    ELSIF p_row.type = 'signal' AND NOT alimi_is_tame(alimi_without_nul(p_row.content)) THEN
        RAISE data_exception USING MESSAGE = 'content is not JSON that every reader can decode';
    ELSIF least(p_row.created_at, p_row.expires_at) < 0
        OR greatest(p_row.created_at, p_row.expires_at) > 253402300799999
    THEN
        RAISE data_exception USING MESSAGE = 'times are milliseconds from 1970 to 9999';
    END IF;
END
$$;
