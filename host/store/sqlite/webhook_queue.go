package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"payrouter/host/webhook"
)

// spreadBatch is how many events one endpoint is given in one transaction.
const spreadBatch = 500

const (
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

	// The endpoint whose try is longest due comes first, so that none waits for ever behind others.
	listReady = `SELECT ` + endpointColumns + ` FROM (
			SELECT *, (SELECT min(due) FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'pending') AS first
				FROM webhook_endpoint e)
		WHERE disabled_at IS NULL AND (held_until IS NULL OR held_until <= ?) AND first <= ? ORDER BY first`
	listReadyTries = `SELECT ` + deliveryColumns + `, v.doc, v.snapshot FROM webhook_delivery d
		JOIN event v ON v.seq = d.seq
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
	rows, err := w.db.read[listBehind].QueryContext(ctx, spreadBatch)
	all, err := behindOf(ctx, rows, err)
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

// behind is an endpoint that has not been given all events, and how far its next batch goes.
type behind struct {
	id   string
	upto int64
}

func behindOf(ctx context.Context, rows *sql.Rows, err error) ([]behind, error) {
	const what = "find events for webhooks"
	return collect(ctx, what, rows, err, func() (one behind, err error) {
		if err := rows.Scan(&one.id, &one.upto); err != nil {
			return behind{}, unread(ctx, what, err)
		}
		return one, nil
	})
}

// Claim implements webhook.Queue.
func (w Webhooks) Claim(ctx context.Context, wish webhook.Wish) ([]webhook.Job, error) {
	rows, err := w.db.read[listReady].QueryContext(ctx, textOf(wish.Now), textOf(wish.Now))
	ready, err := endpointsOf(ctx, "find webhooks that are due", rows, err)
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
	rows, err := w.db.read[listReadyTries].QueryContext(ctx, e.ID, textOf(now), most)
	return jobsOf(ctx, e, rows, err)
}

func jobsOf(ctx context.Context, e webhook.Endpoint, rows *sql.Rows, err error) ([]webhook.Job, error) {
	const what = "read webhooks that are due"
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
