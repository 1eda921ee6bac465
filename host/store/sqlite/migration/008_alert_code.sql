-- What a payment's alert is, beside its text: the router decides by the code.

-- +goose Up
UPDATE payment SET doc = json_set(doc, '$.alert_code', CASE
    WHEN json_extract(doc, '$.alert') LIKE 'unknown for long:%' THEN 'overdue'
    WHEN json_extract(doc, '$.alert') LIKE 'provider % is not configured:%' THEN 'unconfigured'
    WHEN json_extract(doc, '$.alert') LIKE '%contradicts the payment, and was not believed:%' THEN 'contradiction'
    WHEN json_extract(doc, '$.alert') LIKE '% answered this and % with the same object %' THEN 'claimed'
    WHEN json_extract(doc, '$.alert') LIKE '% reports on what an earlier try had left behind%' THEN 'orphan'
    WHEN json_extract(doc, '$.alert') LIKE 'the journal may be older than what was sent:%' THEN 'behind'
    WHEN json_extract(doc, '$.alert') LIKE 'a callback of % could not be confirmed:%' THEN 'callback_unanswered'
    ELSE 'report'
END)
WHERE coalesce(json_extract(doc, '$.alert'), '') <> '' AND json_extract(doc, '$.alert_code') IS NULL;

-- +goose Down
UPDATE payment SET doc = json_remove(doc, '$.alert_code');
