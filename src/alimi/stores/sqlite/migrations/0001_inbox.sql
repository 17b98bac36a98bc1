-- The outbox, the inboxes and what a store must remember of itself.
-- Times are milliseconds since 1970 UTC.

CREATE TABLE alimi_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL
);

-- epoch: the store's identity.  changes: how many write transactions; see epoch.py.
CREATE TABLE alimi_meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

INSERT INTO alimi_meta (name, value) VALUES ('epoch', lower(hex(randomblob(16)))), ('changes', 0);

-- What was committed and not yet applied, in order of seq.  Lane 1 is the bulk lane: an event to
-- very many is written as several rows, each with its own recipients; the first says by `rest` how
-- many rows follow it.  In lane 0 the body is the whole entry.
CREATE TABLE alimi_outbox (
    seq INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 1,
    rest INTEGER NOT NULL DEFAULT 0,
    event_id TEXT NOT NULL,
    key TEXT,
    fingerprint TEXT,
    recorded_at INTEGER NOT NULL,
    recipients TEXT,
    body TEXT NOT NULL
);

CREATE INDEX alimi_outbox_bulk ON alimi_outbox (seq) WHERE lane = 1;
CREATE INDEX alimi_outbox_key ON alimi_outbox (key) WHERE key IS NOT NULL;

-- Never deleted, so that versions never repeat.  kept: rows that are not tombstones.
CREATE TABLE alimi_inboxes (
    recipient TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    floor INTEGER NOT NULL DEFAULT 0,
    seen_upto INTEGER NOT NULL DEFAULT 0,
    seen_version INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    kept INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- A row with deleted_at is a tombstone: a version and no content.
-- Ids rise with time: with them in front, a batch to many recipients touches one page of that index
-- and not one for each recipient.
CREATE TABLE alimi_notifications (
    recipient TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    born INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER,
    read_at INTEGER,
    archived_at INTEGER,
    expires_at INTEGER,
    deleted_at INTEGER,
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    about TEXT,
    content TEXT NOT NULL,
    PRIMARY KEY (id, recipient)
);

CREATE INDEX alimi_notifications_version ON alimi_notifications (recipient, version);
CREATE INDEX alimi_notifications_content ON alimi_notifications (recipient, content_version)
    WHERE deleted_at IS NULL;
CREATE INDEX alimi_notifications_archived ON alimi_notifications (recipient, content_version)
    WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_about ON alimi_notifications (about, recipient)
    WHERE about IS NOT NULL AND read_at IS NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_created ON alimi_notifications (created_at)
    WHERE deleted_at IS NULL;
CREATE INDEX alimi_notifications_expires ON alimi_notifications (expires_at)
    WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX alimi_notifications_deleted ON alimi_notifications (deleted_at)
    WHERE deleted_at IS NOT NULL;

-- When the seen watermark passed which content version; so "seen" never rewrites rows.
CREATE TABLE alimi_seen (
    recipient TEXT NOT NULL,
    upto INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (recipient, upto)
) WITHOUT ROWID;

-- Used idempotency keys, kept for some days and as long as a row bears their event's id.
-- at: when it was used, or when it was last looked at and kept.
CREATE TABLE alimi_keys (
    key TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at INTEGER NOT NULL
);

CREATE INDEX alimi_keys_at ON alimi_keys (at);

-- What could not be applied, as it was, and why.
CREATE TABLE alimi_dead_letters (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    recipients TEXT,
    body TEXT NOT NULL,
    error TEXT NOT NULL,
    failed_at INTEGER NOT NULL
);
