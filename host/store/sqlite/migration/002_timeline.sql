-- The timeline, look-ups of payments that are due, payments by providers' references, and the purge of idempotency
-- keys. next_check is NULL if no look-up is due; settled_at is when a key's payment became terminal.

-- +goose Up
-- seq is never reused, even after a row is deleted: merchants keep the last one that they read. doc is the event,
-- snapshot the payment as the merchant sees it.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL REFERENCES payment (id),
    merchant   TEXT NOT NULL,
    type       TEXT NOT NULL,
    at         TEXT NOT NULL,
    doc        TEXT NOT NULL,
    snapshot   BLOB NOT NULL
) STRICT;

CREATE INDEX event_of_payment ON event (payment_id, seq);
CREATE INDEX event_of_merchant ON event (merchant, seq);

ALTER TABLE payment ADD COLUMN provider_reference TEXT;
ALTER TABLE payment ADD COLUMN next_check TEXT;
UPDATE payment SET provider_reference = json_extract(doc, '$.provider_reference'),
    next_check = CASE
        WHEN status IN ('processing', 'requires_action', 'unknown') AND provider IS NOT NULL THEN updated_at
    END;
CREATE INDEX payment_by_provider_reference ON payment (provider, provider_reference)
    WHERE provider_reference IS NOT NULL;
CREATE INDEX payment_due ON payment (provider, next_check) WHERE next_check IS NOT NULL;

ALTER TABLE attempt ADD COLUMN reference TEXT;
UPDATE attempt SET reference = json_extract(doc, '$.reference');
CREATE INDEX attempt_by_reference ON attempt (provider, reference, payment_id) WHERE reference IS NOT NULL;

ALTER TABLE idempotency_key ADD COLUMN settled_at TEXT;
UPDATE idempotency_key SET settled_at = (
    SELECT updated_at FROM payment
    WHERE payment.id = payment_id AND payment.status IN ('succeeded', 'failed', 'canceled', 'expired')
);
CREATE INDEX idempotency_key_settled ON idempotency_key (settled_at) WHERE settled_at IS NOT NULL;

-- +goose Down
DROP INDEX idempotency_key_settled;
ALTER TABLE idempotency_key DROP COLUMN settled_at;
DROP INDEX attempt_by_reference;
ALTER TABLE attempt DROP COLUMN reference;
DROP INDEX payment_due;
DROP INDEX payment_by_provider_reference;
ALTER TABLE payment DROP COLUMN next_check;
ALTER TABLE payment DROP COLUMN provider_reference;
DROP TABLE event;
