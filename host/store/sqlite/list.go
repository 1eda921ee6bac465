package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"payrouter/host/identity"
	"payrouter/host/payment"
)

const (
	// lookedAt is how many rows of an index a page of a list is taken from, at most: some milliseconds' work at any size
	// of the journal. The next page goes on from there.
	lookedAt = 5000
	// longestRead is how long a read may take. While one is under way, the log cannot begin anew.
	longestRead = 10 * time.Second
	// idsApart is how far the time in a payment's id may be from its time of creation.
	idsApart = time.Minute
)

// Payments implements payment.Journal.
func (db *DB) Payments(ctx context.Context, filter payment.Filter) (page []payment.Payment, next string, err error) {
	q := listQuery(filter)
	if next, err = db.end(ctx, q); err != nil {
		return nil, "", err
	}
	limit := atMost(filter.Limit)
	text, args := q.page(next, limit+1)
	if page, err = readAll(ctx, db, "list payments", text, args, scanPayment); err != nil {
		return nil, "", err
	}
	if len(page) > limit {
		page, next = page[:limit], page[limit-1].ID
	}
	if filter.Reference == "" {
		return page, next, nil
	}
	// Where a hash is that of two references.
	return slices.DeleteFunc(page, func(p payment.Payment) bool { return p.Reference != filter.Reference }), next, nil
}

// query is a list of payments: rows of an index in the order of their ids, and what else they must be.
type query struct {
	// index is the one to use; empty is that of all ids.
	index string
	// among are the conditions that the index serves, also the others.
	among, also []condition
	// statuses are those of an index that has one after the other.
	statuses []payment.Status
}

// condition is SQL with its arguments.
type condition struct {
	text string
	args []any
}

func is(column string, value any) condition { return condition{column + " = ?", []any{value}} }

func in(statuses []payment.Status) condition {
	c := condition{text: "o.status IN (?" + strings.Repeat(", ?", len(statuses)-1) + ")"}
	for _, status := range statuses {
		c.args = append(c.args, string(status))
	}
	return c
}

func listQuery(filter payment.Filter) (q query) {
	q.among = []condition{{text: "o.operation IS NULL"}}
	unfinished := len(filter.Status) > 0 && !slices.ContainsFunc(filter.Status, payment.Status.Terminal)
	switch {
	case filter.Reference != "":
		q.index = "owner_by_reference"
		q.among = append(q.among, is("o.reference", nameOf("reference", filter.Reference)))
	case unfinished:
		q.index, q.statuses = "owner_unfinished", filter.Status
		q.among = append(q.among, condition{text: "o.status NOT IN (" + terminal + ")"})
	case filter.Merchant != "":
		q.index = "payment_of_merchant_by_id"
		q.among = append(q.among, is("o.merchant", filter.Merchant))
	}
	if filter.Merchant != "" && q.index != "payment_of_merchant_by_id" {
		q.also = append(q.also, is("o.merchant", filter.Merchant))
	}
	if len(filter.Status) > 0 && len(q.statuses) == 0 {
		q.also = append(q.also, in(filter.Status))
	}
	for _, one := range [][2]string{
		{"o.provider", filter.Provider}, {"o.kind", string(filter.Kind)}, {"o.currency", filter.Currency},
	} {
		if one[1] != "" {
			q.also = append(q.also, is(one[0], one[1]))
		}
	}
	// The ids narrow a range of time, and the times of creation decide at its ends.
	if !filter.From.IsZero() {
		q.among = append(q.among, condition{"o.id > ? AND o.created >= ?", []any{
			identity.Least("pay_", filter.From.Add(-idsApart)), nanos(filter.From),
		}})
	}
	if !filter.Until.IsZero() {
		q.among = append(q.among, condition{"o.id < ? AND o.created < ?", []any{
			identity.Least("pay_", filter.Until.Add(idsApart)), nanos(filter.Until),
		}})
	}
	if filter.Before != "" {
		q.among = append(q.among, condition{"o.id < ?", []any{filter.Before}})
	}
	return q
}

// end is the last id that a page looks at; empty where it may go to the end of the list.
func (db *DB) end(ctx context.Context, q query) (end string, err error) {
	const what = "find the end of a page"
	for _, one := range q.ends() {
		found, err := readAll(ctx, db, what, one.text, append(one.args, db.lookedAt-1), scanText[string])
		if err != nil {
			return "", err
		}
		for _, id := range found {
			end = max(end, id)
		}
	}
	return end, nil
}

// ends are the queries for the id at which a page ends: one for each part of an index that is in the order of ids. A
// page needs none that takes all rows of one part.
func (q query) ends() (texts []condition) {
	if len(q.also) == 0 && len(q.statuses) < 2 {
		return nil
	}
	parts := [][]condition{q.among}
	if len(q.statuses) > 0 {
		parts = nil
		for _, status := range q.statuses {
			parts = append(parts, append(slices.Clone(q.among), is("o.status", string(status))))
		}
	}
	for _, part := range parts {
		where, args := joined(part)
		text := "SELECT o.id FROM " + q.rows() + where + " ORDER BY o.id DESC LIMIT 1 OFFSET ?"
		texts = append(texts, condition{text, args})
	}
	return texts
}

// page is the query for a page's records.
func (q query) page(end string, limit int) (text string, args []any) {
	all := slices.Concat(q.among, q.also)
	if len(q.statuses) > 0 {
		all = append(all, in(q.statuses))
	}
	if end != "" {
		all = append(all, condition{"o.id >= ?", []any{end}})
	}
	where, args := joined(all)
	return "SELECT c.record FROM " + q.rows() + "JOIN change c ON c.number = o.last" + where +
		" ORDER BY o.id DESC LIMIT ?", append(args, limit)
}

// rows are the rows that a query reads. SQLite might choose another index, which holds more.
func (q query) rows() string {
	if q.index == "" {
		return "owner o "
	}
	return "owner o INDEXED BY " + q.index + " "
}

func joined(all []condition) (where string, args []any) {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts, args = append(texts, one.text), append(args, one.args...)
	}
	return " WHERE " + strings.Join(texts, " AND "), args
}
