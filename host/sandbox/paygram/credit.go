package paygram

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// voucher is credit for whoever redeems it: one open transfer, or a red envelope for several.
type voucher struct {
	code, friendly string
	currency       int
	total, each    simulator.Money
	left, places   int
	redeemers      []*user
}

// transferCredit sends credit to a user of the account, or, without one, into a voucher.
func (p *provider) transferCredit(q *request) simulator.Answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	var to *user
	if f.ToUserCliID != nil {
		known, ok := q.account.users[*f.ToUserCliID]
		if !ok {
			return failure(codeNotFound, "Receiving user not found")
		}
		to = known
	}
	v := &voucher{
		code: p.IDs.UUID(), friendly: p.friendly(), currency: f.CurrencyCode, total: *f.Amount, each: *f.Amount,
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
		UserCliID  *string          `json:"userCliId"`
		NewBalance *simulator.Money `json:"newBalance"`
	}
	left := q.user.balances[f.CurrencyCode]
	receiver := credit{f.ToUserCliID, nil}
	if to != nil {
		now := to.balances[f.CurrencyCode]
		receiver.NewBalance = &now
	}
	return simulator.JSON(http.StatusOK, struct {
		From     credit          `json:"fromCredit"`
		To       credit          `json:"toCredit"`
		Code     string          `json:"voucherCode"`
		Friendly string          `json:"friendlyVoucherCode"`
		Redeem   string          `json:"redeemUrl"`
		Amount   simulator.Money `json:"amount"`
		Fees     simulator.Money `json:"fees"`
		tail
	}{
		credit{&q.user.id, &left},
		receiver, v.code, v.friendly, q.Base + "/redeem/" + v.code, *f.Amount,
		simulator.Money{},
		tail{typeTransfer, true},
	})
}

func (p *provider) friendly() string {
	return strings.ToUpper(p.IDs.Hex(2) + "-" + p.IDs.Hex(2) + "-" + p.IDs.Hex(2))
}

// affordable refuses an amount that makes no sense, or is not there.
func (q *request) affordable(currency int, sum *simulator.Money) *simulator.Answer {
	if refusal := checkAmount(currency, sum); refusal != nil {
		return refusal
	}
	if q.user.balances[currency].Cmp(*sum) < 0 {
		refusal := failure(codeNoFunds, "Not enough funds")
		return &refusal
	}
	return nil
}

// bookSpending records a spending request: money has moved at once.
func (p *provider) bookSpending(q *request, operation, code string, sum simulator.Money, currency int, status string) {
	var ours string
	if q.fields.CallbackData != nil {
		ours = *q.fields.CallbackData
	}
	p.Book(simulator.Booking{
		Account: q.account.name, Operation: operation, Reference: ours, ProviderReference: code,
		Amount: sum.String(), Currency: currencies[currency], Status: status, MovedMoney: true,
	})
}

func (p *provider) voucher(code string) *voucher {
	for _, v := range p.vouchers {
		if strings.EqualFold(v.code, code) || v.friendly == code {
			return v
		}
	}
	return nil
}

// redeemVoucher pays a voucher's share to the acting user, once.
func (p *provider) redeemVoucher(q *request, v *voucher, kind int) simulator.Answer {
	if v.left == 0 || slices.Contains(v.redeemers, q.user) {
		return failure(codeFailed, "Voucher already redeemed")
	}
	v.left--
	v.redeemers = append(v.redeemers, q.user)
	p.enter(q.user, v.currency, v.each, "credit", v.code, nil)
	if v.left == 0 {
		p.Settle(v.code, "completed", true)
	}
	if kind == typeReceived {
		return receivedAnswer(q.user, v.currency, v.each)
	}
	taken := v.places - v.left
	return simulator.JSON(http.StatusOK, struct {
		Received     simulator.Money `json:"received"`
		Credited     simulator.Money `json:"credited"`
		Fees         simulator.Money `json:"fees"`
		CurrencyCode int             `json:"currencyCode"`
		NewBalance   simulator.Money `json:"newBalance"`
		Redeemers    int             `json:"redeemersCount"`
		MaxRedeemers int             `json:"maxRedeemers"`
		Redeemed     simulator.Money `json:"redeemedAmount"`
		Total        simulator.Money `json:"totalAmount"`
		tail
	}{
		v.each, v.each,
		simulator.Money{},
		v.currency, q.user.balances[v.currency], taken, v.places,
		v.each.Mul(count(taken)), v.total,
		tail{typeEnvelopeRedeem, true},
	})
}

