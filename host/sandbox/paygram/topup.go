package paygram

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// topUp is a deposit that was requested.
type topUp struct {
	account      *client
	code         string
	owner        *user
	currency     int
	asked        simulator.Money
	callbackData *string
	arrived      bool
}

// topUp answers with the amount and address of a deposit. It arrives on Cryptapi's report, or on a control request.
func (p *provider) topUp(q *request) simulator.Answer {
	f := q.fields
	if refusal := checkAmount(int(f.CurrencyCode), f.Amount); refusal != nil {
		return *refusal
	}
	d := &topUp{
		account: q.account, code: p.IDs.UUID(), owner: q.user, currency: int(f.CurrencyCode), asked: *f.Amount,
		callbackData: f.CallbackData,
	}
	p.topUps = append(p.topUps, d)
	p.Book(simulator.Booking{
		Account: q.account.name, Operation: "TopUp", Reference: q.ours(), ProviderReference: d.code,
		Amount: f.Amount.String(), Currency: currencies[d.currency], Status: "open",
	})
	fee := topUpFee(*f.Amount)
	return simulator.JSON(http.StatusOK, struct {
		Send    simulator.Money `json:"amountToSendInChosenCurrency"`
		Fees    simulator.Money `json:"coinTotalFees"`
		Receive simulator.Money `json:"coinAmountWillReceive"`
		Address string          `json:"sendToAddress"`
		tail
	}{*f.Amount, fee, f.Amount.Sub(fee), "T" + strings.ToUpper(p.IDs.Hex(16)), p.tail(typeTopUpAddress)})
}

func topUpFee(sum simulator.Money) simulator.Money {
	return sum.Mul(simulator.Amount("0.01")).RoundUp(8).Trim()
}

// cryptapi is CryptAPI's report of a deposit, under the callbackData of a top-up: what arrived is in value_coin.
func (p *provider) cryptapi(r *simulator.Request) simulator.Answer {
	d := p.findTopUp(r.Vars["callbackData"])
	if d == nil {
		return failure(codeNotFound, "Deposit not found")
	}
	sum := d.asked
	if text := r.Query.Get("value_coin"); text != "" {
		value, err := simulator.ParseMoney(text)
		if err != nil || checkAmount(d.currency, &value) != nil {
			return failure(codeFailed, "Invalid value_coin")
		}
		sum = value
	}
	if d.arrived {
		return failure(codeDuplicate, "Deposit already received")
	}
	p.arrive(d, sum)
	return simulator.JSON(http.StatusOK, receipt{
		sum, sum.Sub(topUpFee(sum)), topUpFee(sum), p.enum(currencies, d.currency), d.owner.balances[d.currency],
		p.tail(typeReceived),
	})
}

// arrive makes a deposit credit, less its fee.
func (p *provider) arrive(d *topUp, sum simulator.Money) {
	fee := topUpFee(sum)
	p.enterAs(d.owner, reference{d.code, nil}, d.currency, entryDeposit, sum.Sub(fee)).Fees = fee
	d.arrived = true
	p.Settle(d.code, "completed", true)
	r := p.newReport(d.owner, balanceChanged, d.callbackData)
	wallet := p.wallet(d.owner, d.currency, sum.Sub(fee), fee)
	r.BalanceInfo = &wallet
	p.report(d.account, d.owner, r)
}

// findTopUp finds the newest with that callbackData, or the one of that code.
func (p *provider) findTopUp(ref string) *topUp {
	for _, d := range slices.Backward(p.topUps) {
		if d.code == ref || d.callbackData != nil && *d.callbackData == ref {
			return d
		}
	}
	return nil
}

func (p *provider) driveTopUp(ref, event, amount string) error {
	d := p.findTopUp(ref)
	switch {
	case d == nil:
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	case d.arrived || event != "pay":
		return fmt.Errorf("%w: a deposit can arrive, once", simulator.ErrRefused)
	}
	sum, err := simulator.EventAmount(amount, d.asked)
	if err != nil {
		return err
	}
	p.arrive(d, sum)
	return nil
}
