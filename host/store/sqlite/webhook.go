package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"payrouter/host/payment"
	"payrouter/host/webhook"
)

// Webhooks is the part of a journal that holds merchants' endpoints and what is on its way to them. It is open as long as the journal is,
// and safe for concurrent use. An endpoint's place in the events moves in the transaction that makes the deliveries of them.
type Webhooks struct{ db *DB }

var (
	_ webhook.Register = Webhooks{}
	_ webhook.Records  = Webhooks{}
	_ webhook.Queue    = Webhooks{}
)

// Webhooks gives the journal's part for webhooks.
func (db *DB) Webhooks() Webhooks { return Webhooks{db} }

// spreadBatch is how many events one endpoint is given in one transaction.
const spreadBatch = 500

const (
	endpointColumns = `id, merchant, url, description, types, secret, previous, previous_until, created_at, disabled_at, disabled_why,
		held_until, failing_since, delivered_at`
	listEndpoints  = `SELECT ` + endpointColumns + ` FROM webhook_endpoint WHERE merchant = ? ORDER BY id`
	findEndpoint   = `SELECT ` + endpointColumns + ` FROM webhook_endpoint WHERE id = ?`
	countEndpoints = `SELECT count(*) FROM webhook_endpoint WHERE merchant = ?`
	insertEndpoint = `INSERT INTO webhook_endpoint (cursor, ` + endpointColumns + `)
		VALUES ((SELECT coalesce(max(seq), 0) FROM event), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateEndpoint = `UPDATE webhook_endpoint SET url = ?, description = ?, types = ?, secret = ?, previous = ?, previous_until = ?,
		disabled_at = ?, disabled_why = ?, held_until = ?, failing_since = ?, delivered_at = ? WHERE id = ?`
	deleteEndpoint   = `DELETE FROM webhook_endpoint WHERE id = ? AND merchant = ?`
	deleteDeliveries = `DELETE FROM webhook_delivery WHERE endpoint_id = ?`

	// How far an endpoint's next batch goes; no row where it has had everything.
	listBehind = `SELECT e.id, (SELECT max(seq) FROM (
			SELECT seq FROM event WHERE event.merchant = e.merchant AND seq > e.cursor ORDER BY seq LIMIT ?)) AS upto
		FROM webhook_endpoint e WHERE e.disabled_at IS NULL AND upto IS NOT NULL`
	spreadEvents = `INSERT INTO webhook_delivery (endpoint_id, seq, state, due, claim, tries, status, error)
		SELECT e.id, v.seq, 'pending', ?, 0, 0, 0, '' FROM webhook_endpoint e JOIN event v ON v.merchant = e.merchant
		WHERE e.id = ? AND e.disabled_at IS NULL AND v.seq > e.cursor AND v.seq <= ?
			AND (e.types = '[]' OR v.type IN (SELECT value FROM json_each(e.types)))
		ON CONFLICT (endpoint_id, seq) DO NOTHING`
	moveCursor = `UPDATE webhook_endpoint SET cursor = ? WHERE id = ? AND disabled_at IS NULL AND cursor < ?`

	deliveryColumns = `d.endpoint_id, d.seq, v.id, v.type, d.state, d.due, d.claim, d.tries, d.tried_at, d.status, d.error`
	listReady       = `SELECT ` + endpointColumns + `, (
			SELECT min(due) FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'pending') AS first
		FROM webhook_endpoint e WHERE disabled_at IS NULL AND (held_until IS NULL OR held_until <= ?) AND first <= ? ORDER BY first`
	listReadyTries = `SELECT ` + deliveryColumns + `, v.doc, v.snapshot FROM webhook_delivery d JOIN event v ON v.seq = d.seq
		WHERE d.endpoint_id = ? AND d.state = 'pending' AND d.due <= ? ORDER BY d.due LIMIT ?`
	claimTry = `UPDATE webhook_delivery SET due = ?, claim = claim + 1, tries = tries + 1
		WHERE endpoint_id = ? AND seq = ? AND claim = ? AND state = 'pending' AND due <= ?`
	finishTry = `UPDATE webhook_delivery SET state = ?, due = ?, tries = ?, tried_at = ?, status = ?, error = ?
		WHERE endpoint_id = ? AND seq = ? AND claim = ? AND state = 'pending'`

	listDeliveries = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d JOIN event v ON v.seq = d.seq
		WHERE d.endpoint_id = ? AND d.seq < ? ORDER BY d.seq DESC LIMIT ?`
	listDeliveriesIn = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d JOIN event v ON v.seq = d.seq
		WHERE d.endpoint_id = ? AND d.state = ? AND d.seq < ? ORDER BY d.seq DESC LIMIT ?`
	// The claim rises, so that a try under way does not end this one.
	redeliver = `INSERT INTO webhook_delivery (endpoint_id, seq, state, due, claim, tries, status, error)
		SELECT e.id, v.seq, 'pending', ?, 0, 0, 0, '' FROM webhook_endpoint e JOIN event v ON v.merchant = e.merchant
		WHERE e.id = ? AND e.merchant = ? AND v.id = ?
		ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = 'pending', due = excluded.due, claim = claim + 1, tries = 0`
	findDelivery = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d JOIN event v ON v.seq = d.seq WHERE d.endpoint_id = ? AND v.id = ?`
)

