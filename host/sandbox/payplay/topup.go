package payplay

import (
	"encoding/json"
	"fmt"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// serveTopup makes a top-up: an order that may leave open how much is sent. It is read by its id alone; that the list
// of orders has top-ups is not documented.
func (p *provider) serveTopup(r *simulator.Request) simulator.Answer {
	var in orderRequest
	errs := &laravel.Errors{}
	if json.Unmarshal(r.Body, &in) != nil {
		errs.Add("amount", "The given data was invalid.")
		return *errs.Answer()
	}
	given := len(in.Amount) > 0 && string(in.Amount) != "null"
	value := simulator.Amount("0")
	switch {
	case given:
		value = p.finer(readAmount(in.Amount, errs), in.Currency, errs)
	case in.Currency != "":
		errs.Add("amount", "The amount field is required when currency is present.")
	default:
		in.Currency = topupCurrency
	}
	p.checkOrder(in, errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	o := p.newOrder(r, in, value, "/topup-orders/crypto/")
	o.topup = true
	p.Book(simulator.Booking{
		Operation: "create_topup", Reference: o.external(), ProviderReference: o.ID, Amount: o.Value,
		Currency: o.Currency, Status: o.Status,
	})
	return orderAnswer(o)
}

// topupCurrency is the currency of a top-up of any amount, and topupStandard the amount sent by default.
const (
	topupCurrency = paidIn
	topupStandard = "10"
)

// ofAnyAmount reports whether a top-up has no requested amount and nothing was sent for it.
func (o *order) ofAnyAmount() bool {
	return o.topup && o.Value == "0"
}

// fix makes a top-up of any amount one of what is sent.
func (o *order) fix(to, sum string) error {
	if to == orderPartial {
		return fmt.Errorf("%w: it asks for no amount, of which something could be a part", simulator.ErrRefused)
	}
	sent, err := simulator.EventAmount(sum, simulator.Amount(topupStandard))
	if err != nil {
		return err
	}
	o.Value = sent.Trim().String()
	return nil
}

// topupView is an order that may have no amount.
type topupView struct {
	*order
	Currency          *string `json:"currency"`
	Value             *string `json:"value"`
	DepositedCurrency *string `json:"deposited_currency"`
}

// view is the order as answers and webhooks show it.
func (o *order) view() any {
	if !o.topup {
		return o
	}
	shown := topupView{order: o}
	if !o.ofAnyAmount() {
		shown.Currency, shown.Value = &o.Currency, &o.Value
	}
	if o.ExpectedAmount != nil {
		shown.DepositedCurrency = o.DepositedCurrency
	}
	return shown
}
