package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// voucher is credit for whoever redeems it: one open transfer, or a red envelope for several.
type voucher struct {
	code, friendly string
	currency       int
	total, each    money
	left, places   int
	redeemers      []*paygramUser
}

// transferCredit sends credit to a user of the account, or, without one, into a voucher.
func (p *paygram) transferCredit(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	var to *paygramUser
	if f.ToUserCliID != nil {
		known, ok := q.account.users[*f.ToUserCliID]
		if !ok {
			return paygramFailure(paygramNotFound, "Receiving user not found")
		}
		to = known
	}
	v := &voucher{
		code: p.ids.uuid(), friendly: p.friendly(), currency: f.CurrencyCode, total: *f.Amount, each: *f.Amount,
		left: 1, places: 1,
	}
	p.enter(q.user, f.CurrencyCode, *f.Amount, "debit", v.code, f.CallbackData)
	status := "open"
	if to != nil {
		p.enter(to, f.CurrencyCode, *f.Amount, "credit", v.code, f.CallbackData)
		v.left, status = 0, "completed"
	}
	p.vouchers = append(p.vouchers, v)
	p.bookSpending(q, "TransferCredit", v.code, *f.Amount, f.CurrencyCode, status)

	type credit struct {
		UserCliID  *string `json:"userCliId"`
		NewBalance *money  `json:"newBalance"`
	}
	left := q.user.balances[f.CurrencyCode]
	receiver := credit{f.ToUserCliID, nil}
	if to != nil {
		now := to.balances[f.CurrencyCode]
		receiver.NewBalance = &now
	}
	return jsonAnswer(http.StatusOK, struct {
		From     credit `json:"fromCredit"`
		To       credit `json:"toCredit"`
		Code     string `json:"voucherCode"`
		Friendly string `json:"friendlyVoucherCode"`
		Redeem   string `json:"redeemUrl"`
		Amount   money  `json:"amount"`
		Fees     money  `json:"fees"`
		paygramTail
	}{
		credit{&q.user.id, &left},
		receiver, v.code, v.friendly, q.base + "/redeem/" + v.code, *f.Amount,
		money{},
		paygramTail{paygramTransfer, true},
	})
}

func (p *paygram) friendly() string {
	return strings.ToUpper(p.ids.hex(2) + "-" + p.ids.hex(2) + "-" + p.ids.hex(2))
}

// affordable refuses an amount that makes no sense, or is not there.
func (q *paygramRequest) affordable(currency int, sum *money) *answer {
	if refusal := paygramAmount(currency, sum); refusal != nil {
		return refusal
	}
	if q.user.balances[currency].cmp(*sum) < 0 {
		refusal := paygramFailure(paygramNoFunds, "Not enough funds")
		return &refusal
	}
	return nil
}

// bookSpending records a spending request: money has moved at once.
func (p *paygram) bookSpending(q *paygramRequest, operation, code string, sum money, currency int, status string) {
	var ours string
	if q.fields.CallbackData != nil {
		ours = *q.fields.CallbackData
	}
	p.book(Booking{
		Account: q.account.name, Operation: operation, Reference: ours, ProviderReference: code,
		Amount: sum.String(), Currency: paygramCurrencies[currency], Status: status, MovedMoney: true,
	})
}

func (p *paygram) voucher(code string) *voucher {
	for _, v := range p.vouchers {
		if strings.EqualFold(v.code, code) || v.friendly == code {
			return v
		}
	}
	return nil
}