// count is a small whole number as an amount.
func count(n int) simulator.Money {
	return simulator.Amount(strconv.Itoa(n))
}

func (p *provider) createRedEnvelope(q *request) simulator.Answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	if f.MaxNumRedeemers < 1 {
		return failure(codeFailed, "Invalid maxNumOfRedeemers")
	}
	each := f.Amount.Div(count(f.MaxNumRedeemers)).RoundDown(8)
	if each.Sign() == 0 {
		return failure(codeFailed, "Amount too small for so many redeemers")
	}
	total := each.Mul(count(f.MaxNumRedeemers)) // what does not divide stays with the sender
	v := &voucher{
		code: p.IDs.UUID(), friendly: p.friendly(), currency: f.CurrencyCode, total: total, each: each,
		left: f.MaxNumRedeemers, places: f.MaxNumRedeemers,
	}
	p.enter(q.user, f.CurrencyCode, total, "debit", v.code, f.CallbackData)
	p.vouchers = append(p.vouchers, v)
	p.bookSpending(q, "CreateRedEnvelope", v.code, total, f.CurrencyCode, "open")
	return simulator.JSON(http.StatusOK, struct {
		Code     string          `json:"invoiceCode"`
		Friendly string          `json:"friendlyVoucherCode"`
		Fees     simulator.Money `json:"fees"`
		Redeem   string          `json:"redeemUrl"`
		Amount   simulator.Money `json:"amount"`
		tail
	}{v.code, v.friendly, simulator.Money{}, q.Base + "/redeem/" + v.code, *f.Amount, tail{typeEnvelope, true}})
}

func (p *provider) redeemRedEnvelope(q *request) simulator.Answer {
	v := p.voucher(q.fields.InvoiceID)
	if v == nil {
		return failure(codeNotFound, "Envelope not found")
	}
	return p.redeemVoucher(q, v, typeEnvelopeRedeem)
}

func (p *provider) swap(q *request) simulator.Answer {
	f := q.fields
	if refusal := q.affordable(f.FromCurrency, f.AmountToSwap); refusal != nil {
		return *refusal
	}
	if _, ok := currencies[f.ToCurrency]; !ok || f.ToCurrency == f.FromCurrency {
		return failure(codeFailed, "Currency not supported")
	}
	gross := f.AmountToSwap.Mul(crossRate(f.FromCurrency, f.ToCurrency))
	fee := gross.Mul(simulator.Amount("0.005")).RoundUp(8)
	received := gross.Sub(fee).RoundDown(8)
	after := q.user.balances[f.FromCurrency].Sub(*f.AmountToSwap)
	gained := q.user.balances[f.ToCurrency].Add(received)
	if !f.IsSimulation {
		code := p.IDs.UUID()
		p.enter(q.user, f.FromCurrency, *f.AmountToSwap, "debit", code, f.CallbackData)
		p.enter(q.user, f.ToCurrency, received, "credit", code, f.CallbackData)
		p.bookSpending(q, "Swap", code, *f.AmountToSwap, f.FromCurrency, "completed")
	}
	return simulator.JSON(http.StatusOK, struct {
		Received simulator.Money `json:"receivedAmount"`
		Fees     simulator.Money `json:"feesRequestedCurrency"`
		Source   simulator.Money `json:"balanceSourceAfter"`
		Dest     simulator.Money `json:"balanceDestAfter"`
		tail
	}{received.Trim(), fee.Trim(), after, gained, tail{typeSwap, true}})
}
