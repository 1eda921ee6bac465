package main

import (
	"cmp"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// invoice is PayGram's invoice as every answer about one has it. Withdrawals and transfers have one too.
type invoice struct {
	code, state, amount, fee, currency, callbackData, payURL string
	paid, redeemed                                           bool
	// statesRefund: the answer is a withdrawal's own, which states whether the money was given back: refunded.
	statesRefund, refunded bool
}

// The members of an invoice that are read, in the document's order.
const (
	payURLAt = iota
	codeAt
	stateAt
	amountAt
	feeAt
	callbackDataAt
	currencyAt
	paidAt
	redeemedAt
	refundedAt
	invoiceSize
)

//nolint:gochecknoglobals // a table
var invoiceNames = [invoiceSize]string{
	payURLAt: "payUrl", codeAt: "invoiceCode", stateAt: "status", amountAt: "amount", feeAt: "expectedFee",
	callbackDataAt: "callbackData",
	currencyAt:     "currencyCode", paidAt: "isPaid", redeemedAt: "isRedeemed", refundedAt: "refunded",
}

// readInvoice reads an invoice; why states what is missing or wrong, and is empty where it is whole.
//
// asked is the amount that was asked for, where it is known.
func readInvoice(value jsontext.Value, asked string) (i invoice, why string) {
	var is [invoiceSize]jsontext.Value
	value.Members(invoiceNames[:], is[:])
	i.code, i.state = is[codeAt].Text(), invoiceStates.number(is[stateAt].Text())
	i.callbackData, i.payURL = is[callbackDataAt].Text(), is[payURLAt].Text()
	i.currency = currencyOf(is[currencyAt])
	var isPaid, isRedeemed bool
	amount, notAmount := is[amountAt].Amount(asked)
	i.amount = amount.String()
	i.fee, _ = is[feeAt].Decimal()
	i.paid, isPaid = is[paidAt].Flag()
	i.redeemed, isRedeemed = is[redeemedAt].Flag()
	i.refunded, i.statesRefund = is[refundedAt].Flag()
	switch {
	case value.Twice(deciding[:]...):
		return i, "a member of it stands twice"
	case !isCode(i.code):
		return i, "invoiceCode is missing, or no code"
	case i.currency == "":
		return i, "currencyCode is missing, or not known"
	case i.state == "":
		return i, "status is missing, or neither a number nor a name"
	case notAmount != nil:
		return i, "amount is missing, or none"
	case is[callbackDataAt].Exists() && !is[callbackDataAt].IsString():
		return i, "callbackData is no text"
	case (!isPaid || !isRedeemed) && !i.statesRefund:
		return i, "isPaid or isRedeemed is missing, or neither true nor false"
	}
	return i, ""
}

// deciding are the members that decide what an invoice is worth. The others are shown at most.
//
//nolint:gochecknoglobals // a table
var deciding = [...]string{
	"invoiceCode", "status", "amount", "callbackData", "currencyCode", "isPaid", "isRedeemed", "refunded",
}

// isCode allows what an invoice's code is made of: a UUID, or a short code with dashes. .NET's empty UUID, of zeros
// alone, is no code.
func isCode(code string) bool {
	empty := true
	for i := range len(code) {
		c := code[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
		empty = empty && (c == '-' || c == '0')
	}
	return !empty && len(code) <= 64
}

// outcome is what an invoice means, for a payment under our reference; the reference may be empty where it is not
// known. An invoice that is not the one asked for makes the answer unreadable, and why states so.
func (i invoice) outcome(t *task, reference string) (outcome *abi.Outcome, why string) {
	if why := i.differs(t, reference); why != "" {
		return nil, why
	}
	status, alert := i.status(t)
	outcome = guest.Accepted(status, i.code)
	outcome.Alert = alert
	outcome.Amount = guest.Money(i.amount, i.currency)
	outcome.Fee = guest.Money(i.fee, i.currency)
	if t.carries() {
		outcome.EchoedReference = i.callbackData
	}
	if i.paid && !leaves(t) {
		outcome.Received = outcome.GetAmount()
	}
	if !t.native() && i.compared(t) != 0 {
		// A transfer's invoice may have the fee in it, and one that was paid with another amount has that amount.
		outcome.Amount = guest.Money(t.GetPayment().GetAmount(), i.currency)
	}
	if status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: failedCode(i.state), Message: "the invoice has status " + i.state}
	}
	return outcome, ""
}

// leaves reports a payment whose money goes out.
func leaves(t *task) bool {
	return !t.native() && t.GetPayment().GetKind() != abi.Kind_KIND_COLLECT
}

// status is what the invoice's state is worth for the payment, or for whoever asked.
func (i invoice) status(t *task) (status abi.Status, alert string) {
	switch {
	case t.GetPayment().GetKind() == abi.Kind_KIND_PAYOUT:
		return payoutStatus(i)
	case leaves(t):
		return transferStatus(i)
	}
	status, alert = statusOf(i.state, i.paid, i.redeemed)
	if t.native() || !i.paid || i.compared(t) == 0 || alert != "" {
		return status, alert
	}
	paid := "PayGram's invoice is paid with " + i.amount + " " + i.currency
	switch {
	case i.compared(t) > 0:
		return status, paid + ", which is more than was asked for"
	case status == abi.Status_STATUS_SUCCEEDED:
		status = abi.Status_STATUS_PROCESSING
	}
	return status, paid + ", which is less than was asked for"
}

