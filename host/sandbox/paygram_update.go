package sandbox

import (
	"net/http"
	"slices"
)

// paygramUpdate is a notification that waits to be fetched.
type paygramUpdate struct {
	ID        int            `json:"id"`
	Invoice   paygramInvoice `json:"invoiceInfo"`
	delivered bool
}

// notify queues an update about an invoice.
func (a *paygramAccount) notify(v *invoice) {
	a.updates = append(a.updates, paygramUpdate{ID: a.nextID, Invoice: v.view(false)})
	a.nextID++
}

// updates hands out at most 20 notifications, which count as delivered from then on.
func (p *paygram) updates(q *paygramRequest) answer {
	out := []paygramUpdate{}
	for i := range q.account.updates {
		u := &q.account.updates[i]
		mine := q.fields.UserCliID == "" || u.Invoice.ToUser == q.fields.UserCliID
		if !u.delivered && mine && len(out) < 20 {
			u.delivered = true
			out = append(out, *u)
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Updates []paygramUpdate `json:"updates"`
		paygramTail
	}{out, paygramTail{paygramRates, true}})
}

// markUpdatesError puts updates back into the queue.
func (p *paygram) markUpdatesError(q *paygramRequest) answer {
	for i := range q.account.updates {
		if slices.Contains(q.fields.UpdateIDs, q.account.updates[i].ID) {
			q.account.updates[i].delivered = false
		}
	}
	return jsonAnswer(http.StatusOK, paygramTail{paygramRates, true})
}

// userCallback reports what last became of an invoice of the acting user's once more. What the real one does is not
// public.
func (p *paygram) userCallback(q *paygramRequest) answer {
	for _, v := range slices.Backward(p.invoices) {
		if v.owner == q.user {
			p.callBack(v)
			return jsonAnswer(http.StatusOK, paygramTail{paygramUnnamed, true})
		}
	}
	return paygramFailure(paygramNotFound, "Nothing to report")
}
