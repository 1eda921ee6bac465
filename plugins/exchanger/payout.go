package main

import (
	"cmp"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// payoutPrefix keeps the references of payouts apart from those of orders: the sites number each from 1.
const payoutPrefix = "payout-"

// payoutReference is a payout's number as the router knows it; empty where it is none.
func payoutReference(id string) string {
	if !isID(id) {
		return ""
	}
	return payoutPrefix + id
}

// payoutOrder is where a payout goes.
type payoutOrder struct{ method, account string }

// preparePayout starts with the balance: the site pays all of it out, whatever was asked for, so the payment has to be
// for all of it.
func preparePayout(call *abi.Call, account settings) (*abi.Step, error) {
	if _, reject := account.payout(call.GetPayment()); reject != nil {
		return reject, nil
	}
	return post(call, account, opGetPartnerInfo, new(guest.Form), stageBalance, ""), nil
}

// payout is how a payment is paid out. The step, if any, has the reason that it cannot be.
func (s settings) payout(payment *abi.Payment) (payoutOrder, *abi.Step) {
	if payment.GetKind() != abi.Kind_KIND_PAYOUT {
		return payoutOrder{}, guest.Reject("unsupported", "/kind", "a partner's balance is paid out")
	}
	if amount, err := decimal.Parse(payment.GetAmount()); err != nil || amount.Sign() <= 0 {
		return payoutOrder{}, guest.Reject("invalid_request", "/amount", "the amount is not a positive decimal")
	}
	if s.partnerCurrency == "" || payment.GetCurrency() != s.partnerCurrency {
		return payoutOrder{},
			guest.Reject("unsupported", "/currency", "the payment's currency is not the account's partner_currency")
	}
	options, reject := readOptions(payment.GetOptions(), func(name string) bool { return name == "method_id" },
		"method_id")
	if reject != nil {
		return payoutOrder{}, reject
	}
	order := payoutOrder{
		method:  cmp.Or(options.Text("method_id"), s.payoutMethod),
		account: cmp.Or(payment.GetDestination().GetAccount(), payment.GetDestination().GetAddress()),
	}
	switch {
	case order.method == "":
		return payoutOrder{},
			guest.Reject("unsupported", optionsField+"/method_id",
				"neither the options nor the account's payout_method say how to pay out")
	case order.account == "":
		return payoutOrder{},
			guest.Reject("invalid_request", "/destination/account", "a payout needs an account or an address")
	}
	return order, nil
}

// readBalance asks for the payout, if the payment is for all that there is.
func readBalance(t reply) (*abi.Step, error) {
	order, reject := t.account.payout(t.call.GetPayment())
	if reject != nil {
		return reject, nil
	}
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if objection := notAll(t.answer.data, t.call.GetPayment(), order.method); objection != nil {
		return objection, nil
	}
	form := new(guest.Form).Set("method_id", order.method).Set("account", order.account)
	return post(t.call, t.account, opAddPartnerPayout, form, stagePaidOut, ""), nil
}

// notAll ends the call where the payment is not for the whole balance, or the site would not pay it; nil where it is,
// and would.
func notAll(info jsontext.Value, payment *abi.Payment, method string) *abi.Step {
	balance, balanceOK := number(info.Get("balance"), payment.GetAmount())
	least, hasLeast := number(info.Get("min_payout"), payment.GetAmount())
	asked, err := decimal.Parse(payment.GetAmount())
	if !balanceOK || err != nil {
		return guest.Unreadable("the partner's balance: no amount")
	}
	has := "the balance is " + balance.String() + " " + payment.GetCurrency()
	switch order := asked.Cmp(balance); {
	case order > 0:
		return guest.Rejected(codeNotEnough, has)
	case order < 0:
		return guest.Rejected(codeNotAll, has+", and the site pays out all of it or nothing")
	case hasLeast && balance.Cmp(least) < 0:
		return guest.Rejected(codeTooLittle, has+", and at least "+least.String()+" are paid out")
	case !offers(info, method):
		return guest.Rejected(codeNoMethod, "method_id "+clip(method, 20)+" is not among the currencies for payout")
	}
	return nil
}

// offers reports whether a payout's method is among the site's.
func offers(info jsontext.Value, method string) bool {
	for _, item := range info.Items("items") {
		if item.Text("id") == method {
			return true
		}
	}
	return false
}

// readPaidOut reads the number of the payout just asked for. It is paid when someone at the site has done so.
func readPaidOut(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusalOf(opAddPartnerPayout, t.answer), nil
	}
	reference := payoutReference(t.answer.data.Text("payout_id"))
	if reference == "" {
		return guest.Unreadable("the answer has no payout_id"), nil
	}
	return guest.Done(guest.Accepted(abi.Status_STATUS_PROCESSING, reference)), nil
}

