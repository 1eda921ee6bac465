-- The owner of an object at an account: a payment's or a run's id. object is its type, named by the operation that
-- creates such objects.

-- +goose Up
CREATE TABLE claim (
    account   TEXT NOT NULL,
    object    TEXT NOT NULL,
    reference TEXT NOT NULL,
    owner     TEXT NOT NULL,
    PRIMARY KEY (account, object, reference)
) STRICT, WITHOUT ROWID;

-- Objects of existing payments. If several payments name one object, the first owns it.
INSERT OR IGNORE INTO claim
SELECT provider, coalesce((
    SELECT json_extract(attempt.doc, '$.operation') FROM attempt
    WHERE attempt.payment_id = payment.id AND attempt.provider = payment.provider
        AND json_extract(attempt.doc, '$.role') = 'create'
        AND json_extract(attempt.doc, '$.idempotency') <> 'safe'
    ORDER BY number DESC LIMIT 1
), kind), provider_reference, id FROM payment WHERE provider IS NOT NULL AND provider_reference IS NOT NULL ORDER BY id;

-- +goose Down
DROP TABLE claim;
