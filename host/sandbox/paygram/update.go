package paygram

import (
	"net/http"
	"slices"

	"payrouter/host/sandbox/simulator"
)

// update is a notification that waits to be fetched.
type update struct {
	ID        int         `json:"id"`
	Invoice   invoiceView `json:"invoiceInfo"`
	delivered bool
}

// notify queues an update about an invoice.
func (a *client) notify(v *invoice) {
	a.updates = append(a.updates, update{ID: a.nextID, Invoice: v.view(false)})
	a.nextID++
}

// updates hands out at most 20 notifications, which count as delivered from then on.
func (p *provider) updates(q *request) simulator.Answer {
	out := []update{}
	for i := range q.account.updates {
		u := &q.account.updates[i]
		mine := q.fields.UserCliID == "" || u.Invoice.ToUser == q.fields.UserCliID
		if !u.delivered && mine && len(out) < 20 {
			u.delivered = true
			out = append(out, *u)
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Updates []update `json:"updates"`
		tail
	}{out, tail{typeRates, true}})
}

// markUpdatesError puts updates back into the queue.
func (p *provider) markUpdatesError(q *request) simulator.Answer {
	for i := range q.account.updates {
		if slices.Contains(q.fields.UpdateIDs, q.account.updates[i].ID) {
			q.account.updates[i].delivered = false
		}
	}
	return simulator.JSON(http.StatusOK, tail{typeRates, true})
}

// userCallback reports what last became of an invoice of the acting user's once more. What the real one does is not
// public.
func (p *provider) userCallback(q *request) simulator.Answer {
	for _, v := range slices.Backward(p.invoices) {
		if v.owner == q.user {
			p.callBack(v)
			return simulator.JSON(http.StatusOK, tail{typeUnnamed, true})
		}
	}
	return failure(codeNotFound, "Nothing to report")
}
