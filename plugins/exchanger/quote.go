package main

import (
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// prepareQuote asks the calculator what an order would come to, along the way that a create takes to it.
func prepareQuote(call *abi.Call, account settings) (*abi.Step, error) {
	if reject := unfit(call.GetPayment()); reject != nil {
		return reject, nil
	}
	return begin(call, account)
}

// readQuote hands on what the calculator states of an amount that create_bid would take; of another it states no more
// than create would.
func readQuote(t reply) (*abi.Step, error) {
	d, end, err := t.agreed()
	if end != nil || err != nil {
		return end, err
	}
	return d.quote(t.answer.data, t.call.GetPayment()), nil
}

// quote reads the calculator's sums: sum is what is exchanged, sum_com what that makes for the payer and for the
// merchant. They state themselves at which rate; course_give and course_get are rounded in some sites' own way.
func (d direction) quote(calc jsontext.Value, payment *abi.Payment) *abi.Step {
	pays, fee, paysOK := d.end(calc, payment, "give")
	gets, cut, getsOK := d.end(calc, payment, "get")
	if !paysOK || !getsOK {
		return guest.Unreadable("the calculator's sums do not go together")
	}
	from, _ := number(calc.Get("sum_give"), payment.GetAmount())
	to, _ := number(calc.Get("sum_get"), payment.GetAmount())
	quote := &abi.Quote{
		Pays: pays, Gets: gets,
		Rate: &abi.Rate{
			From: guest.Money(from.String(), pays.GetCurrency()),
			To:   guest.Money(to.String(), gets.GetCurrency()),
		},
	}
	for _, found := range []*abi.Money{fee, cut} {
		if found != nil {
			quote.Fees = append(quote.Fees, found)
		}
	}
	for _, found := range []*abi.Bound{
		limits(calc, "give", pays.GetCurrency()),
		limits(calc, "get", gets.GetCurrency()),
	} {
		if found != nil {
			quote.Bounds = append(quote.Bounds, found)
		}
	}
	return guest.Quoted(quote)
}

// end is what one side has in hand at last, and the commission on that side, nil for none. It is not ok where a
// commission would make the payer give less, or the merchant get more.
func (d direction) end(calc jsontext.Value, payment *abi.Payment, side string) (last, commission *abi.Money, ok bool) {
	currency := d.currency(calc.Text("currency_code_"+side), payment)
	sum, sumOK := number(calc.Get("sum_"+side), payment.GetAmount())
	com, comOK := number(calc.Get("sum_"+side+"_com"), payment.GetAmount())
	if !sumOK || !comOK || currency == "" || sum.Sign() <= 0 || com.Sign() <= 0 {
		return nil, nil, false
	}
	more := com.Sub(sum)
	if side == "get" {
		more = sum.Sub(com)
	}
	if _, err := decimal.Parse(more.String()); err != nil || more.Sign() < 0 {
		return nil, nil, false
	}
	if more.Sign() > 0 {
		commission = guest.Money(more.String(), currency)
	}
	return guest.Money(com.String(), currency), commission, true
}

// currency is a site's code as the router writes it: the payment's, where that is what the account states the code
// stands for.
func (d direction) currency(code string, payment *abi.Payment) string {
	if strings.EqualFold(code, d.code) {
		return payment.GetCurrency()
	}
	return ticker(code)
}

// limits are what the direction takes on one side, nil where nothing is set. They are the right way round: the amount
// lies within them.
func limits(calc jsontext.Value, side, currency string) *abi.Bound {
	least, hasLeast := number(calc.Get("min_" + side))
	most, hasMost := number(calc.Get("max_" + side))
	if !hasLeast && !hasMost {
		return nil
	}
	bound := &abi.Bound{Currency: currency}
	if hasLeast {
		bound.Min = least.String()
	}
	if hasMost {
		bound.Max = most.String()
	}
	return bound
}
