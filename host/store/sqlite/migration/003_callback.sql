-- Providers' callbacks, unchanged. identity is the same for repetitions of one; due is NULL if nothing is to be done.

-- +goose Up
CREATE TABLE callback (
    id           TEXT PRIMARY KEY NOT NULL,
    account      TEXT NOT NULL,
    identity     TEXT NOT NULL,
    addressed_to TEXT,
    payment_id   TEXT,
    received_at  TEXT NOT NULL,
    last_at      TEXT NOT NULL,
    repeats      INTEGER NOT NULL,
    method       TEXT NOT NULL,
    query        TEXT NOT NULL,
    header       TEXT NOT NULL,
    body         BLOB NOT NULL,
    receipt      BLOB,
    vouched      INTEGER NOT NULL,
    state        TEXT NOT NULL,
    due          TEXT,
    tries        INTEGER NOT NULL,
    note         TEXT NOT NULL,
    UNIQUE (account, identity)
) STRICT;

CREATE INDEX callback_due ON callback (account, vouched, due) WHERE due IS NOT NULL;
CREATE INDEX callback_done ON callback (last_at) WHERE due IS NULL;
CREATE INDEX callback_of_payment ON callback (payment_id, id) WHERE payment_id IS NOT NULL;

-- +goose Down
DROP TABLE callback;
