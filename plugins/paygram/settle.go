package main

import (
	"cmp"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// invoiceCode is the invoice that a call is about: the payment's, or the native input's.
func invoiceCode(t *task) string {
	if t.native() {
		return t.input.Text("invoiceCode")
	}
	return t.GetProviderReference()
}

// prepareRedeem takes in what a payer has paid.
func prepareRedeem(t *task) *abi.Step {
	code := invoiceCode(t)
	if code == "" {
		return missing("invoiceCode")
	}
	return post(redeemPath, t.body().String("invoiceCode", code)).Send(nil)
}

// interpretRedeem reads either of the two answers that PayGram may give: the invoice, or what was credited.
func interpretRedeem(t *task, a answer) *abi.Step {
	if a.Get("invoiceCode").Exists() {
		return finish(t, a, t.GetCreateReference(), false)
	}
	outcome, why := credited(t, a.Value)
	if why != "" {
		return guest.Unreadable("the redemption: " + why)
	}
	return t.done(outcome, a)
}

// credited reads a redemption without its invoice. Less than the payment's amount is never success.
func credited(t *task, value jsontext.Value) (outcome *abi.Outcome, why string) {
	i, why := readCredit(value, t.asked())
	if why != "" {
		return nil, why
	}
	outcome = guest.Accepted(abi.Status_STATUS_SUCCEEDED, invoiceCode(t))
	outcome.Received = guest.Money(i.amount, i.currency)
	outcome.Fee = guest.Money(i.fee, i.currency)
	if t.native() {
		return outcome, ""
	}
	asked, askedErr := decimal.Parse(t.GetPayment().GetAmount())
	got, gotErr := decimal.Parse(i.amount)
	if askedErr != nil || gotErr != nil || i.currency != t.GetPayment().GetCurrency() || got.Cmp(asked) < 0 {
		outcome.Status = abi.Status_STATUS_PROCESSING
		outcome.Alert = "PayGram redeemed " + i.amount + " " + i.currency + ", which is not what the payment asks for"
	}
	return outcome, ""
}

// readCredit reads what was credited; asked is the amount that was asked for, where it is known.
func readCredit(value jsontext.Value, asked string) (i invoice, why string) {
	currency := currencyOf(value.Get("currencyCode"))
	received, notReceived := value.Get("received").Amount(asked)
	fees, _ := value.Decimal("fees")
	switch {
	case value.Twice("received", "fees", "currencyCode"):
		return i, "a member of it stands twice"
	case currency == "":
		return i, "currencyCode is missing, or not known"
	case notReceived != nil:
		return i, "neither an invoice, nor what was received"
	}
	return invoice{amount: received.String(), fee: fees, currency: currency}, ""
}

// preparePay charges a PayGram user, whom the merchant names: its own customer, who has agreed.
func preparePay(t *task) *abi.Step {
	code, user := invoiceCode(t), cmp.Or(t.input.Text("user_cli_id"), t.input.Text("userCliId"))
	switch {
	case code == "":
		return missing("invoiceCode")
	case user == "":
		return missing("user_cli_id")
	}
	return post(payPath, t.unique(t.bodyAs(user).String("invoiceCode", code))).Send(nil)
}
