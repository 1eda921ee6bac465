package paygram

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// invoice is what a user of an account asks some payer for. A withdrawal has one too.
type invoice struct {
	account                *client
	owner                  *user
	code                   string
	status                 int
	created, changed       time.Time
	amount, fee            simulator.Money
	callbackData           *string
	currency, kind         int
	fromUser               *string
	paid, redeemed, payout bool
}

// An invoice's status.
const (
	invoiceOngoing   = 4
	invoiceCompleted = 2
	invoiceCancelled = 3
	invoiceError     = 5
	invoiceDenied    = 7
	invoiceAccepted  = 8
)

// invoiceView is an invoice as the document shows it: the fields are in its order.
type invoiceView struct {
	InvoiceCode     string          `json:"invoiceCode"`
	Status          int             `json:"status"`
	LastEventUTC    netTime         `json:"lastEventUtc"`
	CreatedUTC      netTime         `json:"createdUtc"`
	Amount          simulator.Money `json:"amount"`
	ExpectedFee     simulator.Money `json:"expectedFee"`
	CallbackData    *string         `json:"callbackData"`
	CurrencyCode    int             `json:"currencyCode"`
	FromUser        *string         `json:"fromUser"`
	ToUser          string          `json:"toUser"`
	OriginatingUser *string         `json:"originatingUser"`
	IsPaid          bool            `json:"isPaid"`
	IsRedeemed      bool            `json:"isRedeemed"`
	InvoiceType     int             `json:"invoiceType"`
}

// moved: money has moved for the invoice. A withdrawal's moves at once, and comes back if it is denied.
func (v *invoice) moved() bool {
	if v.payout {
		return v.status != invoiceDenied
	}
	return v.paid
}

// view shows an invoice that was read again; fresh, one that was just made: its dates have a Z, it has no originating
// user yet, and its type reads 0.
func (v *invoice) view(fresh bool) invoiceView {
	shown := invoiceView{
		InvoiceCode:     v.code,
		Status:          v.status,
		LastEventUTC:    netTime{v.changed, !fresh},
		CreatedUTC:      netTime{v.created, !fresh},
		Amount:          v.amount,
		ExpectedFee:     v.fee,
		CallbackData:    v.callbackData,
		CurrencyCode:    v.currency,
		FromUser:        v.fromUser,
		ToUser:          v.owner.id,
		OriginatingUser: &v.owner.id,
		IsPaid:          v.paid,
		IsRedeemed:      v.redeemed,
		InvoiceType:     v.kind,
	}
	if fresh {
		shown.OriginatingUser = nil
		shown.InvoiceType = 0
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
	if refusal := checkAmount(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	v := p.addInvoice(q, *f.Amount, f.CurrencyCode, "IssueInvoice")
	var payURL *string
	if !p.options.NoPayURL {
		link := q.Base + "/pay/" + v.code
		payURL = &link
	}
	return simulator.JSON(http.StatusOK, struct {
		PayURL *string `json:"payUrl"`
		invoiceView
		tail
	}{payURL, v.view(true), tail{typeIssueInvoice, true}})
}

func (p *provider) addInvoice(q *request, sum simulator.Money, currency int, operation string) *invoice {
	v := &invoice{
		account: q.account, owner: q.user, code: p.IDs.UUID(), status: invoiceOngoing,
		created: q.Now, changed: q.Now.Add(100 * time.Nanosecond), // the next tick of .NET's clock
		amount: sum, callbackData: q.fields.CallbackData, currency: currency, kind: q.fields.MerchantType,
	}
	p.invoices = append(p.invoices, v)
	p.byCode[v.code] = v
	var ours string
	if v.callbackData != nil {
		ours = *v.callbackData
	}
	p.Book(simulator.Booking{
		Account: q.account.name, Operation: operation, Reference: ours, ProviderReference: v.code,
		Amount: sum.String(), Currency: currencies[currency], Status: fmt.Sprint(v.status),
	})
	return v
}

func (p *provider) invoice(code string) *invoice {
	return p.byCode[strings.ToLower(code)]
}

func invoiceAnswer(v *invoice) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		invoiceView
		tail
	}{v.view(false), tail{typeInvoiceInfo, true}})
}

