-- The journal's standing, and its clock. Columns named clock are the journal clock in milliseconds: run time since
-- the journal was created, or since this migration. The lifetime of an older row begins anew with this migration.

-- +goose Up
-- One row. commits counts the transactions that changed anything; wall is the wall time of the last of them. mode is
-- NULL until a router opens the journal in one. held is NULL, or a JSON object with the reason why nothing may be sent
-- that may move money. For rows made before doubted_clock (journal clock), more may have been sent than the journal
-- shows; doubted_before is the same moment by the wall clock.
CREATE TABLE journal (
    id             INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    identity       TEXT NOT NULL,
    mode           TEXT,
    commits        INTEGER NOT NULL,
    clock          INTEGER NOT NULL,
    wall           TEXT,
    held           TEXT,
    doubted_before TEXT,
    doubted_clock  INTEGER
) STRICT;
INSERT INTO journal (id, identity, commits, clock) VALUES (1, lower(hex(randomblob(16))), 0, 0);

-- Events of the journal itself. commits is the number of the transaction that wrote the row; session is the start of
-- the router that it belongs to.
CREATE TABLE journal_event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    type    TEXT NOT NULL,
    at      TEXT NOT NULL,
    clock   INTEGER NOT NULL,
    commits INTEGER NOT NULL,
    session TEXT NOT NULL,
    actor   TEXT NOT NULL,
    reason  TEXT NOT NULL
) STRICT;

-- Purged idempotency keys: a hash of merchant and key.
CREATE TABLE spent_key (
    hash BLOB PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE idempotency_key ADD COLUMN settled_clock INTEGER;
UPDATE idempotency_key SET settled_clock = 0 WHERE settled_at IS NOT NULL;
DROP INDEX idempotency_key_settled;
ALTER TABLE idempotency_key DROP COLUMN settled_at;
CREATE INDEX idempotency_key_settled ON idempotency_key (settled_clock) WHERE settled_clock IS NOT NULL;

ALTER TABLE callback ADD COLUMN last_clock INTEGER NOT NULL DEFAULT 0;
DROP INDEX callback_done;
CREATE INDEX callback_done ON callback (last_clock) WHERE due IS NULL;

ALTER TABLE webhook_delivery ADD COLUMN tried_clock INTEGER NOT NULL DEFAULT 0;
DROP INDEX webhook_delivery_done;
CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_clock) WHERE state = 'delivered';

-- +goose Down
DROP INDEX webhook_delivery_done;
ALTER TABLE webhook_delivery DROP COLUMN tried_clock;
CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_at) WHERE state = 'delivered';
DROP INDEX callback_done;
ALTER TABLE callback DROP COLUMN last_clock;
CREATE INDEX callback_done ON callback (last_at) WHERE due IS NULL;
DROP INDEX idempotency_key_settled;
ALTER TABLE idempotency_key ADD COLUMN settled_at TEXT;
UPDATE idempotency_key SET settled_at = created_at WHERE settled_clock IS NOT NULL;
ALTER TABLE idempotency_key DROP COLUMN settled_clock;
CREATE INDEX idempotency_key_settled ON idempotency_key (settled_at) WHERE settled_at IS NOT NULL;
DROP TABLE spent_key;
DROP TABLE journal_event;
DROP TABLE journal;
