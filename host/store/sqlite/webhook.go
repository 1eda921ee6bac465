package sqlite

import (
	"context"
	"fmt"
	"time"

	"payrouter/host/payment"
	"payrouter/host/webhook"
)

// Webhooks is the part of a journal that holds merchants' endpoints and what is on its way to them. It is open as long
// as the journal is, and safe for concurrent use. An endpoint's place in the events moves in the transaction that makes
// the deliveries of them.
type Webhooks struct{ db *DB }

var (
	_ webhook.Register = Webhooks{}
	_ webhook.Records  = Webhooks{}
	_ webhook.Queue    = Webhooks{}
)

// Webhooks gives the journal's part for webhooks.
func (db *DB) Webhooks() Webhooks { return Webhooks{db} }

const (
	endpointColumns = `id, merchant, url, description, types, secret, previous, previous_until, created_at, disabled_at,
		disabled_why,
		held_until, failing_since, delivered_at`
	listEndpoints  = `SELECT ` + endpointColumns + ` FROM webhook_endpoint WHERE merchant = ? ORDER BY id`
	findEndpoint   = `SELECT ` + endpointColumns + ` FROM webhook_endpoint WHERE id = ?`
	countEndpoints = `SELECT count(*) FROM webhook_endpoint WHERE merchant = ?`
	insertEndpoint = `INSERT INTO webhook_endpoint (cursor, ` + endpointColumns + `)
		VALUES ((` + lastNumber + `), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateEndpoint = `UPDATE webhook_endpoint SET url = ?, description = ?, types = ?, secret = ?, previous = ?,
		previous_until = ?,
		disabled_at = ?, disabled_why = ?, held_until = ?, failing_since = ?, delivered_at = ? WHERE id = ?`
	deleteEndpoint   = `DELETE FROM webhook_endpoint WHERE id = ? AND merchant = ?`
	deleteDeliveries = `DELETE FROM webhook_delivery WHERE endpoint_id = ?`

	deliveryColumns = `d.endpoint_id, d.seq, d.event_id, d.type, d.state, d.due, d.claim, d.tries, d.tried_at, ` +
		`d.status, d.error`
	listDeliveries = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d
		WHERE d.endpoint_id = ? AND d.seq < ? ORDER BY d.seq DESC LIMIT ?`
	listDeliveriesIn = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d
		WHERE d.endpoint_id = ? AND d.state = ? AND d.seq < ? ORDER BY d.seq DESC LIMIT ?`
	// The claim rises, so that a try under way does not end this one.
	redeliver = `INSERT INTO webhook_delivery (endpoint_id, seq, event_id, type, state, due, claim, tries, status, error)
		VALUES (?, ?, ?, ?, 'pending', ?, 0, 0, 0, '')
		ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = 'pending', due = excluded.due, claim = claim + 1, tries = 0`
	findDelivery = `SELECT ` + deliveryColumns + ` FROM webhook_delivery d WHERE d.endpoint_id = ? AND d.seq = ?`
	// findEvent is the change that has an event, of a merchant.
	findEvent = `SELECT c.number, c.record FROM event e JOIN change c
		ON c.number = (SELECT max(number) FROM change WHERE number <= e.number) WHERE e.id = ? AND c.merchant = ?`
)

func webhookReads() []string {
	return []string{listEndpoints, listBehind, listNext, listReady, listReadyTries, listDeliveries, listDeliveriesIn}
}

func webhookWrites() []string {
	return []string{
		findEndpoint, countEndpoints, insertEndpoint, updateEndpoint, deleteEndpoint, deleteDeliveries, spreadEvent,
		moveCursor, findEvent, claimTry, finishTry,
		redeliver, findDelivery, purgeDeliveries,
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
		_, err := t.exec(insertEndpoint, e.ID, e.Merchant, e.URL, e.Description, row.types, string(e.Secret),
			string(e.Previous), row.previousUntil,
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
	return readAll(ctx, w.db, "list webhook endpoints", listEndpoints, []any{merchant}, scanEndpoint)
}

// Change implements webhook.Register.
func (w Webhooks) Change(ctx context.Context, merchant, id string,
	change func(*webhook.Endpoint) error,
) (changed webhook.Endpoint, err error) {
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
	_, err = t.exec(updateEndpoint, e.URL, e.Description, after.types, string(e.Secret), string(e.Previous),
		after.previousUntil, after.disabled,
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
func (w Webhooks) Deliveries(ctx context.Context, endpointID string,
	filter webhook.Filter,
) ([]webhook.Delivery, error) {
	before := filter.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	text, args := listDeliveries, []any{endpointID, before, atMost(filter.Limit)}
	if filter.State != "" {
		text, args = listDeliveriesIn, []any{endpointID, string(filter.State), before, atMost(filter.Limit)}
	}
	return readAll(ctx, w.db, "list webhook deliveries", text, args, scanDelivery)
}

// Redeliver implements webhook.Records.
func (w Webhooks) Redeliver(ctx context.Context, e webhook.Endpoint, eventID string,
	now time.Time,
) (d webhook.Delivery, err error) {
	err = w.db.writer.do(ctx, func(t transaction) error {
		event, err := t.event(e.Merchant, eventID)
		if err != nil {
			return err
		}
		if _, err := t.exec(redeliver, e.ID, event.Sequence, event.ID, string(event.Type), textOf(now)); err != nil {
			return err
		}
		var row deliveryRow
		if _, err := t.find(findDelivery, []any{e.ID, event.Sequence}, row.into()...); err != nil {
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

// event is a merchant's event; webhook.ErrNotFound where there is none.
func (t transaction) event(merchant, id string) (payment.Entry, error) {
	changes, err := collectIn(t, findEvent, []any{id, merchant}, scanChange)
	if err != nil {
		return payment.Entry{}, err
	}
	entries, err := timelineOf("read an event", changes)
	if err != nil {
		return payment.Entry{}, err
	}
	for _, entry := range entries {
		if entry.ID == id {
			return entry, nil
		}
	}
	return payment.Entry{}, webhook.ErrNotFound
}