func (p *provider) invoiceInfo(q *request) simulator.Answer {
	v := p.invoice(q.fields.InvoiceCode)
	if v == nil {
		return failure(codeNotFound, "Invoice not found")
	}
	return invoiceAnswer(v)
}

// payInvoice pays from the acting user's wallet, and settles at once, as in the document's example.
func (p *provider) payInvoice(q *request) simulator.Answer {
	v := p.invoice(q.fields.InvoiceCode)
	switch {
	case v == nil || v.payout:
		return failure(codeNotFound, "Invoice not found")
	case v.paid:
		return failure(codeFailed, "Invoice already paid")
	case v.status != invoiceOngoing:
		return failure(codeFailed, "Invoice is not payable")
	case q.user.balances[v.currency].Cmp(v.amount) < 0:
		return failure(codeNoFunds, "Not enough funds")
	}
	p.enter(q.user, v.currency, v.amount, "debit", v.code, v.callbackData)
	v.fromUser = &q.user.id
	p.credit(v)
	return invoiceAnswer(v)
}

// credit completes an invoice: its owner has the money.
func (p *provider) credit(v *invoice) {
	p.enter(v.owner, v.currency, v.amount, "credit", v.code, v.callbackData)
	v.paid, v.redeemed = true, true
	p.move(v, invoiceCompleted)
}

// redeemInvoice takes in what a payer has paid, or an open voucher.
func (p *provider) redeemInvoice(q *request) simulator.Answer {
	if open := p.voucher(q.fields.InvoiceCode); open != nil {
		return p.redeemVoucher(q, open, typeReceived)
	}
	v := p.invoice(q.fields.InvoiceCode)
	switch {
	case v == nil || v.payout:
		return failure(codeNotFound, "Invoice not found")
	case v.redeemed:
		return failure(codeFailed, "Invoice already redeemed")
	case !v.paid:
		return failure(codeFailed, "Invoice is not paid")
	}
	v.owner = q.user
	p.credit(v)
	return receivedAnswer(q.user, v.currency, v.amount)
}

// receivedAnswer is the answer of type 8: money came in.
func receivedAnswer(u *user, currency int, sum simulator.Money) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		Received     simulator.Money `json:"received"`
		Credited     simulator.Money `json:"credited"`
		Fees         simulator.Money `json:"fees"`
		CurrencyCode int             `json:"currencyCode"`
		NewBalance   simulator.Money `json:"newBalance"`
		tail
	}{sum, sum, simulator.Money{}, currency, u.balances[currency], tail{typeReceived, true}})
}

// getInvoices finds the account's invoices by our own words.
func (p *provider) getInvoices(q *request) simulator.Answer {
	type entry struct {
		GUID     string  `json:"guid"`
		Friendly *string `json:"friendlyVoucherCode"`
	}
	found := []entry{}
	for _, v := range p.invoices {
		wanted := (!p.options.UnlistedWithdrawals || !v.payout) &&
			(q.fields.CallbackData == nil || v.callbackData != nil && *v.callbackData == *q.fields.CallbackData)
		if v.account == q.account && wanted {
			found = append(found, entry{v.code, nil})
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Invoices []entry `json:"invoices"`
		tail
	}{found, tail{typeInvoices, true}})
}

