package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// invoice is what a user of an account asks some payer for. A withdrawal has one too.
type invoice struct {
	account                *paygramAccount
	owner                  *paygramUser
	code                   string
	status                 int
	created, changed       time.Time
	amount, fee            money
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

// paygramInvoice is an invoice as the document shows it: the fields are in its order.
type paygramInvoice struct {
	InvoiceCode     string  `json:"invoiceCode"`
	Status          int     `json:"status"`
	LastEventUTC    netTime `json:"lastEventUtc"`
	CreatedUTC      netTime `json:"createdUtc"`
	Amount          money   `json:"amount"`
	ExpectedFee     money   `json:"expectedFee"`
	CallbackData    *string `json:"callbackData"`
	CurrencyCode    int     `json:"currencyCode"`
	FromUser        *string `json:"fromUser"`
	ToUser          string  `json:"toUser"`
	OriginatingUser *string `json:"originatingUser"`
	IsPaid          bool    `json:"isPaid"`
	IsRedeemed      bool    `json:"isRedeemed"`
	InvoiceType     int     `json:"invoiceType"`
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
func (v *invoice) view(fresh bool) paygramInvoice {
	shown := paygramInvoice{
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

// paygramAmount is what every request with a currency and an amount must pass.
func paygramAmount(currency int, sum *money) *answer {
	var refusal answer
	switch _, known := paygramCurrencies[currency]; {
	case !known:
		refusal = paygramFailure(paygramFailed, "Currency not supported")
	case sum == nil || sum.sign() <= 0:
		refusal = paygramFailure(paygramFailed, "Invalid amount")
	case sum.trim().scale() > 8:
		refusal = paygramFailure(paygramFailed, "Too many decimals in amount")
	default:
		return nil
	}
	return &refusal
}

// issueInvoice makes an invoice. Whether clientUnique counts here is not proven: it does not, the worst case.
func (p *paygram) issueInvoice(q *paygramRequest) answer {
	f := q.fields
	if refusal := paygramAmount(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	v := p.addInvoice(q, *f.Amount, f.CurrencyCode, "IssueInvoice")
	var payURL *string
	if !p.noPayURL {
		link := q.base + "/pay/" + v.code
		payURL = &link
	}
	return jsonAnswer(http.StatusOK, struct {
		PayURL *string `json:"payUrl"`
		paygramInvoice
		paygramTail
	}{payURL, v.view(true), paygramTail{paygramIssueInvoice, true}})
}

func (p *paygram) addInvoice(q *paygramRequest, sum money, currency int, operation string) *invoice {
	v := &invoice{
		account: q.account, owner: q.user, code: p.ids.uuid(), status: invoiceOngoing,
		created: q.now, changed: q.now.Add(100 * time.Nanosecond), // the next tick of .NET's clock
		amount: sum, callbackData: q.fields.CallbackData, currency: currency, kind: q.fields.MerchantType,
	}
	p.invoices = append(p.invoices, v)
	p.byCode[v.code] = v
	var ours string
	if v.callbackData != nil {
		ours = *v.callbackData
	}
	p.book(Booking{
		Account: q.account.name, Operation: operation, Reference: ours, ProviderReference: v.code,
		Amount: sum.String(), Currency: paygramCurrencies[currency], Status: fmt.Sprint(v.status),
	})
	return v
}

func (p *paygram) invoice(code string) *invoice {
	return p.byCode[strings.ToLower(code)]
}

func invoiceAnswer(v *invoice) answer {
	return jsonAnswer(http.StatusOK, struct {
		paygramInvoice
		paygramTail
	}{v.view(false), paygramTail{paygramInvoiceInfo, true}})
}

func (p *paygram) invoiceInfo(q *paygramRequest) answer {
	v := p.invoice(q.fields.InvoiceCode)
	if v == nil {
		return paygramFailure(paygramNotFound, "Invoice not found")
	}
	return invoiceAnswer(v)
}

// payInvoice pays from the acting user's wallet, and settles at once, as in the document's example.
func (p *paygram) payInvoice(q *paygramRequest) answer {
	v := p.invoice(q.fields.InvoiceCode)
	switch {
	case v == nil || v.payout:
		return paygramFailure(paygramNotFound, "Invoice not found")
	case v.paid:
		return paygramFailure(paygramFailed, "Invoice already paid")
	case v.status != invoiceOngoing:
		return paygramFailure(paygramFailed, "Invoice is not payable")
	case q.user.balances[v.currency].cmp(v.amount) < 0:
		return paygramFailure(paygramNoFunds, "Not enough funds")
	}
	p.enter(q.user, v.currency, v.amount, "debit", v.code, v.callbackData)
	v.fromUser = &q.user.id
	p.credit(v)
	return invoiceAnswer(v)
}

// credit completes an invoice: its owner has the money.
func (p *paygram) credit(v *invoice) {
	p.enter(v.owner, v.currency, v.amount, "credit", v.code, v.callbackData)
	v.paid, v.redeemed = true, true
	p.move(v, invoiceCompleted)
}

// redeemInvoice takes in what a payer has paid, or an open voucher.
func (p *paygram) redeemInvoice(q *paygramRequest) answer {
	if open := p.voucher(q.fields.InvoiceCode); open != nil {
		return p.redeemVoucher(q, open, paygramReceived)
	}
	v := p.invoice(q.fields.InvoiceCode)
	switch {
	case v == nil || v.payout:
		return paygramFailure(paygramNotFound, "Invoice not found")
	case v.redeemed:
		return paygramFailure(paygramFailed, "Invoice already redeemed")
	case !v.paid:
		return paygramFailure(paygramFailed, "Invoice is not paid")
	}
	v.owner = q.user
	p.credit(v)
	return receivedAnswer(q.user, v.currency, v.amount)
}

// receivedAnswer is the answer of type 8: money came in.
func receivedAnswer(u *paygramUser, currency int, sum money) answer {
	return jsonAnswer(http.StatusOK, struct {
		Received     money `json:"received"`
		Credited     money `json:"credited"`
		Fees         money `json:"fees"`
		CurrencyCode int   `json:"currencyCode"`
		NewBalance   money `json:"newBalance"`
		paygramTail
	}{sum, sum, money{}, currency, u.balances[currency], paygramTail{paygramReceived, true}})
}

// getInvoices finds the account's invoices by our own words.
func (p *paygram) getInvoices(q *paygramRequest) answer {
	type entry struct {
		GUID     string  `json:"guid"`
		Friendly *string `json:"friendlyVoucherCode"`
	}
	found := []entry{}
	for _, v := range p.invoices {
		wanted := (!p.unlisted || !v.payout) &&
			(q.fields.CallbackData == nil || v.callbackData != nil && *v.callbackData == *q.fields.CallbackData)
		if v.account == q.account && wanted {
			found = append(found, entry{v.code, nil})
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Invoices []entry `json:"invoices"`
		paygramTail
	}{found, paygramTail{paygramInvoices, true}})
}

func (p *paygram) drive(ref, event, _ string) error {
	v := p.findInvoice(ref)
	if v == nil {
		return p.driveTopUp(ref, event)
	}
	if v.payout {
		return p.driveWithdrawal(v, event)
	}
	if v.paid {
		return fmt.Errorf("%w: it is paid already", ErrRefused)
	}
	payer := "payer-" + p.ids.digits(6)
	switch event {
	case "pay":
		v.fromUser = &payer
		p.credit(v)
	case "pay_unredeemed":
		v.fromUser = &payer
		v.paid = true
		p.move(v, invoiceAccepted)
	case payLate:
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

func (p *paygram) findInvoice(ref string) *invoice {
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
func (p *paygram) move(v *invoice, status int) {
	v.status = status
	v.changed = p.now()
	p.settle(v.code, fmt.Sprint(status), v.moved())
	p.report(v)
}

// paygramCallback is a callback's body. Its names are capitalized, unlike the answers', and members that have their
// type's default value are left out. How the real hash is made is not public: this one only has its form.
type paygramCallback struct {
	ID           int                 `json:"Id,omitempty"`
	DateUTC      netTime             `json:"DateUtc"`
	Timestamp    int64               `json:"Timestamp,omitempty"`
	CallbackData *string             `json:"CallbackData,omitempty"`
	UserCliID    string              `json:"UserCliId,omitempty"`
	WithdrawInfo *paygramWithdrawal  `json:"WithdrawInfo,omitempty"`
	InvoiceInfo  *paygramInvoiceMove `json:"InvoiceInfo,omitempty"`
	Hash         string              `json:"Hash"`
	CallbackType int                 `json:"CallbackType,omitempty"`
}

// paygramWallet is how a wallet has changed, where it has.
type paygramWallet struct {
	TransactionAmount *money `json:"TransactionAmount,omitempty"`
	Fees              *money `json:"Fees,omitempty"`
	Currency          int    `json:"Currency,omitempty"`
	Balance           *money `json:"Balance,omitempty"`
}

// paygramInvoiceMove names an invoice without its status: InvoiceInfo has that.
type paygramInvoiceMove struct {
	paygramWallet

	InvoiceCode        string `json:"InvoiceCode"`
	UserIDInClientFrom string `json:"UserIdInClientFrom,omitempty"`
}

type paygramWithdrawal struct {
	paygramWallet

	Info struct {
		Status     int    `json:"Status,omitempty"`
		Amount     money  `json:"Amount"`
		Fees       *money `json:"Fees,omitempty"`
		WithdrawID string `json:"WithdrawId"`
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
func (p *paygram) report(v *invoice) {
	v.account.notify(v)
	p.callBack(v)
}

// callBack calls the user's own URL, the account's, or the one set for the sandbox.
func (p *paygram) callBack(v *invoice) {
	report := paygramCallback{
		ID: p.nextCallback, DateUTC: netTime{v.changed, false}, Timestamp: v.changed.Unix(),
		CallbackData: v.callbackData,
		UserCliID:    v.owner.id, Hash: p.ids.hex(32), CallbackType: invoiceCredited,
	}
	p.nextCallback++
	balance := v.owner.balances[v.currency]
	wallet := paygramWallet{Currency: v.currency, Balance: &balance}
	if v.payout {
		w := &paygramWithdrawal{paygramWallet: wallet}
		w.Info.Status, w.Info.Amount, w.Info.Fees, w.Info.WithdrawID = v.status, v.amount, &v.fee, v.code
		w.AdminResponse.InvoiceStatus, w.AdminResponse.Currency = v.status, v.currency
		report.WithdrawInfo, report.CallbackType = w, withdrawChanged
	} else {
		report.InvoiceInfo = &paygramInvoiceMove{paygramWallet: wallet, InvoiceCode: v.code}
		if v.fromUser != nil {
			report.InvoiceInfo.UserIDInClientFrom = *v.fromUser
		}
	}
	body, err := marshal(report)
	if err != nil {
		return
	}
	url := cmp.Or(p.own[v.account.name].URL, p.callback.URL)
	for _, own := range []*string{v.account.callbackAPI, v.owner.callbackURL} {
		if url == "" && own != nil {
			url = *own
		}
	}
	p.courier.post(delivery{
		provider: PayGram, method: http.MethodPost, url: url, body: string(body), tries: 2,
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
	})
}

func (p *paygram) page(path string) (payerPage, bool) {
	code, ok := strings.CutPrefix(path, "/pay/")
	v := p.invoice(code)
	if !ok || v == nil {
		return payerPage{}, false
	}
	return payerPage{
		Reference: v.code, Amount: v.amount.String(), Currency: paygramCurrencies[v.currency],
		Status: fmt.Sprint(v.status),
	}, true
}