func webhookReads() []string {
	return []string{listEndpoints, listBehind, listReady, listReadyTries, listDeliveries, listDeliveriesIn}
}

func webhookWrites() []string {
	return []string{
		findEndpoint, countEndpoints, insertEndpoint, updateEndpoint, deleteEndpoint, deleteDeliveries, spreadEvents, moveCursor, claimTry, finishTry,
		redeliver, findDelivery,
	}
}

// Create implements webhook.Register.
func (w Webhooks) Create(ctx context.Context, e webhook.Endpoint, most int) error {
	row, err := encodeEndpoint(e)
	if err != nil {
		return err
	}
	err = w.db.writer.do(ctx, func(t transaction) error {
		var count int
		if _, err := t.find(countEndpoints, []any{e.Merchant}, &count); err != nil {
			return err
		}
		if count >= most {
			return fmt.Errorf("%w: %d are there", webhook.ErrTooMany, count)
		}
		_, err := t.exec(insertEndpoint, e.ID, e.Merchant, e.URL, e.Description, row.types, string(e.Secret), string(e.Previous), row.previousUntil,
			row.created, row.disabled, e.DisabledReason, row.held, row.failing, row.delivered)
		return err
	})
	if err != nil {
		return fmt.Errorf("create webhook endpoint %s: %w", e.ID, err)
	}
	return nil
}

// List implements webhook.Register.
func (w Webhooks) List(ctx context.Context, merchant string) ([]webhook.Endpoint, error) {
	const what = "list webhook endpoints"
	rows, err := w.db.read[listEndpoints].QueryContext(ctx, merchant)
	return collect(ctx, what, rows, err, func() (webhook.Endpoint, error) {
		var row endpointRow
		if err := rows.Scan(row.into()...); err != nil {
			return webhook.Endpoint{}, unread(ctx, what, err)
		}
		return row.decode()
	})
}

// Change implements webhook.Register.
func (w Webhooks) Change(ctx context.Context, merchant, id string, change func(*webhook.Endpoint) error) (changed webhook.Endpoint, err error) {
	err = w.db.writer.do(ctx, func(t transaction) error {
		changed, err = t.changeEndpoint(id, func(e *webhook.Endpoint) error {
			if e.Merchant != merchant {
				return webhook.ErrNotFound
			}
			return change(e)
		})
		return err
	})
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("change webhook endpoint %s: %w", id, err)
	}
	return changed, nil
}

