package check

import (
	"cmp"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// quote demands of a quote what the host needs to reckon a price: both ends above zero, and the rate between them where
// they are in different currencies.
func (f *findings) quote(quote *abi.Quote) {
	if quote == nil {
		return
	}
	pays, gets, rate := quote.GetPays(), quote.GetGets(), quote.GetRate()
	f.positive("quote: pays", pays)
	f.positive("quote: gets", gets)
	f.require(rate != nil || pays.GetCurrency() == gets.GetCurrency(), "quote: from %s to %s at which rate?",
		pays.GetCurrency(), gets.GetCurrency())
	if rate != nil {
		f.positive("quote: rate from", rate.GetFrom())
		f.positive("quote: rate to", rate.GetTo())
		f.require(rate.GetFrom().GetCurrency() == pays.GetCurrency() &&
			rate.GetTo().GetCurrency() == gets.GetCurrency(),
			"quote: the rate is not from what is paid to what is got")
	}
	for _, fee := range quote.GetFees() {
		f.money("quote: fee", fee)
		amount, err := decimal.Parse(fee.GetAmount())
		f.require(err == nil && amount.Sign() >= 0, "quote: fee %q is no fee", fee.GetAmount())
	}
	for _, bound := range quote.GetBounds() {
		f.quoteBound(quote, bound)
	}
	f.require(quote.GetExpiresMs() >= 0, "quote: it expires before time began")
}

// positive demands an amount above zero.
func (f *findings) positive(where string, money *abi.Money) {
	f.require(money != nil, "%s: there is no amount", where)
	f.money(where, money)
	amount, err := decimal.Parse(money.GetAmount())
	f.require(err != nil || amount.Sign() > 0, "%s: %q is not above zero", where, money.GetAmount())
}

func (f *findings) quoteBound(quote *abi.Quote, bound *abi.Bound) {
	currency := bound.GetCurrency()
	f.require(currency == quote.GetPays().GetCurrency() || currency == quote.GetGets().GetCurrency(),
		"quote: bound of %q, which nobody pays or gets", currency)
	low, lowErr := decimal.Parse(cmp.Or(bound.GetMin(), "0"))
	high, highErr := decimal.Parse(cmp.Or(bound.GetMax(), "0"))
	f.require(lowErr == nil && highErr == nil, "quote: bounds of %s are not decimals", currency)
	f.require(bound.GetMin() != "" || bound.GetMax() != "", "quote: a bound of %s that bounds nothing", currency)
	f.require(bound.GetMin() == "" || bound.GetMax() == "" || low.Cmp(high) <= 0,
		"quote: bounds of %s are the wrong way round", currency)
}
