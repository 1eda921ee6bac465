package paygram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// invoice is what a user of an account asks some payer for. A withdrawal, a transfer and an envelope have one too.
type invoice struct {
	account *client
	// owner is who made it: who receives an invoice's money, and who pays for anything else.
	owner            *user
	code, friendly   string
	status           int
	created, changed time.Time
	// amount includes the fee.
	amount, fee    simulator.Money
	callbackData   *string
	currency, kind int
	from, to       *string
	paid, redeemed bool
	// payout is where a withdrawal goes, and voucher what a transfer or an envelope put aside; nil for an invoice.
	payout   *payout
	voucher  *voucher
	refunded bool
}

// An invoice's status.
const (
	invoiceRequested = 1
	invoiceCompleted = 2
	invoiceCancelled = 3
	invoiceOngoing   = 4
	invoiceError     = 5
	invoiceDenied    = 7
	invoiceAccepted  = 8
	// invoiceInternal is "accepted" too: within PayGram, without a name of its own.
	invoiceInternal = 100
)

// invoiceView is an invoice as the document shows it: the fields are in its order. The last three came later; the
// document has invoiceType only.
type invoiceView struct {
	InvoiceCode     string          `json:"invoiceCode"`
	Friendly        string          `json:"friendlyVoucherCode,omitempty"`
	Status          enum            `json:"status"`
	LastEventUTC    netTime         `json:"lastEventUtc"`
	CreatedUTC      netTime         `json:"createdUtc"`
	Amount          simulator.Money `json:"amount"`
	ExpectedFee     simulator.Money `json:"expectedFee"`
	CallbackData    *string         `json:"callbackData"`
	CurrencyCode    enum            `json:"currencyCode"`
	FromUser        *string         `json:"fromUser"`
	ToUser          *string         `json:"toUser"`
	OriginatingUser *string         `json:"originatingUser"`
	IsPaid          bool            `json:"isPaid"`
	IsRedeemed      bool            `json:"isRedeemed"`
	InvoiceType     int             `json:"invoiceType"`
	BusinessType    int             `json:"invoiceBusinessType,omitempty"`
}

// moved: money has moved for the invoice. What is not an invoice moves at once, and may come back.
func (v *invoice) moved() bool {
	if v.payout != nil || v.voucher != nil {
		return !v.refunded
	}
	return v.paid
}

// view shows an invoice that was read again to one of a client's users; fresh, one that was just made: its dates have a
// Z, it has no originating user yet, and its type reads 0. Callback data and users are for their own client alone.
func (p *provider) view(v *invoice, to *client, fresh bool) invoiceView {
	shown := invoiceView{
		InvoiceCode:     v.code,
		Status:          p.enum(statuses, v.status),
		LastEventUTC:    netTime{v.changed, !fresh},
		CreatedUTC:      netTime{v.created, !fresh},
		Amount:          v.amount,
		ExpectedFee:     v.fee,
		CallbackData:    v.callbackData,
		CurrencyCode:    p.enum(currencies, v.currency),
		FromUser:        v.from,
		ToUser:          v.to,
		OriginatingUser: &v.owner.id,
		IsPaid:          v.paid,
		IsRedeemed:      v.redeemed,
		InvoiceType:     v.kind,
	}
	if fresh {
		shown.OriginatingUser = nil
		shown.InvoiceType = 0
	}
	if to != v.account {
		shown.CallbackData, shown.FromUser, shown.ToUser, shown.OriginatingUser = nil, nil, nil, nil
	}
	if !p.options.AsDocumented {
		shown.Friendly, shown.BusinessType = v.friendly, v.kind
	}
	return shown
}

// checkAmount is what every request with a currency and an amount must pass.
func checkAmount(currency int, sum *simulator.Money) *simulator.Answer {
	var refusal simulator.Answer
	switch _, known := currencies[currency]; {
	case !known:
		refusal = failure(codeFailed, "Currency not supported")
	case sum == nil || sum.Sign() <= 0:
		refusal = failure(codeFailed, "Invalid amount")
	case sum.Trim().Scale() > 8:
		refusal = failure(codeFailed, "Too many decimals in amount")
	default:
		return nil
	}
	return &refusal
}

