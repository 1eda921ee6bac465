-- Times are text in UTC with nine digits of a second, so that their text sorts by time. doc is the whole row as JSON;
-- the other columns are what lists filter by. The rows are too large for WITHOUT ROWID.

-- +goose Up
CREATE TABLE payment (
    id         TEXT PRIMARY KEY NOT NULL,
    merchant   TEXT NOT NULL,
    status     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    currency   TEXT NOT NULL,
    provider   TEXT,
    reference  TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version    INTEGER NOT NULL,
    doc        TEXT NOT NULL
) STRICT;

-- A merchant's list; created_at lets a range of time be passed over without reading the rows.
CREATE INDEX payment_of_merchant ON payment (merchant, id, created_at);
CREATE INDEX payment_by_reference ON payment (reference, merchant, id) WHERE reference IS NOT NULL;
CREATE INDEX payment_at_provider ON payment (provider, id) WHERE provider IS NOT NULL;
CREATE INDEX payment_by_status ON payment (status, id);

-- event is NULL while the attempt is open.
CREATE TABLE attempt (
    id          TEXT PRIMARY KEY NOT NULL,
    payment_id  TEXT NOT NULL REFERENCES payment (id),
    number      INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    event       TEXT,
    send_before TEXT NOT NULL,
    call        BLOB,
    state       BLOB,
    request     BLOB,
    response    BLOB,
    doc         TEXT NOT NULL,
    UNIQUE (payment_id, number)
) STRICT;

CREATE INDEX attempt_open ON attempt (id) WHERE event IS NULL;

-- status is 0 while the request is in flight.
CREATE TABLE idempotency_key (
    merchant    TEXT NOT NULL,
    value       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    payment_id  TEXT NOT NULL REFERENCES payment (id),
    status      INTEGER NOT NULL,
    body        BLOB,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (merchant, value)
) STRICT;

CREATE INDEX idempotency_key_of_payment ON idempotency_key (payment_id);

-- Written and emptied again to learn whether the disk takes writes.
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY NOT NULL,
    junk BLOB NOT NULL
) STRICT;

-- +goose Down
DROP TABLE probe;
DROP TABLE idempotency_key;
DROP TABLE attempt;
DROP TABLE payment;
