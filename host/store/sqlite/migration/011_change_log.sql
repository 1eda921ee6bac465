-- The change log: one row for each commit of a payment or a run, which is never changed. A payment is the fold of its
-- changes. The other tables find them, and can be made anew from them.

-- Numbers are the change log's: a change takes one for each of its entries, and at least one. Times are Unix time in
-- nanoseconds. Hashes are the first 64 bits of SHA-256: what one finds is compared with the record.

-- The tables of earlier releases keep what is not converted yet. They stay empty afterwards, for the way back.

-- +goose Up
ALTER TABLE payment RENAME TO former_payment;
ALTER TABLE run RENAME TO former_run;
ALTER TABLE attempt RENAME TO former_attempt;
ALTER TABLE event RENAME TO former_event;
ALTER TABLE idempotency_key RENAME TO former_key;
ALTER TABLE claim RENAME TO former_claim;
CREATE INDEX former_claim_of_owner ON former_claim (owner);
DROP INDEX attempt_open;

-- previous is the owner's change before this one; entries is how many events it has.
CREATE TABLE change (
    number   INTEGER PRIMARY KEY NOT NULL,
    previous INTEGER,
    merchant TEXT NOT NULL,
    entries  INTEGER NOT NULL,
    record   BLOB NOT NULL
) STRICT;

CREATE INDEX change_of_merchant ON change (merchant, number, entries) WHERE entries > 0;

-- Payments and runs as they stand. number is the first change's and last the last one's. kind and currency are a
-- payment's, operation a run's. attempts is the highest number of an attempt. answer is the change that answers the
-- idempotency key; settled is the journal's clock (ms) when the key began to age, and -1 once it is purged. reference
-- is a hash of the merchant's reference, theirs one of the account and the provider's reference.
CREATE TABLE owner (
    number    INTEGER PRIMARY KEY NOT NULL,
    last      INTEGER NOT NULL,
    id        TEXT NOT NULL UNIQUE,
    merchant  TEXT NOT NULL,
    status    TEXT NOT NULL,
    kind      TEXT,
    currency  TEXT,
    operation TEXT,
    provider  TEXT,
    created   INTEGER NOT NULL,
    due       INTEGER,
    version   INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    answer    INTEGER,
    settled   INTEGER,
    reference INTEGER,
    theirs    INTEGER
) STRICT;

-- A merchant's lists; created lets a range of time be passed over without reading the rows.
CREATE INDEX payment_of_merchant_by_id ON owner (merchant, id, created) WHERE operation IS NULL;
CREATE INDEX run_of_merchant_by_id ON owner (merchant, id) WHERE operation IS NOT NULL;
CREATE INDEX run_by_id ON owner (id) WHERE operation IS NOT NULL;
CREATE INDEX owner_by_reference ON owner (reference, id) WHERE reference IS NOT NULL;
CREATE INDEX owner_due ON owner (provider, due) WHERE due IS NOT NULL;
CREATE INDEX owner_unfinished ON owner (status, id) WHERE status NOT IN ('succeeded', 'failed', 'canceled', 'expired');
CREATE INDEX owner_settled ON owner (settled) WHERE settled >= 0;

-- given is a hash of what the attempt was given and asks for, and NULL once it is closed.
CREATE TABLE attempt (
    id     TEXT PRIMARY KEY NOT NULL,
    owner  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    given  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_open ON attempt (id) WHERE given IS NOT NULL;

CREATE TABLE event (
    id     TEXT PRIMARY KEY NOT NULL,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Idempotency keys, our references and the providers' references, by their hashes.
CREATE TABLE name (
    hash  INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    PRIMARY KEY (hash, owner)
) STRICT, WITHOUT ROWID;

-- A delivery has its event's id and type from here on.
CREATE TABLE delivery (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    seq         INTEGER NOT NULL,
    event_id    TEXT NOT NULL,
    type        TEXT NOT NULL,
    state       TEXT NOT NULL,
    due         TEXT NOT NULL,
    claim       INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    tried_at    TEXT,
    status      INTEGER NOT NULL,
    error       TEXT NOT NULL,
    tried_clock INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint_id, seq)
) STRICT;
INSERT INTO delivery
SELECT d.endpoint_id, d.seq, e.id, e.type, d.state, d.due, d.claim, d.tries, d.tried_at, d.status, d.error,
    d.tried_clock
FROM webhook_delivery d JOIN former_event e ON e.seq = d.seq;
DROP TABLE webhook_delivery;
ALTER TABLE delivery RENAME TO webhook_delivery;
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due) WHERE state = 'pending';
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (endpoint_id, state, seq);
CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_clock) WHERE state = 'delivered';

-- +goose Down
DROP TABLE name;
DROP TABLE event;
DROP TABLE attempt;
DROP TABLE owner;
DROP TABLE change;
ALTER TABLE former_payment RENAME TO payment;
ALTER TABLE former_run RENAME TO run;
ALTER TABLE former_attempt RENAME TO attempt;
ALTER TABLE former_event RENAME TO event;
ALTER TABLE former_key RENAME TO idempotency_key;
ALTER TABLE former_claim RENAME TO claim;
DROP INDEX former_claim_of_owner;
CREATE INDEX attempt_open ON attempt (id) WHERE event IS NULL;
CREATE TABLE delivery (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    seq         INTEGER NOT NULL REFERENCES event (seq),
    state       TEXT NOT NULL,
    due         TEXT NOT NULL,
    claim       INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    tried_at    TEXT,
    status      INTEGER NOT NULL,
    error       TEXT NOT NULL,
    tried_clock INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint_id, seq)
) STRICT;
INSERT INTO delivery
SELECT endpoint_id, seq, state, due, claim, tries, tried_at, status, error, tried_clock FROM webhook_delivery;
DROP TABLE webhook_delivery;
ALTER TABLE delivery RENAME TO webhook_delivery;
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due) WHERE state = 'pending';
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (endpoint_id, state, seq);
CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_clock) WHERE state = 'delivered';