// compared is the invoice's amount against the payment's: -1, 0 or 1 as it is less, equal or more.
func (i invoice) compared(t *task) int {
	stated, statedErr := decimal.Parse(i.amount)
	asked, askedErr := decimal.Parse(t.GetPayment().GetAmount())
	if statedErr != nil || askedErr != nil {
		return -1
	}
	return stated.Cmp(asked)
}

func (i invoice) differs(t *task, reference string) string {
	if t.native() {
		return i.differsFromInput(t)
	}
	if asked := t.GetProviderReference(); asked != "" && !strings.EqualFold(asked, i.code) {
		return "it is about another invoice"
	}
	if reference != "" && i.callbackData != "" && i.callbackData != reference {
		return "it has another callbackData than ours"
	}
	// What a payer has paid on the payment's own invoice counts, whatever the amount.
	paidOtherwise := !leaves(t) && i.paid && reference != "" && i.callbackData == reference
	if i.currency != t.GetPayment().GetCurrency() || i.compared(t) != 0 && !paidOtherwise && !i.hasFee(t) {
		return "it is for " + i.amount + " " + i.currency
	}
	return ""
}

// hasFee reports a transfer's invoice whose amount is the payment's with the fee: an invoice's amount includes it, a
// transfer's does not.
func (i invoice) hasFee(t *task) bool {
	stated, statedErr := decimal.Parse(i.amount)
	fee, feeErr := decimal.Parse(i.fee)
	asked, askedErr := decimal.Parse(t.GetPayment().GetAmount())
	return t.GetPayment().GetKind() == abi.Kind_KIND_TRANSFER && statedErr == nil && feeErr == nil && askedErr == nil &&
		fee.Sign() > 0 && stated.Cmp(asked.Add(fee)) == 0
}

// differsFromInput compares an invoice with the input that it was issued for. One that the input names may be for any
// amount.
func (i invoice) differsFromInput(t *task) string {
	if t.GetOperation() != issueInvoice {
		return ""
	}
	currency := currencyOf(t.input.Get("currencyCode"))
	if currency != "" && currency != i.currency || t.asked() != "" && !equal(i.amount, t.asked()) {
		return "it is for " + i.amount + " " + i.currency
	}
	if i.callbackData != "" && i.callbackData != cmp.Or(t.input.Text(callbackDataName), t.GetReference()) {
		return "it has another callbackData than was asked for"
	}
	return ""
}

func equal(a, b string) bool {
	if a == b {
		return true
	}
	left, leftErr := decimal.Parse(a)
	right, rightErr := decimal.Parse(b)
	return leftErr == nil && rightErr == nil && left.Cmp(right) == 0
}

// action describes how the payer pays: on the invoice's page where it has one, else by its code in the app.
func (i invoice) action(amount *abi.Money) *abi.NextAction {
	if guest.IsWebAddress(i.payURL) {
		return guest.RedirectTo(i.payURL)
	}
	return guest.Instruct("Pay the invoice "+i.code+" in the PayGram app.", amount, "")
}

// finish is the step for an answer that holds an invoice.
func finish(t *task, a answer, reference string, payable bool) *abi.Step {
	i, why := readInvoice(a.Value, t.asked())
	if why != "" {
		return guest.Unreadable("the invoice: " + why)
	}
	outcome, why := i.outcome(t, reference)
	if why != "" {
		return guest.Unreadable("the invoice: " + why)
	}
	if payable && outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION {
		outcome.NextAction = i.action(outcome.GetAmount())
	}
	return t.done(outcome, a)
}

// prepareIssue asks for an invoice. Our reference travels in callbackData, the one field that PayGram gives back.
func prepareIssue(t *task) *abi.Step {
	if t.native() {
		return issueNative(t)
	}
	payment := t.GetPayment()
	number := currencyNumber(payment.GetCurrency())
	if wrong := refusesMoney(t, number, "an invoice"); wrong != nil {
		return wrong
	}
	if payment.GetKind() != abi.Kind_KIND_COLLECT {
		return guest.Reject("unsupported", "/kind", "PayGram's invoices collect")
	}
	body := t.body().Integer("currencyCode", number).Number("amount", payment.GetAmount()).
		String("callbackData", t.GetReference()).Number("merchantType", t.merchantType)
	return post(issuePath, body).Send(nil)
}

func issueNative(t *task) *abi.Step {
	sum, err := decimal.Parse(t.input.Text("amount"))
	switch {
	case t.input.Text("currencyCode") == "":
		return missing("currencyCode")
	case err != nil || sum.Sign() <= 0:
		return missing("amount")
	}
	reference, kind := t.input.Text("callbackData"), t.input.Text("merchantType")
	if reference == "" {
		reference = t.GetReference()
	}
	if kind == "" {
		kind = t.merchantType
	}
	body := t.body().Number("currencyCode", t.input.Text("currencyCode")).Number("amount", sum.String()).
		String("callbackData", reference).Number("merchantType", kind)
	return post(issuePath, body).Send(nil)
}