func (t transaction) changeEndpoint(id string, change func(*webhook.Endpoint) error) (webhook.Endpoint, error) {
	var row endpointRow
	found, err := t.find(findEndpoint, []any{id}, row.into()...)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if !found {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	e, err := row.decode()
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if err := change(&e); err != nil {
		return webhook.Endpoint{}, err
	}
	after, err := encodeEndpoint(e)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	_, err = t.exec(updateEndpoint, e.URL, e.Description, after.types, string(e.Secret), string(e.Previous), after.previousUntil, after.disabled,
		e.DisabledReason, after.held, after.failing, after.delivered, id)
	return e, err
}

// Delete implements webhook.Register.
func (w Webhooks) Delete(ctx context.Context, merchant, id string) error {
	err := w.db.writer.do(ctx, func(t transaction) error {
		var row endpointRow
		found, err := t.find(findEndpoint, []any{id}, row.into()...)
		if err != nil {
			return err
		}
		if !found || row.e.Merchant != merchant {
			return webhook.ErrNotFound
		}
		if _, err := t.exec(deleteDeliveries, id); err != nil {
			return err
		}
		_, err = t.exec(deleteEndpoint, id, merchant)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete webhook endpoint %s: %w", id, err)
	}
	return nil
}

// Deliveries implements webhook.Records.
func (w Webhooks) Deliveries(ctx context.Context, endpointID string, filter webhook.Filter) ([]webhook.Delivery, error) {
	before := filter.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	text, args := listDeliveries, []any{endpointID, before, atMost(filter.Limit)}
	if filter.State != "" {
		text, args = listDeliveriesIn, []any{endpointID, string(filter.State), before, atMost(filter.Limit)}
	}
	const what = "list webhook deliveries"
	rows, err := w.db.read[text].QueryContext(ctx, args...)
	return collect(ctx, what, rows, err, func() (webhook.Delivery, error) {
		var row deliveryRow
		if err := rows.Scan(row.into()...); err != nil {
			return webhook.Delivery{}, unread(ctx, what, err)
		}
		return row.decode()
	})
}

// Redeliver implements webhook.Records.
func (w Webhooks) Redeliver(ctx context.Context, e webhook.Endpoint, eventID string, now time.Time) (d webhook.Delivery, err error) {
	err = w.db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(redeliver, textOf(now), e.ID, e.Merchant, eventID)
		if err != nil {
			return err
		}
		if rows == 0 {
			return webhook.ErrNotFound
		}
		var row deliveryRow
		if _, err := t.find(findDelivery, []any{e.ID, eventID}, row.into()...); err != nil {
			return err
		}
		d, err = row.decode()
		return err
	})
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("redeliver event %s to webhook endpoint %s: %w", eventID, e.ID, err)
	}
	return d, nil
}

