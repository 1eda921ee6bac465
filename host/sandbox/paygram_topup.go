package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// topUp is a deposit that was requested.
type topUp struct {
	code         string
	owner        *paygramUser
	currency     int
	asked        money
	callbackData *string
	arrived      bool
}

// topUp answers with the amount and address of a deposit. It arrives on Cryptapi's report, or on a control request.
func (p *paygram) topUp(q *paygramRequest) answer {
	f := q.fields
	if refusal := paygramAmount(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	d := &topUp{
		code: p.ids.uuid(), owner: q.user, currency: f.CurrencyCode, asked: *f.Amount,
		callbackData: f.CallbackData,
	}
	p.topUps = append(p.topUps, d)
	var ours string
	if f.CallbackData != nil {
		ours = *f.CallbackData
	}
	p.book(Booking{
		Account: q.account.name, Operation: "TopUp", Reference: ours, ProviderReference: d.code,
		Amount: f.Amount.String(), Currency: paygramCurrencies[f.CurrencyCode], Status: "open",
	})
	fee := topUpFee(*f.Amount)
	return jsonAnswer(http.StatusOK, struct {
		Send    money  `json:"amountToSendInChosenCurrency"`
		Fees    money  `json:"coinTotalFees"`
		Receive money  `json:"coinAmountWillReceive"`
		Address string `json:"sendToAddress"`
		paygramTail
	}{*f.Amount, fee, f.Amount.sub(fee), "T" + strings.ToUpper(p.ids.hex(16)), paygramTail{paygramTopUpAddress, true}})
}

func topUpFee(sum money) money {
	return sum.mul(amount("0.01")).roundUp(8).trim()
}

// cryptapi is CryptAPI's report of a deposit, under the callbackData of a top-up: what arrived is in value_coin.
func (p *paygram) cryptapi(r *request) answer {
	d := p.findTopUp(r.vars["callbackData"])
	if d == nil {
		return paygramFailure(paygramNotFound, "Deposit not found")
	}
	sum := d.asked
	if text := r.query.Get("value_coin"); text != "" {
		value, err := parseMoney(text)
		if err != nil || paygramAmount(d.currency, &value) != nil {
			return paygramFailure(paygramFailed, "Invalid value_coin")
		}
		sum = value
	}
	if d.arrived {
		return paygramFailure(paygramDuplicate, "Deposit already received")
	}
	p.arrive(d, sum)
	return jsonAnswer(http.StatusOK, struct {
		Received     money `json:"received"`
		Credited     money `json:"credited"`
		Fees         money `json:"fees"`
		CurrencyCode int   `json:"currencyCode"`
		NewBalance   money `json:"newBalance"`
		paygramTail
	}{
		sum, sum.sub(topUpFee(sum)), topUpFee(sum), d.currency, d.owner.balances[d.currency],
		paygramTail{paygramReceived, true},
	})
}

// arrive makes a deposit credit, less its fee.
func (p *paygram) arrive(d *topUp, sum money) {
	fee := topUpFee(sum)
	p.enter(d.owner, d.currency, sum.sub(fee), "credit", d.code, d.callbackData).Fees = fee
	d.arrived = true
	p.settle(d.code, "completed", true)
}

// findTopUp finds the newest with that callbackData, or the one of that code.
func (p *paygram) findTopUp(ref string) *topUp {
	for _, d := range slices.Backward(p.topUps) {
		if d.code == ref || d.callbackData != nil && *d.callbackData == ref {
			return d
		}
	}
	return nil
}

func (p *paygram) driveTopUp(ref, event string) error {
	d := p.findTopUp(ref)
	switch {
	case d == nil:
		return fmt.Errorf("%w payment", ErrUnknown)
	case d.arrived || event != "pay":
		return fmt.Errorf("%w: a deposit can arrive, once", ErrRefused)
	}
	p.arrive(d, d.asked)
	return nil
}
