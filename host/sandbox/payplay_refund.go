package sandbox

import (
	"encoding/json"
	"net/http"
)

// refundedOrder is an order as the answer to its refund shows it.
type refundedOrder struct {
	*order
	IsRefundAvailable bool `json:"is_refund_available"`
	IsRefunded        bool `json:"is_refunded"`
}

// serveRefund gives back what was received for an order, or a part of it. What a refund takes is not documented, and
// what sort of transaction it is neither: here it is one that goes out.
func (p *payplay) serveRefund(r *request) answer {
	o := p.findOrder(r.vars["id"])
	if o == nil || o.ID != r.vars["id"] {
		return laravelMessage(http.StatusNotFound, "Order not found")
	}
	var in struct {
		Amount json.RawMessage `json:"amount"`
	}
	errs := &fieldErrors{}
	if len(r.body) > 0 && json.Unmarshal(r.body, &in) != nil {
		errs.add("amount", "The given data was invalid.")
		return *errs.answer()
	}
	left := o.received.sub(o.refunded)
	sum := left
	if len(in.Amount) > 0 {
		sum = payplayAmount(in.Amount, errs)
	}
	if left.sign() <= 0 || sum.cmp(left) > 0 || sum.cmp(p.balances[o.ReceivedCurrency]) > 0 {
		errs.add("amount", "The amount cannot be refunded.")
	}
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	o.refunded = o.refunded.add(sum)
	p.balances[o.ReceivedCurrency] = p.balances[o.ReceivedCurrency].sub(sum)
	t := p.addTransaction("WITHDRAWAL_EXTERNAL", o.ReceivedCurrency, sum, orderComplete)
	o.Transactions = append(o.Transactions, t)
	p.book(Booking{
		Operation: "refund_order", Reference: o.ID, ProviderReference: t.ID, Amount: t.Value, Currency: t.Currency,
		Status: t.Status, MovedMoney: true,
	})
	available := o.received.cmp(o.refunded) > 0
	return jsonAnswer(http.StatusOK, map[string]any{"order": refundedOrder{o, available, !available}})
}
