package main

import (
	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// askProof asks the calculator what the payer gives for the payment's amount, commission included.
func askProof(t reply, data jsontext.Value) (*abi.Step, error) {
	d, reject, err := t.account.direction(t.call.GetPayment())
	switch {
	case err != nil:
		return nil, err
	case reject != nil:
		return bidQuoted(t, data, decimal.Decimal{})
	case d.id == "":
		form := new(guest.Form).Set("currency_id_give", d.giveID).Set("currency_id_get", d.getID)
		return post(t.call, t.account, opGetDirections, form, stageProofPair, string(data.JSON())), nil
	}
	return askCalculator(t, d, d.id, data), nil
}

func askCalculator(t reply, d direction, id string, data jsontext.Value) *abi.Step {
	return post(t.call, t.account, opGetCalc, d.calculation(t.call.GetPayment(), id), stageProof, string(data.JSON()))
}

// calculation is what the calculator is asked of a payment.
func (d direction) calculation(payment *abi.Payment, id string) *guest.Form {
	return new(guest.Form).
		Set("direction_id", id).
		Set("calc_amount", payment.GetAmount()).
		Set("calc_action", string(d.action)).
		Set("cd", d.calcFields())
}

// readProofPair picks the direction between the two currencies that the account names. Without exactly one there is no
// quote.
func readProofPair(t reply) (*abi.Step, error) {
	data, err := jsontext.Parse([]byte(t.note))
	if err != nil {
		return nil, brokenState()
	}
	d, reject, err := t.account.direction(t.call.GetPayment())
	if err != nil {
		return nil, err
	}
	found := between(t.answer.data, d.giveID, d.getID)
	if reject != nil || t.answer.failed() || len(found) != 1 || !isDigits(found[0]) {
		return bidQuoted(t, data, decimal.Decimal{})
	}
	return askCalculator(t, d, found[0], data), nil
}

// readProof reads what the calculator states of the payment's amount. A calculator that does not answer, or calculates
// something else, is no quote.
func readProof(t reply) (*abi.Step, error) {
	data, err := jsontext.Parse([]byte(t.note))
	if err != nil {
		return nil, brokenState()
	}
	payment, calc := t.call.GetPayment(), t.answer.data
	asked, err := decimal.Parse(payment.GetAmount())
	sum, known := number(calc.Get("sum_give"), payment.GetAmount())
	if t.answer.failed() || err != nil || !known || sum.Cmp(asked) != 0 ||
		calc.Text("currency_code_give") != data.Text("currency_code_give") {
		return bidQuoted(t, data, decimal.Decimal{})
	}
	quoted, _ := number(calc.Get("sum_give_com"))
	return bidQuoted(t, data, quoted)
}

func brokenState() error {
	return &guest.Error{Code: abi.Error_CODE_BAD_INPUT, Message: "the state is not one of this plugin's"}
}

// attribute records what an order has beyond the amount that was asked for without commission. quoted is what the payer
// gives by the site's own calculator, commission included: a surplus within it is the commission. Any other is no proof
// that the order is this payment's.
func attribute(outcome *abi.Outcome, surplus, quoted decimal.Decimal, payment *abi.Payment) {
	asked, err := decimal.Parse(payment.GetAmount())
	if err != nil || surplus.Sign() <= 0 {
		return
	}
	if asked.Add(surplus).Cmp(quoted) <= 0 {
		outcome.Amount = guest.Money(payment.GetAmount(), payment.GetCurrency())
		outcome.Fee = guest.Money(surplus.String(), payment.GetCurrency())
		return
	}
	outcome.Alert = "the order is for " + outcome.GetAmount().GetAmount() + " where " + payment.GetAmount() + " " +
		payment.GetCurrency() +
		" were asked for, and the site's calculator names no such commission"
	outcome.Amount = nil
	if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
		outcome.Status = abi.Status_STATUS_PROCESSING
	}
}
