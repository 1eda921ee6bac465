-- API keys, the log of administrative acts, and runs by merchant. A key's token is kept as its hash only.

-- +goose Up
-- rights and issued_by are JSON arrays.
CREATE TABLE api_key (
    id           TEXT PRIMARY KEY NOT NULL,
    merchant     TEXT NOT NULL,
    name         TEXT NOT NULL,
    rights       TEXT NOT NULL,
    line         TEXT NOT NULL,
    issued_by    TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT,
    hash         BLOB NOT NULL
) STRICT;

CREATE TABLE act (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       TEXT NOT NULL,
    key      TEXT NOT NULL,
    name     TEXT NOT NULL,
    merchant TEXT NOT NULL,
    address  TEXT NOT NULL,
    act      TEXT NOT NULL,
    object   TEXT NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    problem  TEXT NOT NULL
) STRICT;

CREATE INDEX run_of_merchant ON run (merchant, id);

-- +goose Down
DROP INDEX run_of_merchant;
DROP TABLE act;
DROP TABLE api_key;
