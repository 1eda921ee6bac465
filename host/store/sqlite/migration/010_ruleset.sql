-- The rules that decided on payments, each once: decisions name them by id, the hash of the text. None is ever removed.

-- +goose Up
-- written is compressed.
CREATE TABLE ruleset (
    id      TEXT PRIMARY KEY NOT NULL,
    written BLOB NOT NULL
) STRICT;

-- +goose Down
DROP TABLE ruleset;