// preparePayoutLookup asks for a payout by its number, which is all that distinguishes one from another.
func preparePayoutLookup(call *abi.Call, account settings) (*abi.Step, error) {
	id, known := strings.CutPrefix(call.GetProviderReference(), payoutPrefix)
	if !known || !isID(id) {
		return guest.Reject("invalid_request", "", "a look-up needs the payout's number"), nil
	}
	return post(call, account, opGetPartnerPayouts, new(guest.Form).Set("id", id), stagePayout, id), nil
}

// readPayout reads the payout that was asked for, and no other.
func readPayout(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	for _, item := range t.answer.data.Items("items") {
		if item.Text("id") == t.note {
			return payoutOf(t, item), nil
		}
	}
	if !listed(t) {
		return guest.Unreadable("the payouts are not a list"), nil
	}
	return guest.Rejected(codeNoPayout, "the site does not list the payout"), nil
}

// payoutStatuses are the router's words for a payout's status.
//
//nolint:gochecknoglobals // a table
var payoutStatuses = map[string]abi.Status{
	"0": abi.Status_STATUS_PROCESSING, "pending": abi.Status_STATUS_PROCESSING,
	"1": abi.Status_STATUS_SUCCEEDED, "paid out": abi.Status_STATUS_SUCCEEDED,
	"2": abi.Status_STATUS_CANCELED, "cancelled": abi.Status_STATUS_CANCELED,
}

// payoutOf ends a call with what the list states of a payout.
func payoutOf(t reply, item jsontext.Value) *abi.Step {
	if item.Twice("id", "status", "original_amount", "original_currency_code", "pay_amount", "pay_currency_code") {
		return guest.Unreadable("a member of the payout stands twice")
	}
	paid, ok := number(item.Get("original_amount"), t.call.GetPayment().GetAmount())
	if !ok || item.Text("status") == "" {
		return guest.Unreadable("the payout has no amount, or no status")
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNKNOWN, payoutReference(t.note))
	if status, known := payoutStatuses[strings.ToLower(item.Text("status"))]; known {
		outcome.Status = status
	} else {
		outcome.Alert = "the site says a status of the payout that is not known: " + clip(item.Text("status"), 40)
	}
	if why := misfit(paid, item, t.call.GetPayment()); why != "" {
		outcome.Alert = why
	}
	weigh(outcome, paid, item, t.call.GetPayment())
	return guest.Done(outcome)
}

// misfit states why a payout is not what the payment was for. The balance may have changed between the look at it and
// the payout.
func misfit(paid decimal.Decimal, item jsontext.Value, payment *abi.Payment) string {
	code := clip(plain(item.Text("original_currency_code")), 20)
	asked, err := decimal.Parse(payment.GetAmount())
	if err == nil && paid.Cmp(asked) == 0 && strings.EqualFold(code, payment.GetCurrency()) {
		return ""
	}
	return "the site pays out " + paid.String() + " " + code + " where " + payment.GetAmount() + " " +
		payment.GetCurrency() + " were asked for"
}

// weigh puts the amounts: what left the balance, and the fee, where it is in the same currency. What left it in another
// currency, or less than was asked for, is no success.
func weigh(outcome *abi.Outcome, paid decimal.Decimal, item jsontext.Value, payment *abi.Payment) {
	code := item.Text("original_currency_code")
	asked, err := decimal.Parse(payment.GetAmount())
	if !strings.EqualFold(code, payment.GetCurrency()) || err != nil || paid.Cmp(asked) < 0 {
		if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
			outcome.Status = abi.Status_STATUS_PROCESSING
		}
		return
	}
	if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
		outcome.Received = guest.Money(paid.String(), payment.GetCurrency())
	}
	outcome.Fee = payoutFee(paid, item, payment.GetCurrency())
}

// payoutFee is what of a payout does not arrive; nil where there is no such thing, or it arrives in another currency.
func payoutFee(left decimal.Decimal, item jsontext.Value, currency string) *abi.Money {
	arrives, ok := number(item.Get("pay_amount"), left.String())
	if !ok || !strings.EqualFold(item.Text("pay_currency_code"), item.Text("original_currency_code")) {
		return nil
	}
	fee, err := decimal.Parse(left.Sub(arrives).String())
	if err != nil || fee.Sign() <= 0 {
		return nil
	}
	return guest.Money(fee.String(), currency)
}
