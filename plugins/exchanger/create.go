package main

import (
	"slices"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/formtext"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// prepareCreate starts an order: the direction, where the account names only its currencies; the calculator, which
// changes nothing; and the order, once the calculator agrees to the very amount.
func prepareCreate(call *abi.Call, account settings) (*abi.Step, error) {
	if reject := unfit(call.GetPayment()); reject != nil {
		return reject, nil
	}
	// The sites look for duplicates only among positive whole numbers.
	if reference := call.GetReference(); !isDigits(reference) || reference[0] == '0' {
		return guest.Reject("invalid_request", "", "an order needs a reference of digits, without a leading zero"), nil
	}
	return begin(call, account)
}

// unfit rejects a payment that no order can be made of, whatever the direction.
func unfit(payment *abi.Payment) *abi.Step {
	if payment.GetKind() != abi.Kind_KIND_COLLECT {
		return guest.Reject("unsupported", "/kind", "an exchange order collects")
	}
	if amount, err := decimal.Parse(payment.GetAmount()); err != nil || amount.Sign() <= 0 {
		return guest.Reject("invalid_request", "/amount", "the amount is not a positive decimal")
	}
	return nil
}

// begin asks for the direction, or the calculator where the direction is known.
func begin(call *abi.Call, account settings) (*abi.Step, error) {
	d, reject, err := account.direction(call.GetPayment())
	if reject != nil || err != nil {
		return reject, err
	}
	if d.id == "" {
		form := new(guest.Form).Set("currency_id_give", d.giveID).Set("currency_id_get", d.getID)
		return post(call, account, opGetDirections, form, stageDirections, ""), nil
	}
	return calculate(call, account, d, d.id), nil
}

// readDirections picks the direction between the two currencies that the account names.
func readDirections(t reply) (*abi.Step, error) {
	d, reject, err := t.account.direction(t.call.GetPayment())
	if reject != nil || err != nil {
		return reject, err
	}
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if !t.answer.data.IsArray() {
		return guest.Unreadable("the directions are not a list"), nil
	}
	switch found := between(t.answer.data, d.giveID, d.getID); {
	case len(found) == 0:
		return guest.Rejected(codeNoPair, "the site has no direction between the two currencies now"), nil
	case len(found) > 1:
		return guest.Rejected(codeManyPairs, "directions "+strings.Join(found, ", ")), nil
	case !isDigits(found[0]):
		return guest.Unreadable("the direction has no number"), nil
	default:
		return calculate(t.call, t.account, d, found[0]), nil
	}
}

// between are the numbers of the directions from one currency to another.
func between(directions jsontext.Value, giveID, getID string) []string {
	var found []string
	for _, item := range directions.Items() {
		if item.Text("currency_give_id") == giveID && item.Text("currency_get_id") == getID {
			found = append(found, item.Text("direction_id"))
		}
	}
	return found
}

// calculate asks what the amount comes to, for its own sake or on the way to an order.
func calculate(call *abi.Call, account settings, d direction, id string) *abi.Step {
	form := d.calculation(call.GetPayment(), id)
	if call.GetOperation() == opGetCalc {
		return post(call, account, opGetCalc, form, stageQuote, id)
	}
	return post(call, account, opGetCalc, form, stageCalc, id)
}

// calcFields are the fields that change the calculation, as a query in one field. The site decodes the field once more
// than the form asks for, so the query is encoded once more.
func (d direction) calcFields() string {
	var query []string
	for _, field := range d.fields {
		if field.text != "" && slices.Contains(d.cd, field.name) {
			query = append(query, field.name+"="+formtext.Escape(field.text))
		}
	}
	return formtext.Escape(strings.Join(query, "&"))
}

// readCalc makes the order if the calculator agrees.
func readCalc(t reply) (*abi.Step, error) {
	d, end, err := t.agreed()
	if end != nil || err != nil {
		return end, err
	}
	form := new(guest.Form).
		Set("direction_id", t.note).
		Set("calc_amount", t.call.GetPayment().GetAmount()).
		Set("calc_action", string(d.action)).
		Set("api_id", t.call.GetReference()).
		Set("partner_id", t.account.partner).
		Set("callback_url", t.call.GetCallbackUrl()).
		Set("account1", d.account1).
		Set("account2", d.account2)
	for _, field := range d.fields {
		form.Set(field.name, field.text)
	}
	quoted, _ := number(t.answer.data.Get("sum_give_com"))
	return post(t.call, t.account, opCreateBid, form, stageBid, quoted.String()), nil
}

// agreed is the direction whose calculator agrees to the very amount, or the step that ends the call.
func (t reply) agreed() (direction, *abi.Step, error) {
	payment := t.call.GetPayment()
	d, reject, err := t.account.direction(payment)
	if reject != nil || err != nil {
		return direction{}, reject, err
	}
	if t.answer.failed() {
		return direction{}, refusal(t.answer), nil
	}
	asked, err := decimal.Parse(payment.GetAmount())
	if err != nil {
		return direction{}, guest.Reject("invalid_request", "/amount", "the amount is not a decimal"), nil
	}
	return d, d.objection(t.answer.data, asked), nil
}

// objection ends the call where the calculator would make another order of it than was asked for; nil where it agrees.
// The site itself would change the amount in silence.
func (d direction) objection(calc jsontext.Value, asked decimal.Decimal) *abi.Step {
	side := "get"
	if d.action.payerSide() {
		side = "give"
	}
	sum, sumKnown := number(calc.Get(d.action.sum()), asked.String())
	other, otherKnown := number(calc.Get(d.action.counterpart()), asked.String())
	code := calc.Text("currency_code_" + side)
	if !sumKnown || !otherKnown || code == "" {
		return guest.Unreadable("the calculator answers no sums")
	}
	if !strings.EqualFold(code, d.code) {
		return guest.Rejected(codeOtherMoney, "the direction counts in "+clip(code, 20))
	}
	if limit := outside(calc, side, asked); limit != nil {
		return limit
	}
	if sum.Cmp(asked) != 0 || !unchanged(calc) {
		return guest.Rejected(codeChanged, "the site would take "+sum.String()+" instead of "+asked.String())
	}
	// The order's own amounts count the commission of the receiving side, and a part of the giving side's. Where the
	// account leaves it out of one and into the other, what was asked for could not be compared later.
	if (d.action == getNet || d.action == giveGross) && other.Cmp(sum) != 0 {
		return guest.Rejected(codeCommission, "the direction has a commission: calc_action 1 or 4 says who bears it")
	}
	return otherSide(calc, side)
}

// unchanged reads the flag that the amount had to be changed.
func unchanged(calc jsontext.Value) bool {
	changed := calc.Text("changed")
	return changed == "0" || changed == "false" || changed == ""
}

// otherSide holds what the calculator makes of the amount to the limits of the other side.
func otherSide(calc jsontext.Value, side string) *abi.Step {
	opposite := "give"
	if side == "give" {
		opposite = "get"
	}
	sum, known := number(calc.Get("sum_" + opposite))
	if !known {
		return guest.Unreadable("the calculator answers one sum alone")
	}
	return outside(calc, opposite, sum)
}

// outside refuses an amount beyond the limits of its side; an unset limit is "no".
func outside(calc jsontext.Value, side string, amount decimal.Decimal) *abi.Step {
	if least, set := number(calc.Get("min_"+side), amount.String()); set && amount.Cmp(least) < 0 {
		return guest.Rejected(codeBelow, "at least "+least.String()+" "+clip(calc.Text("currency_code_"+side), 20))
	}
	if most, set := number(calc.Get("max_"+side), amount.String()); set && amount.Cmp(most) > 0 {
		return guest.Rejected(codeAbove, "at most "+most.String()+" "+clip(calc.Text("currency_code_"+side), 20))
	}
	return nil
}

// readBid reads the order just made.
func readBid(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusalOf(opCreateBid, t.answer), nil
	}
	quoted, _ := decimal.Parse(t.note) // a state without it has no quote
	return bidQuoted(t, t.answer.data, quoted)
}
