-- Runs of native operations. A run has attempts and an idempotency key as a payment has, so payment_id is the id of
-- either from here on, and no foreign key any more. SQLite drops a foreign key only by creating the table anew.

-- +goose Up
CREATE TABLE run (
    id         TEXT PRIMARY KEY NOT NULL,
    merchant   TEXT NOT NULL,
    status     TEXT NOT NULL,
    provider   TEXT NOT NULL,
    operation  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    version    INTEGER NOT NULL,
    input      BLOB NOT NULL,
    output     BLOB,
    doc        TEXT NOT NULL
) STRICT;

CREATE INDEX run_at_provider ON run (provider, id);
CREATE INDEX run_by_status ON run (status, id);

CREATE TABLE attempt_of_either (
    id          TEXT PRIMARY KEY NOT NULL,
    payment_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    event       TEXT,
    send_before TEXT NOT NULL,
    call        BLOB,
    state       BLOB,
    request     BLOB,
    response    BLOB,
    doc         TEXT NOT NULL,
    reference   TEXT,
    UNIQUE (payment_id, number)
) STRICT;
INSERT INTO attempt_of_either
SELECT id, payment_id, number, provider, event, send_before, call, state, request, response, doc, reference
FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_of_either RENAME TO attempt;
CREATE INDEX attempt_open ON attempt (id) WHERE event IS NULL;
CREATE INDEX attempt_by_reference ON attempt (provider, reference, payment_id) WHERE reference IS NOT NULL;

CREATE TABLE key_of_either (
    merchant    TEXT NOT NULL,
    value       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    payment_id  TEXT NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB,
    created_at  TEXT NOT NULL,
    settled_at  TEXT,
    PRIMARY KEY (merchant, value)
) STRICT;
INSERT INTO key_of_either
SELECT merchant, value, fingerprint, payment_id, status, body, created_at, settled_at FROM idempotency_key;
DROP TABLE idempotency_key;
ALTER TABLE key_of_either RENAME TO idempotency_key;
CREATE INDEX idempotency_key_of_payment ON idempotency_key (payment_id);
CREATE INDEX idempotency_key_settled ON idempotency_key (settled_at) WHERE settled_at IS NOT NULL;

-- +goose Down
DELETE FROM attempt WHERE payment_id IN (SELECT id FROM run);
DELETE FROM idempotency_key WHERE payment_id IN (SELECT id FROM run);
DROP TABLE run;
