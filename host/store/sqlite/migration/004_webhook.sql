-- Merchants' webhook endpoints, and the deliveries to them. Secrets are stored in plain text: they are needed to sign,
-- and only the owner can read the file.

-- +goose Up
-- cursor is the last event that deliveries were made of. types is a JSON array; an empty one is all types.
CREATE TABLE webhook_endpoint (
    id             TEXT PRIMARY KEY NOT NULL,
    merchant       TEXT NOT NULL,
    cursor         INTEGER NOT NULL,
    url            TEXT NOT NULL,
    description    TEXT NOT NULL,
    types          TEXT NOT NULL,
    secret         TEXT NOT NULL,
    previous       TEXT NOT NULL,
    previous_until TEXT,
    created_at     TEXT NOT NULL,
    disabled_at    TEXT,
    disabled_why   TEXT NOT NULL,
    held_until     TEXT,
    failing_since  TEXT,
    delivered_at   TEXT
) STRICT;

CREATE INDEX webhook_endpoint_of_merchant ON webhook_endpoint (merchant, id);

-- due is when a try may be claimed; claim counts those that were.
CREATE TABLE webhook_delivery (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    seq         INTEGER NOT NULL REFERENCES event (seq),
    state       TEXT NOT NULL,
    due         TEXT NOT NULL,
    claim       INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    tried_at    TEXT,
    status      INTEGER NOT NULL,
    error       TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, seq)
) STRICT;

CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due) WHERE state = 'pending';
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (endpoint_id, state, seq);
CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_at) WHERE state = 'delivered';

-- +goose Down
DROP TABLE webhook_delivery;
DROP TABLE webhook_endpoint;
