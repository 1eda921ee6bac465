package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"payrouter/host/payment"
	"payrouter/host/webhook"
)

// endpointRow is an endpoint as its columns: those that differ stand beside it.
type endpointRow struct {
	e                                                 webhook.Endpoint
	types, created                                    string
	previousUntil, disabled, held, failing, delivered sql.NullString
}

func (r *endpointRow) into() []any {
	return []any{
		&r.e.ID, &r.e.Merchant, &r.e.URL, &r.e.Description, &r.types, &r.e.Secret, &r.e.Previous, &r.previousUntil,
		&r.created, &r.disabled,
		&r.e.DisabledReason, &r.held, &r.failing, &r.delivered,
	}
}

func scanEndpoint(rows *sql.Rows) (webhook.Endpoint, error) {
	var row endpointRow
	if err := rows.Scan(row.into()...); err != nil {
		return webhook.Endpoint{}, err
	}
	return row.decode()
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
	err := errors.Join(readTime(created, &e.CreatedAt), readTime(r.previousUntil, &e.PreviousUntil),
		readTime(r.disabled, &e.DisabledAt),
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
		e: e, types: string(text), created: textOf(e.CreatedAt), previousUntil: optionalTime(e.PreviousUntil),
		disabled: optionalTime(e.DisabledAt),
		held:     optionalTime(e.HeldUntil), failing: optionalTime(e.FailingSince),
		delivered: optionalTime(e.DeliveredAt),
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
	return []any{
		&d.EndpointID, &d.Sequence, &d.EventID, &d.Type, &d.State, &r.due, &d.Claim, &d.Tries, &r.tried,
		&d.Status, &d.Error,
	}
}

func scanDelivery(rows *sql.Rows) (webhook.Delivery, error) {
	var row deliveryRow
	if err := rows.Scan(row.into()...); err != nil {
		return webhook.Delivery{}, err
	}
	return row.decode()
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
