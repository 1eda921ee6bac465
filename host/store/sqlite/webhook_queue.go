package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payrouter/host/payment"
	record "payrouter/host/store/record/v1"
	"payrouter/host/webhook"
)

// spreadBatch is how many events one endpoint is given in one transaction.
const spreadBatch = 500

const (
	// What an endpoint has not been given: whole changes, since it was given whole ones.
	listBehind = `SELECT id, merchant, cursor FROM webhook_endpoint e WHERE disabled_at IS NULL AND EXISTS (
		SELECT 1 FROM change WHERE merchant = e.merchant AND entries > 0 AND number > e.cursor)`
	listNext = `SELECT number, record FROM change WHERE merchant = ? AND entries > 0 AND number > ?
		ORDER BY number LIMIT ?`
	spreadEvent = `INSERT INTO webhook_delivery (endpoint_id, seq, event_id, type, state, due, claim, tries, status, error)
		SELECT id, ?2, ?3, ?4, 'pending', ?5, 0, 0, 0, '' FROM webhook_endpoint
		WHERE id = ?1 AND disabled_at IS NULL AND cursor < ?2
			AND (types = '[]' OR ?4 IN (SELECT value FROM json_each(types)))
		ON CONFLICT (endpoint_id, seq) DO NOTHING`
	moveCursor = `UPDATE webhook_endpoint SET cursor = ? WHERE id = ? AND disabled_at IS NULL AND cursor < ?`

	// The endpoint whose try is longest due comes first, so that none waits for ever behind others.
	listReady = `SELECT ` + endpointColumns + ` FROM (
			SELECT *, (SELECT min(due) FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'pending') AS first
				FROM webhook_endpoint e)
		WHERE disabled_at IS NULL AND (held_until IS NULL OR held_until <= ?) AND first <= ? ORDER BY first`
	listReadyTries = `SELECT ` + deliveryColumns + `, c.number, c.record FROM webhook_delivery d
		JOIN change c ON c.number = (SELECT max(number) FROM change WHERE number <= d.seq)
		WHERE d.endpoint_id = ? AND d.state = 'pending' AND d.due <= ? ORDER BY d.due LIMIT ?`
	claimTry = `UPDATE webhook_delivery SET due = ?, claim = claim + 1, tries = tries + 1
		WHERE endpoint_id = ? AND seq = ? AND claim = ? AND state = 'pending' AND due <= ?`
	finishTry = `UPDATE webhook_delivery SET state = ?, due = ?, tries = ?, tried_at = ?, tried_clock = ?, status = ?,
		error = ?
		WHERE endpoint_id = ? AND seq = ? AND claim = ? AND state = 'pending'`
	purgeDeliveries = `DELETE FROM webhook_delivery WHERE (endpoint_id, seq) IN (
		SELECT endpoint_id, seq FROM webhook_delivery WHERE state = 'delivered' AND tried_clock < ? ORDER BY tried_clock
			LIMIT ?)`
)

// Spread implements webhook.Queue.
func (w Webhooks) Spread(ctx context.Context, now time.Time) (more bool, err error) {
	all, err := w.behind(ctx)
	if err != nil || len(all) == 0 {
		return false, err
	}
	err = w.db.writer.do(ctx, func(t transaction) error {
		for _, one := range all {
			for _, e := range one.next {
				if _, err := t.exec(spreadEvent, one.id, e.Sequence, e.ID, string(e.Type), textOf(now)); err != nil {
					return err
				}
			}
			upto := one.next[len(one.next)-1].Sequence
			if _, err := t.exec(moveCursor, upto, one.id, upto); err != nil {
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

// behind is an endpoint that has not been given all events, and those that it is given next.
type behind struct {
	id, merchant string
	cursor       int64
	next         []payment.Entry
}

func (w Webhooks) behind(ctx context.Context) ([]behind, error) {
	const what = "find events for webhooks"
	all, err := readAll(ctx, w.db, what, listBehind, nil, func(rows *sql.Rows) (one behind, err error) {
		err = rows.Scan(&one.id, &one.merchant, &one.cursor)
		return one, err
	})
	if err != nil {
		return nil, err
	}
	for i, one := range all {
		changes, err := readAll(ctx, w.db, what, listNext, []any{one.merchant, one.cursor, spreadBatch}, scanChange)
		if err != nil {
			return nil, err
		}
		if all[i].next, err = timelineOf(what, changes); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Claim implements webhook.Queue.
func (w Webhooks) Claim(ctx context.Context, wish webhook.Wish) ([]webhook.Job, error) {
	args := []any{textOf(wish.Now), textOf(wish.Now)}
	ready, err := readAll(ctx, w.db, "find webhooks that are due", listReady, args, scanEndpoint)
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
	args := []any{e.ID, textOf(now), most}
	return readAll(ctx, w.db, what, listReadyTries, args, func(rows *sql.Rows) (webhook.Job, error) {
		var row deliveryRow
		var change record.Numbered
		var text []byte
		if err := rows.Scan(append(row.into(), &change.Number, &text)...); err != nil {
			return webhook.Job{}, err
		}
		d, err := row.decode()
		if err != nil {
			return webhook.Job{}, err
		}
		if change.Change, err = decode(text); err != nil {
			return webhook.Job{}, err
		}
		entries, err := timelineOf(what, []record.Numbered{change})
		if err != nil {
			return webhook.Job{}, err
		}
		place := d.Sequence - change.Number
		if place >= int64(len(entries)) {
			return webhook.Job{}, fmt.Errorf("event %d is not in the change log", d.Sequence)
		}
		return webhook.Job{Endpoint: e, Delivery: d, Entry: entries[place]}, nil
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
		rows, err := t.exec(finishTry, string(d.State), textOf(d.Due), d.Tries, optionalTime(d.TriedAt), t.clock(),
			d.Status, d.Error, d.EndpointID,
			d.Sequence, d.Claim)
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

// Purge implements webhook.Queue. limit 0 means 100.
func (w Webhooks) Purge(ctx context.Context, lifetime time.Duration, limit int) (purged int, err error) {
	err = w.db.writer.do(ctx, func(t transaction) error {
		rows, err := t.exec(purgeDeliveries, t.before(lifetime), atMost(limit))
		purged = int(rows)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purge webhook deliveries: %w", err)
	}
	return purged, nil
}