// issueInvoice makes an invoice. Whether clientUnique counts here is not proven: it does not, the worst case.
func (p *provider) issueInvoice(q *request) simulator.Answer {
	f := q.fields
	if refusal := checkAmount(int(f.CurrencyCode), f.Amount); refusal != nil {
		return *refusal
	}
	v := p.addInvoice(q, *f.Amount, int(f.CurrencyCode))
	v.to, v.kind = &q.user.id, f.MerchantType
	p.book(v, "IssueInvoice")
	var payURL *string
	if !p.options.NoPayURL {
		link := q.Base + "/pay/" + v.code
		payURL = &link
	}
	return simulator.JSON(http.StatusOK, struct {
		PayURL *string `json:"payUrl"`
		invoiceView
		tail
	}{payURL, p.view(v, q.account, true), p.tail(typeIssueInvoice)})
}

func (p *provider) addInvoice(q *request, sum simulator.Money, currency int) *invoice {
	v := &invoice{
		account: q.account, owner: q.user, code: p.IDs.UUID(), friendly: p.friendly(), status: invoiceOngoing,
		created: q.Now, changed: q.Now.Add(100 * time.Nanosecond), // the next tick of .NET's clock
		amount: sum, callbackData: q.fields.CallbackData, currency: currency,
	}
	p.invoices = append(p.invoices, v)
	p.byCode[v.code] = v
	return v
}

// book records in the ledger what an operation made.
func (p *provider) book(v *invoice, operation string) {
	var ours string
	if v.callbackData != nil {
		ours = *v.callbackData
	}
	p.Book(simulator.Booking{
		Account: v.account.name, Operation: operation, Reference: ours, ProviderReference: v.code,
		Amount: v.amount.String(), Currency: currencies[v.currency], Status: fmt.Sprint(v.status), MovedMoney: v.moved(),
	})
}

func (p *provider) invoice(code string) *invoice {
	return p.byCode[strings.ToLower(code)]
}

// invoiceAnswer is InvoiceInfo's: of type 13 with two members more for a withdrawal, of type 26 for an envelope.
func (p *provider) invoiceAnswer(v *invoice, to *client) simulator.Answer {
	kind := typeInvoiceInfo
	var method json.RawMessage
	var refunded *bool
	switch {
	case v.payout != nil:
		kind, method, refunded = typeWithdrawInfo, v.payout.method, &v.refunded
	case v.voucher != nil && v.voucher.places > 1:
		kind = typeEnvelopeInfo
	}
	return simulator.JSON(http.StatusOK, struct {
		invoiceView
		Method   json.RawMessage `json:"withdrawMethod,omitempty"`
		Refunded *bool           `json:"refunded,omitempty"`
		tail
	}{p.view(v, to, false), method, refunded, p.tail(kind)})
}

func (p *provider) invoiceInfo(q *request) simulator.Answer {
	v := p.invoice(q.fields.InvoiceCode)
	if v == nil {
		return failure(codeNotFound, "Invoice not found")
	}
	return p.invoiceAnswer(v, q.account)
}

// asked is the invoice of a code that a payer can pay, or nil.
func (p *provider) asked(code string) *invoice {
	v := p.invoice(code)
	if v == nil || v.payout != nil || v.voucher != nil {
		return nil
	}
	return v
}

// payInvoice pays from the acting user's wallet, and settles at once, as in the document's example.
func (p *provider) payInvoice(q *request) simulator.Answer {
	v := p.asked(q.fields.InvoiceCode)
	switch {
	case v == nil:
		return failure(codeNotFound, "Invoice not found")
	case v.paid:
		return failure(codeFailed, "Invoice already paid")
	case v.status != invoiceOngoing:
		return failure(codeFailed, "Invoice is not payable")
	case q.user.balances[v.currency].Cmp(v.amount) < 0:
		return failure(codeNoFunds, "Not enough funds")
	}
	p.enter(q.user, v, entrySent, minus(v.amount))
	v.from = &q.user.id
	p.credit(v)
	p.report(q.account, q.user, p.invoiceReport(v, q.user, invoiceDebited))
	return p.invoiceAnswer(v, q.account)
}

// credit completes an invoice: its owner has the money.
func (p *provider) credit(v *invoice) {
	p.enter(v.owner, v, entryReceived, v.amount)
	v.paid, v.redeemed = true, true
	p.move(v, invoiceCompleted)
}

// redeemInvoice takes in what a payer has paid, or an open voucher.
func (p *provider) redeemInvoice(q *request) simulator.Answer {
	if open := p.open(q.fields.InvoiceCode); open != nil {
		return p.redeemVoucher(q, open, typeReceived)
	}
	v := p.asked(q.fields.InvoiceCode)
	switch {
	case v == nil:
		return failure(codeNotFound, "Invoice not found")
	case v.redeemed:
		return failure(codeFailed, "Invoice already redeemed")
	case !v.paid:
		return failure(codeFailed, "Invoice is not paid")
	}
	v.owner, v.to = q.user, &q.user.id
	p.credit(v)
	return p.receivedAnswer(q.user, v.currency, v.amount)
}

