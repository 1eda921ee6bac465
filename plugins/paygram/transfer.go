package main

import (
	"strconv"
	"strings"

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

// interpretTransfer: the credit is the other user's at once.
func interpretTransfer(t *task, a answer) *abi.Step {
	payment := t.GetPayment()
	if to := a.Text("toCredit", "userCliId"); to != "" && to != payment.GetDestination().GetAccount() {
		return guest.Unreadable("the transfer: it went to another user")
	}
	code := a.Text("voucherCode")
	if !isCode(code) {
		code = ""
	}
	outcome := guest.Accepted(abi.Status_STATUS_SUCCEEDED, code)
	if a.Get("amount").Exists() {
		amount, err := a.Get("amount").Amount(t.asked())
		if err != nil || !equal(amount.String(), t.asked()) {
			return guest.Unreadable("the transfer: it is for another amount")
		}
		outcome.Amount = guest.Money(amount.String(), payment.GetCurrency())
	}
	fee, _ := a.Decimal("fees")
	outcome.Fee = guest.Money(fee, payment.GetCurrency())
	return guest.Done(outcome)
}

// A transfer is looked for in the statement from a little before it was sent until an hour later, page by page.
const (
	early      = 5 * 60 * 1000
	late       = 60 * 60 * 1000
	tracePage  = 100
	tracePages = 1 + mostInvoices
)

// prepareTrace looks in the statement for a transfer whose answer was lost.
func prepareTrace(t *task) *abi.Step {
	switch {
	case t.GetCreateReference() == "" && t.GetProviderReference() == "":
		return guest.Reject("invalid_request", "", "neither PayGram's reference nor ours is known")
	case t.GetSentMs() == 0:
		return guest.Reject("invalid_request", "", "when it was sent is not known")
	}
	return tracePageFrom(t, 0)
}

func tracePageFrom(t *task, index uint64) *abi.Step {
	body := t.body().String("fromUtc", utc(t.GetSentMs()-early)).String("toExcludingUtc", utc(t.GetSentMs()+late)).
		Integer(startIndex, index).Integer("resultsPerPage", tracePage).Bool("goForward", true)
	return post(pathOf(getStatement), body).Send(strconv.AppendUint(nil, index, 10))
}

// interpretTrace looks for the transfer on a page. Not to find it proves nothing: no document states that a statement
// repeats callbackData.
func interpretTrace(t *task, state string, a answer) *abi.Step {
	for _, value := range a.Items("statementEntries") {
		e, why := readEntry(value, t.asked())
		if why != "" {
			return guest.Unreadable("the statement: " + why)
		}
		if e.isTransfer(t) {
			return traced(t, e)
		}
	}
	index, err := strconv.ParseUint(state, 10, 32)
	shown := uint64(len(a.Items("statementEntries")))
	more, isFlag := a.Flag("nextPageAvailable")
	switch {
	case err != nil:
		return guest.Unreadable("the look-up's own state is broken")
	case !isFlag || !a.Get("statementEntries").IsArray():
		return guest.Unreadable("the statement: it is none")
	case !more || shown == 0 || index >= (tracePages-1)*tracePage:
		return unproven()
	}
	return tracePageFrom(t, index+shown)
}

// isTransfer reports the entry of the transfer that is looked for: money out, under our reference or PayGram's.
func (e entry) isTransfer(t *task) bool {
	ours := t.GetCreateReference() != "" && e.callbackData == t.GetCreateReference()
	theirs := t.GetProviderReference() != "" && strings.EqualFold(e.code, t.GetProviderReference())
	return strings.HasPrefix(e.amount, "-") && (ours || theirs)
}

func traced(t *task, e entry) *abi.Step {
	amount := strings.TrimPrefix(e.amount, "-")
	if e.currency != t.GetPayment().GetCurrency() || !equal(amount, t.GetPayment().GetAmount()) {
		return guest.Unreadable("the statement: the transfer is for " + amount + " " + e.currency)
	}
	outcome := guest.Accepted(abi.Status_STATUS_SUCCEEDED, e.code)
	outcome.Amount, outcome.Fee = guest.Money(amount, e.currency), guest.Money(e.fee, e.currency)
	outcome.EchoedReference = e.callbackData
	return guest.Done(outcome)
}

// unproven is a look-up that reports nothing: of a payout or a transfer "not found" is never stated, for whoever
// believes it pays again.
func unproven() *abi.Step {
	return guest.Done(guest.Accepted(abi.Status_STATUS_UNKNOWN, ""))
}

// cautious turns PayGram's "not found" into no answer where money may have left.
func cautious(t *task, end *abi.Step) *abi.Step {
	leaves := !t.native() && t.GetPayment().GetKind() != abi.Kind_KIND_COLLECT
	lookedUp := t.GetOperation() == invoiceInfo || t.GetOperation() == getStatement
	if leaves && lookedUp && end.GetDone().GetFailure().GetProviderCode() == codeNotFound {
		return unproven()
	}
	return end
}