func (p *provider) Drive(ref, event, _ string) error {
	v := p.findInvoice(ref)
	if v == nil {
		return p.driveTopUp(ref, event)
	}
	if v.payout {
		return p.driveWithdrawal(v, event)
	}
	if v.paid {
		return fmt.Errorf("%w: it is paid already", simulator.ErrRefused)
	}
	payer := "payer-" + p.IDs.Digits(6)
	switch event {
	case "pay":
		v.fromUser = &payer
		p.credit(v)
	case "pay_unredeemed":
		v.fromUser = &payer
		v.paid = true
		p.move(v, invoiceAccepted)
	case simulator.PayLate:
		v.fromUser = &payer
		v.paid = true
		p.move(v, v.status)
	case "cancel":
		p.move(v, invoiceCancelled)
	case "decline":
		p.move(v, invoiceDenied)
	case "error":
		p.move(v, invoiceError)
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
	p.report(v)
}

// callbackBody is a callback's body. Its names are capitalized, unlike the answers', and members that have their
// type's default value are left out. How the real hash is made is not public: this one only has its form.
type callbackBody struct {
	ID           int             `json:"Id,omitempty"`
	DateUTC      netTime         `json:"DateUtc"`
	Timestamp    int64           `json:"Timestamp,omitempty"`
	CallbackData *string         `json:"CallbackData,omitempty"`
	UserCliID    string          `json:"UserCliId,omitempty"`
	WithdrawInfo *withdrawalMove `json:"WithdrawInfo,omitempty"`
	InvoiceInfo  *invoiceMove    `json:"InvoiceInfo,omitempty"`
	Hash         string          `json:"Hash"`
	CallbackType int             `json:"CallbackType,omitempty"`
}

// walletMove is how a wallet has changed, where it has.
type walletMove struct {
	TransactionAmount *simulator.Money `json:"TransactionAmount,omitempty"`
	Fees              *simulator.Money `json:"Fees,omitempty"`
	Currency          int              `json:"Currency,omitempty"`
	Balance           *simulator.Money `json:"Balance,omitempty"`
}

// invoiceMove names an invoice without its status: InvoiceInfo has that.
type invoiceMove struct {
	walletMove

	InvoiceCode        string `json:"InvoiceCode"`
	UserIDInClientFrom string `json:"UserIdInClientFrom,omitempty"`
}

type withdrawalMove struct {
	walletMove

	Info struct {
		Status     int              `json:"Status,omitempty"`
		Amount     simulator.Money  `json:"Amount"`
		Fees       *simulator.Money `json:"Fees,omitempty"`
		WithdrawID string           `json:"WithdrawId"`
	} `json:"Info"`
	AdminResponse struct {
		InvoiceStatus int `json:"InvoiceStatus,omitempty"`
		Currency      int `json:"Currency,omitempty"`
	} `json:"AdminResponse"`
}

// invoiceCredited and withdrawChanged are callback types.
const (
	withdrawChanged = 1
	invoiceCredited = 2
)

// report calls back, and queues an update for GetUpdates.
func (p *provider) report(v *invoice) {
	v.account.notify(v)
	p.callBack(v)
}

// callBack calls the user's own URL, the account's, or the one set for the sandbox.
func (p *provider) callBack(v *invoice) {
	report := callbackBody{
		ID: p.nextCallback, DateUTC: netTime{v.changed, false}, Timestamp: v.changed.Unix(),
		CallbackData: v.callbackData,
		UserCliID:    v.owner.id, Hash: p.IDs.Hex(32), CallbackType: invoiceCredited,
	}
	p.nextCallback++
	balance := v.owner.balances[v.currency]
	wallet := walletMove{Currency: v.currency, Balance: &balance}
	if v.payout {
		w := &withdrawalMove{walletMove: wallet}
		w.Info.Status, w.Info.Amount, w.Info.Fees, w.Info.WithdrawID = v.status, v.amount, &v.fee, v.code
		w.AdminResponse.InvoiceStatus, w.AdminResponse.Currency = v.status, v.currency
		report.WithdrawInfo, report.CallbackType = w, withdrawChanged
	} else {
		report.InvoiceInfo = &invoiceMove{walletMove: wallet, InvoiceCode: v.code}
		if v.fromUser != nil {
			report.InvoiceInfo.UserIDInClientFrom = *v.fromUser
		}
	}
	body, err := simulator.Marshal(report)
	if err != nil {
		return
	}
	url := p.Callback(v.account.name).URL
	for _, own := range []*string{v.account.callbackAPI, v.owner.callbackURL} {
		if url == "" && own != nil {
			url = *own
		}
	}
	p.Post(simulator.Delivery{
		Method: http.MethodPost, URL: url, Body: string(body), Tries: 2,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
	})
}

func (p *provider) Page(path string) (simulator.PayerPage, bool) {
	code, ok := strings.CutPrefix(path, "/pay/")
	v := p.invoice(code)
	if !ok || v == nil {
		return simulator.PayerPage{}, false
	}
	return simulator.PayerPage{
		Reference: v.code, Amount: v.amount.String(), Currency: currencies[v.currency],
		Status: fmt.Sprint(v.status),
	}, true
}