// receivedAnswer is the answer of type 8: money came in.
func (p *provider) receivedAnswer(u *user, currency int, sum simulator.Money) simulator.Answer {
	return simulator.JSON(http.StatusOK, receipt{
		sum, sum,
		simulator.Money{},
		p.enum(currencies, currency), u.balances[currency],
		p.tail(typeReceived),
	})
}

// receipt is what came in.
type receipt struct {
	Received     simulator.Money `json:"received"`
	Credited     simulator.Money `json:"credited"`
	Fees         simulator.Money `json:"fees"`
	CurrencyCode enum            `json:"currencyCode"`
	NewBalance   simulator.Money `json:"newBalance"`
	tail
}

// reference is how a list or a statement names an invoice.
type reference struct {
	GUID     string  `json:"guid"`
	Friendly *string `json:"friendlyVoucherCode"`
}

// getInvoices finds the account's invoices by our own words.
func (p *provider) getInvoices(q *request) simulator.Answer {
	found := []reference{}
	for _, v := range p.invoices {
		wanted := (!p.options.UnlistedWithdrawals || v.payout == nil) &&
			(q.fields.CallbackData == nil || v.callbackData != nil && *v.callbackData == *q.fields.CallbackData)
		if v.account == q.account && wanted {
			found = append(found, reference{v.code, &v.friendly})
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Invoices []reference `json:"invoices"`
		tail
	}{found, p.tail(typeInvoices)})
}

// shares are how much of an invoice's amount a payer pays where the event does not say how much.
//
//nolint:gochecknoglobals // a table
var shares = map[string]string{"underpay": "0.5", "overpay": "2"}

func (p *provider) Drive(ref, event, amount string) error {
	v := p.findInvoice(ref)
	switch {
	case v == nil:
		return p.driveTopUp(ref, event, amount)
	case v.payout != nil:
		return p.driveWithdrawal(v, event)
	case v.voucher != nil:
		return p.driveVoucher(v, event)
	case v.paid:
		return fmt.Errorf("%w: it is paid already", simulator.ErrRefused)
	}
	switch event {
	case "expire", "cancel": // an invoice has no expired status: what has run out is cancelled
		p.move(v, invoiceCancelled)
	case "decline":
		p.move(v, invoiceDenied)
	case "error":
		p.move(v, invoiceError)
	case "pay", "pay_unredeemed", simulator.PayLate, "underpay", "overpay":
		return p.pay(v, event, amount)
	default:
		return fmt.Errorf("%w: an invoice has no %s", simulator.ErrRefused, event)
	}
	return nil
}

// pay is a stranger's payment. An invoice states one amount: where another is paid, it is that amount.
func (p *provider) pay(v *invoice, event, amount string) error {
	usual := v.amount
	if share, known := shares[event]; known {
		usual = v.amount.Mul(simulator.Amount(share)).RoundDown(8).Trim()
	}
	sum, err := simulator.EventAmount(amount, usual)
	if err != nil {
		return err
	}
	payer := "payer-" + p.IDs.Digits(6)
	v.amount, v.from = sum, &payer
	switch event {
	case "pay_unredeemed":
		v.paid = true
		p.move(v, invoiceAccepted)
	case simulator.PayLate:
		v.paid = true
		p.move(v, v.status)
	default:
		p.credit(v)
	}
	return nil
}

func (p *provider) findInvoice(ref string) *invoice {
	if v := p.invoice(ref); v != nil {
		return v
	}
	for _, v := range slices.Backward(p.invoices) {
		if v.callbackData != nil && *v.callbackData == ref {
			return v
		}
	}
	return nil
}

// move changes an invoice's status and sends the callbacks.
func (p *provider) move(v *invoice, status int) {
	v.status = status
	v.changed = p.Now()
	p.Settle(v.code, fmt.Sprint(status), v.moved())
	p.report(v.account, v.owner, p.reportOn(v))
}

func (p *provider) Page(path string) (simulator.PayerPage, bool) {
	code, ok := strings.CutPrefix(path, "/pay/")
	v := p.asked(code)
	if !ok || v == nil {
		return simulator.PayerPage{}, false
	}
	return simulator.PayerPage{
		Reference: v.code, Amount: v.amount.String(), Currency: currencies[v.currency],
		Status: fmt.Sprint(v.status),
	}, true
}