// Spread implements webhook.Queue.
func (w Webhooks) Spread(ctx context.Context, now time.Time) (more bool, err error) {
	type behind struct {
		id   string
		upto int64
	}
	const what = "find events for webhooks"
	rows, err := w.db.read[listBehind].QueryContext(ctx, spreadBatch)
	all, err := collect(ctx, what, rows, err, func() (behind, error) {
		var one behind
		if err := rows.Scan(&one.id, &one.upto); err != nil {
			return behind{}, unread(ctx, what, err)
		}
		return one, nil
	})
	if err != nil || len(all) == 0 {
		return false, err
	}
	err = w.db.writer.do(ctx, func(t transaction) error {
		for _, one := range all {
			if _, err := t.exec(spreadEvents, textOf(now), one.id, one.upto); err != nil {
				return err
			}
			if _, err := t.exec(moveCursor, one.upto, one.id, one.upto); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("give events to webhook endpoints: %w", err)
	}
	return true, nil
}

// Claim implements webhook.Queue.
func (w Webhooks) Claim(ctx context.Context, wish webhook.Wish) ([]webhook.Job, error) {
	const what = "find webhooks that are due"
	rows, err := w.db.read[listReady].QueryContext(ctx, textOf(wish.Now), textOf(wish.Now))
	ready, err := collect(ctx, what, rows, err, func() (webhook.Endpoint, error) {
		var row endpointRow
		var first string
		if err := rows.Scan(append(row.into(), &first)...); err != nil {
			return webhook.Endpoint{}, unread(ctx, what, err)
		}
		return row.decode()
	})
	if err != nil {
		return nil, err
	}
	var found []webhook.Job
	for _, e := range ready {
		most := min(wish.PerEndpoint-wish.Busy[e.ID], wish.Limit-len(found))
		if most <= 0 {
			continue
		}
		jobs, err := w.readyTries(ctx, e, wish.Now, most)
		if err != nil {
			return nil, err
		}
		found = append(found, jobs...)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return w.claim(ctx, found, wish)
}

func (w Webhooks) readyTries(ctx context.Context, e webhook.Endpoint, now time.Time, most int) ([]webhook.Job, error) {
	const what = "read webhooks that are due"
	rows, err := w.db.read[listReadyTries].QueryContext(ctx, e.ID, textOf(now), most)
	return collect(ctx, what, rows, err, func() (webhook.Job, error) {
		var row deliveryRow
		var doc string
		var snapshot []byte
		if err := rows.Scan(append(row.into(), &doc, &snapshot)...); err != nil {
			return webhook.Job{}, unread(ctx, what, err)
		}
		d, err := row.decode()
		if err != nil {
			return webhook.Job{}, err
		}
		entry, err := decodeEntry(d.Sequence, doc, snapshot)
		return webhook.Job{Endpoint: e, Delivery: d, Entry: entry}, err
	})
}

// claim takes those of the jobs that are still as they were read.
func (w Webhooks) claim(ctx context.Context, found []webhook.Job, wish webhook.Wish) ([]webhook.Job, error) {
	var claimed []webhook.Job
	err := w.db.writer.do(ctx, func(t transaction) error {
		claimed = claimed[:0]
		for _, job := range found {
			d := &job.Delivery
			rows, err := t.exec(claimTry, textOf(wish.Until), d.EndpointID, d.Sequence, d.Claim, textOf(wish.Now))
			if err != nil {
				return err
			}
			if rows == 0 {
				continue
			}
			d.Claim, d.Tries, d.Due = d.Claim+1, d.Tries+1, wish.Until
			claimed = append(claimed, job)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim webhooks: %w", err)
	}
	return claimed, nil
}

// Finish implements webhook.Queue.
func (w Webhooks) Finish(ctx context.Context, d webhook.Delivery, effect func(*webhook.Endpoint)) error {
	err := w.db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(finishTry, string(d.State), textOf(d.Due), d.Tries, optionalTime(d.TriedAt), d.Status, d.Error, d.EndpointID, d.Sequence, d.Claim)
		if err != nil {
			return err
		}
		if rows == 0 {
			return webhook.ErrLost
		}
		_, err = t.changeEndpoint(d.EndpointID, func(e *webhook.Endpoint) error {
			effect(e)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("finish a try of event %s at webhook endpoint %s: %w", d.EventID, d.EndpointID, err)
	}
	return nil
}

// endpointRow is an endpoint as its columns: those that differ stand beside it.
type endpointRow struct {
	e                                                 webhook.Endpoint
	types, created                                    string
	previousUntil, disabled, held, failing, delivered sql.NullString
}

func (r *endpointRow) into() []any {
	return []any{
		&r.e.ID, &r.e.Merchant, &r.e.URL, &r.e.Description, &r.types, &r.e.Secret, &r.e.Previous, &r.previousUntil, &r.created, &r.disabled,
		&r.e.DisabledReason, &r.held, &r.failing, &r.delivered,
	}
}

func (r *endpointRow) decode() (webhook.Endpoint, error) {
	e := r.e
	if err := json.Unmarshal([]byte(r.types), &e.Types); err != nil {
		return webhook.Endpoint{}, failed("decode a webhook endpoint's types", err)
	}
	if len(e.Types) == 0 {
		e.Types = nil
	}
	created := sql.NullString{String: r.created, Valid: true}
	err := errors.Join(readTime(created, &e.CreatedAt), readTime(r.previousUntil, &e.PreviousUntil), readTime(r.disabled, &e.DisabledAt),
		readTime(r.held, &e.HeldUntil), readTime(r.failing, &e.FailingSince), readTime(r.delivered, &e.DeliveredAt))
	return e, err
}

func encodeEndpoint(e webhook.Endpoint) (endpointRow, error) {
	types := e.Types
	if types == nil {
		types = []payment.EntryType{}
	}
	text, err := json.Marshal(types)
	if err != nil {
		return endpointRow{}, fmt.Errorf("encode webhook endpoint %s: %w", e.ID, err)
	}
	return endpointRow{
		e: e, types: string(text), created: textOf(e.CreatedAt), previousUntil: optionalTime(e.PreviousUntil), disabled: optionalTime(e.DisabledAt),
		held: optionalTime(e.HeldUntil), failing: optionalTime(e.FailingSince), delivered: optionalTime(e.DeliveredAt),
	}, nil
}

// deliveryRow reads deliveryColumns.
type deliveryRow struct {
	d     webhook.Delivery
	due   string
	tried sql.NullString
}

func (r *deliveryRow) into() []any {
	d := &r.d
	return []any{&d.EndpointID, &d.Sequence, &d.EventID, &d.Type, &d.State, &r.due, &d.Claim, &d.Tries, &r.tried, &d.Status, &d.Error}
}

func (r *deliveryRow) decode() (webhook.Delivery, error) {
	d := r.d
	return d, errors.Join(readTime(sql.NullString{String: r.due, Valid: true}, &d.Due), readTime(r.tried, &d.TriedAt))
}

// readTime leaves the time zero where there is none.
func readTime(text sql.NullString, into *time.Time) error {
	if !text.Valid {
		return nil
	}
	at, err := time.Parse(timeText, text.String)
	if err != nil {
		return failed("read a time", err)
	}
	*into = at
	return nil
}
