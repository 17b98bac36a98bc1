-- name: inboxes
SELECT json_group_array(
    json_array(recipient, version, floor, seen_upto, seen_version, unread, unseen, kept))
FROM alimi_inboxes WHERE recipient IN (SELECT value FROM json_each(?));

-- name: save_inbox
INSERT INTO alimi_inboxes
    (recipient, version, floor, seen_upto, seen_version, unread, unseen, kept)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (recipient) DO UPDATE SET
    version = excluded.version, floor = excluded.floor, seen_upto = excluded.seen_upto,
    seen_version = excluded.seen_version, unread = excluded.unread, unseen = excluded.unseen,
    kept = excluded.kept;

-- name: insert
INSERT INTO alimi_notifications
    (recipient, id, version, born, content_version, created_at, expires_at, kind, category, about, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: owners
-- Which of these (id, recipient) are notifications already.
SELECT json_group_array(json_array(n.id, n.recipient)) FROM json_each(?) AS w
CROSS JOIN alimi_notifications AS n
    ON n.id = json_extract(w.value, '$[0]') AND n.recipient = json_extract(w.value, '$[1]');

-- name: unread_about
-- What a retraction withdraws: everything still unread about a matter, archived or not.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE about = ? AND read_at IS NULL AND deleted_at IS NULL LIMIT ?
);

-- name: unread_about_of
-- The same in the named inboxes.
SELECT json_group_array(json_array(rowid, recipient)) FROM (
    SELECT rowid, recipient FROM alimi_notifications
    WHERE about = ? AND recipient IN (SELECT value FROM json_each(?))
        AND read_at IS NULL AND deleted_at IS NULL LIMIT ?
);
