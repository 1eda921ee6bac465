package payplay

import (
	"encoding/json"
	"net/http"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// refundedOrder is an order as the answer to its refund shows it.
type refundedOrder struct {
	*order
	IsRefundAvailable bool `json:"is_refund_available"`
	IsRefunded        bool `json:"is_refunded"`
}

// serveRefund gives back what was received for an order, or a part of it. What a refund takes is not documented, and
// what sort of transaction it is neither: here it is one that goes out.
func (p *provider) serveRefund(r *simulator.Request) simulator.Answer {
	o := p.findOrder(r.Vars["id"])
	if o == nil || o.ID != r.Vars["id"] {
		return laravel.Message(http.StatusNotFound, "Order not found")
	}
	var in struct {
		Amount json.RawMessage `json:"amount"`
	}
	errs := &laravel.Errors{}
	if len(r.Body) > 0 && json.Unmarshal(r.Body, &in) != nil {
		errs.Add("amount", "The given data was invalid.")
		return *errs.Answer()
	}
	left := o.received.Sub(o.refunded)
	sum := left
	if len(in.Amount) > 0 {
		sum = readAmount(in.Amount, errs)
	}
	if left.Sign() <= 0 || sum.Cmp(left) > 0 || sum.Cmp(p.balances[paidIn]) > 0 {
		errs.Add("amount", "The amount cannot be refunded.")
	}
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	o.refunded = o.refunded.Add(sum)
	p.balances[paidIn] = p.balances[paidIn].Sub(sum)
	t := p.addTransaction("WITHDRAWAL_EXTERNAL", paidIn, sum, orderComplete)
	o.Transactions = append(o.Transactions, t)
	p.Book(simulator.Booking{
		Operation: "refund_order", Reference: o.ID, ProviderReference: t.ID, Amount: t.Value, Currency: t.Currency,
		Status: t.Status, MovedMoney: true,
	})
	available := o.received.Cmp(o.refunded) > 0
	return simulator.JSON(http.StatusOK, map[string]any{"order": refundedOrder{o, available, !available}})
}
