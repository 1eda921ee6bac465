package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// transferCredit sends credit to another user.
const transferCredit = "TransferCredit"

// prepareTransfer sends credit to the user that the payment names; what no one is named for would become a voucher for
// whoever finds it.
func prepareTransfer(t *task) *abi.Step {
	payment := t.GetPayment()
	number, to := currencyNumber(payment.GetCurrency()), payment.GetDestination().GetAccount()
	if wrong := refusesMoney(t, number, "it"); wrong != nil {
		return wrong
	}
	if to == "" {
		return guest.Reject("invalid_request", "/destination/account", "the PayGram user who is to have it is missing")
	}
	body := t.body().Integer("currencyCode", number).String("toUserCliId", to).Number("amount",
		payment.GetAmount()).String(callbackDataName, t.GetReference())
	return post(pathOf(transferCredit), t.unique(body)).Send(nil)
}

// interpretTransfer: the credit is the other user's at once. The answer names no user, and no reference of ours.
func interpretTransfer(t *task, a answer) *abi.Step {
	payment := t.GetPayment()
	if a.Twice("voucherCode", "amount") {
		return guest.Unreadable("the transfer: a member of it stands twice")
	}
	code := a.Text("voucherCode")
	if !isCode(code) {
		code = "" // it is found by our reference
	}
	outcome := guest.Accepted(abi.Status_STATUS_SUCCEEDED, code)
	amount, err := a.Get("amount").Amount(t.asked())
	switch {
	case err != nil:
		return guest.Unreadable("the transfer's amount: none")
	case !equal(amount.String(), t.asked()):
		return guest.Unreadable("the transfer: it is for another amount")
	}
	outcome.Amount = guest.Money(amount.String(), payment.GetCurrency())
	fee, _ := a.Decimal("fees")
	outcome.Fee = guest.Money(fee, payment.GetCurrency())
	return guest.Done(outcome)
}

// transferStatus maps the state of a transfer's invoice, which its sender has paid. What has not been redeemed
// is on its way; what ended otherwise may have taken the sender's credit, so that it is never called failed.
func transferStatus(i invoice) (status abi.Status, alert string) {
	switch i.state {
	case "2":
		if i.paid && i.redeemed {
			return abi.Status_STATUS_SUCCEEDED, ""
		}
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the transfer completed, but not paid and redeemed"
	case "1", "4", "8", "100":
		return abi.Status_STATUS_PROCESSING, ""
	case "3", "5", "7":
		return abi.Status_STATUS_UNKNOWN, "PayGram's transfer has status " + i.state +
			": whether the credit was taken is not said"
	}
	return abi.Status_STATUS_UNKNOWN, "PayGram's transfer has a status that is not known: " + i.state
}

// unproven is a look-up that reports nothing: of a payout or a transfer "not found" is never stated, for whoever
// believes it pays again.
func unproven() *abi.Step {
	return guest.Done(guest.Accepted(abi.Status_STATUS_UNKNOWN, ""))
}

// cautious turns PayGram's "not found" into no answer where money may have left.
func cautious(t *task, end *abi.Step) *abi.Step {
	leaves := !t.native() && t.GetPayment().GetKind() != abi.Kind_KIND_COLLECT
	if leaves && t.GetOperation() == invoiceInfo && end.GetDone().GetFailure().GetProviderCode() == codeNotFound {
		return unproven()
	}
	return end
}