// redeemVoucher pays a voucher's share to the acting user, once.
func (p *paygram) redeemVoucher(q *paygramRequest, v *voucher, kind int) answer {
	if v.left == 0 || slices.Contains(v.redeemers, q.user) {
		return paygramFailure(paygramFailed, "Voucher already redeemed")
	}
	v.left--
	v.redeemers = append(v.redeemers, q.user)
	p.enter(q.user, v.currency, v.each, "credit", v.code, nil)
	if v.left == 0 {
		p.settle(v.code, "completed", true)
	}
	if kind == paygramReceived {
		return receivedAnswer(q.user, v.currency, v.each)
	}
	taken := v.places - v.left
	return jsonAnswer(http.StatusOK, struct {
		Received     money `json:"received"`
		Credited     money `json:"credited"`
		Fees         money `json:"fees"`
		CurrencyCode int   `json:"currencyCode"`
		NewBalance   money `json:"newBalance"`
		Redeemers    int   `json:"redeemersCount"`
		MaxRedeemers int   `json:"maxRedeemers"`
		Redeemed     money `json:"redeemedAmount"`
		Total        money `json:"totalAmount"`
		paygramTail
	}{
		v.each, v.each,
		money{},
		v.currency, q.user.balances[v.currency], taken, v.places,
		v.each.mul(count(taken)), v.total,
		paygramTail{paygramEnvelopeRedeem, true},
	})
}

// count is a small whole number as an amount.
func count(n int) money {
	var m money
	m.d.SetInt64(int64(n))
	return m
}

func (p *paygram) createRedEnvelope(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	if f.MaxNumRedeemers < 1 {
		return paygramFailure(paygramFailed, "Invalid maxNumOfRedeemers")
	}
	each := f.Amount.div(count(f.MaxNumRedeemers)).roundDown(8)
	if each.sign() == 0 {
		return paygramFailure(paygramFailed, "Amount too small for so many redeemers")
	}
	total := each.mul(count(f.MaxNumRedeemers)) // what does not divide stays with the sender
	v := &voucher{
		code: p.ids.uuid(), friendly: p.friendly(), currency: f.CurrencyCode, total: total, each: each,
		left: f.MaxNumRedeemers, places: f.MaxNumRedeemers,
	}
	p.enter(q.user, f.CurrencyCode, total, "debit", v.code, f.CallbackData)
	p.vouchers = append(p.vouchers, v)
	p.bookSpending(q, "CreateRedEnvelope", v.code, total, f.CurrencyCode, "open")
	return jsonAnswer(http.StatusOK, struct {
		Code     string `json:"invoiceCode"`
		Friendly string `json:"friendlyVoucherCode"`
		Fees     money  `json:"fees"`
		Redeem   string `json:"redeemUrl"`
		Amount   money  `json:"amount"`
		paygramTail
	}{v.code, v.friendly, money{}, q.base + "/redeem/" + v.code, *f.Amount, paygramTail{paygramEnvelope, true}})
}

func (p *paygram) redeemRedEnvelope(q *paygramRequest) answer {
	v := p.voucher(q.fields.InvoiceID)
	if v == nil {
		return paygramFailure(paygramNotFound, "Envelope not found")
	}
	return p.redeemVoucher(q, v, paygramEnvelopeRedeem)
}

func (p *paygram) swap(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.FromCurrency, f.AmountToSwap); refusal != nil {
		return *refusal
	}
	if _, ok := paygramCurrencies[f.ToCurrency]; !ok || f.ToCurrency == f.FromCurrency {
		return paygramFailure(paygramFailed, "Currency not supported")
	}
	gross := f.AmountToSwap.mul(paygramRate(f.FromCurrency, f.ToCurrency))
	fee := gross.mul(amount("0.005")).roundUp(8)
	received := gross.sub(fee).roundDown(8)
	after := q.user.balances[f.FromCurrency].sub(*f.AmountToSwap)
	gained := q.user.balances[f.ToCurrency].add(received)
	if !f.IsSimulation {
		code := p.ids.uuid()
		p.enter(q.user, f.FromCurrency, *f.AmountToSwap, "debit", code, f.CallbackData)
		p.enter(q.user, f.ToCurrency, received, "credit", code, f.CallbackData)
		p.bookSpending(q, "Swap", code, *f.AmountToSwap, f.FromCurrency, "completed")
	}
	return jsonAnswer(http.StatusOK, struct {
		Received money `json:"receivedAmount"`
		Fees     money `json:"feesRequestedCurrency"`
		Source   money `json:"balanceSourceAfter"`
		Dest     money `json:"balanceDestAfter"`
		paygramTail
	}{received.trim(), fee.trim(), after, gained, paygramTail{paygramSwap, true}})
}
