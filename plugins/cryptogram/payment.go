package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// payment is Cryptogram's answer to every operation.
type payment struct {
	id       string
	amount   decimal.Decimal
	currency string
	redirect string
	// url is empty where the answer has no web address.
	url string
	// expires is in Unix milliseconds; 0 where it is not known.
	expires     int64
	transaction transaction
	// whole is all of it.
	whole jsontext.Value
}

// transaction is the payer's part of a payment; the zero value until a wallet is chosen.
type transaction struct {
	wallet   string
	currency string
	status   string
	address  string
	// value and received are in the wallet's currency. value is 0 where nothing has been received and none was given.
	value    decimal.Decimal
	received decimal.Decimal
	// price and receivedPrice are the same in the payment's currency; hasPrice reports that Cryptogram sent both.
	price         decimal.Decimal
	receivedPrice decimal.Decimal
	hasPrice      bool
}

// funds compares what came with what was asked, in coins. Wallets round up, so that a few units too many are no
// overpayment: Cryptogram's own sample has 0.0149995 for 0.01499948, at the same price. Over is what exceeds the price
// too.
func (t transaction) funds() funds {
	switch {
	case t.received.Sign() <= 0:
		return fundsNone
	case t.received.Cmp(t.value) < 0:
		return fundsShort
	case t.received.Cmp(t.value) > 0 && (!t.hasPrice || t.receivedPrice.Cmp(t.price) > 0):
		return fundsOver
	default:
		return fundsFull
	}
}

// interpret reads the answer to any operation: a refusal, or the payment.
func interpret(call *abi.Call, account settings, response *abi.HttpResponse) *abi.Step {
	if !created(response.GetStatus()) {
		return refused(call.GetOperation(), response)
	}
	asked, _, _, _ := expected(call)
	answer, err := readPayment(response.GetBody(), asked)
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	if err := answer.matches(call); err != nil {
		return guest.Unreadable(err.Error())
	}
	if answer.url == "" && call.GetOperation() == createPayment {
		return guest.Unreadable("the payment's url: no web address, and so nothing to send the payer to")
	}
	if answer.expires == 0 {
		answer.expires = call.GetPayment().GetExpiresMs()
	}
	return answer.done(call, account)
}

// created reports whether a status is that of an answer with a payment in it: the document has 201 for a create and 200
// for the rest.
func created(status uint32) bool {
	return status == 200 || status == 201
}

// done ends a call; one of the operation by itself has the answer as its output.
func (p payment) done(call *abi.Call, account settings) *abi.Step {
	outcome := p.outcome(call, account)
	if call.GetPayment() != nil {
		return guest.Done(outcome)
	}
	return native.Answered(outcome, p.whole, isAmount)
}

// isAmount reports the members that hold an amount: numbers in Cryptogram's answers, text in ours.
func isAmount(name string) bool {
	switch name {
	case "amount", "value", "price", "received", "received_price":
		return true
	}
	return false
}

func (p payment) outcome(call *abi.Call, account settings) *abi.Outcome {
	found := assess(p, call.GetNowMs(), account.grace.Milliseconds())
	outcome := guest.Accepted(found.status, p.id)
	outcome.Alert = found.alert
	outcome.Amount = guest.Money(p.amount.String(), p.currency)
	outcome.EchoedReference = markOf(p.redirect)
	outcome.ExpiresMs = p.expires
	outcome.Received = p.transaction.money()
	if why := p.misfit(); why != "" {
		outcome.Alert = why
		switch outcome.GetStatus() {
		case abi.Status_STATUS_SUCCEEDED, abi.Status_STATUS_CANCELED: // a contradiction ends nothing
			outcome.Status = abi.Status_STATUS_PROCESSING
		default:
		}
	}
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION {
		outcome.NextAction = nextAction(p)
	}
	return outcome
}

// money is what has been received: in the payment's currency where Cryptogram gives both prices, else in coins. It is
// nil where neither can be named.
func (t transaction) money() *abi.Money {
	coin := strings.ToUpper(t.wallet)
	switch {
	case t.hasPrice:
		return guest.Money(t.receivedPrice.String(), t.currency)
	case t.received.Sign() > 0 && isTicker(coin):
		return guest.Money(t.received.String(), coin)
	}
	return nil
}

// misfit states why a transaction cannot be the payment's: it is priced in its payment's own currency, and money in
// another is not that payment's amount, whatever the number.
func (p payment) misfit() string {
	if p.transaction.currency == "" || p.transaction.currency == p.currency {
		return ""
	}
	return "Cryptogram reports the transaction in " + p.transaction.currency + ", and the payment is in " + p.currency
}

// matches returns an error for an answer about another payment than was asked about.
func (p payment) matches(call *abi.Call) error {
	amount, currency, id, reference := expected(call)
	if id != "" && !strings.EqualFold(id, p.id) {
		return errors.New("the answer is about another payment")
	}
	if currency != "" && !strings.EqualFold(currency, p.currency) {
		return fmt.Errorf("the answer is for %s, not %s", p.currency, currency)
	}
	if asked, err := decimal.Parse(amount); err == nil && asked.Cmp(p.amount) != 0 {
		return fmt.Errorf("the answer is for %s, not %s", p.amount, amount)
	}
	if echoed := markOf(p.redirect); reference != "" && echoed != "" && echoed != reference {
		return errors.New("the answer carries another reference than ours")
	}
	return nil
}

// expected is what an answer has to repeat; empty where the call does not know it.
func expected(call *abi.Call) (amount, currency, id, reference string) {
	if call.GetOperation() == createPayment {
		reference = call.GetReference()
	} else {
		reference = call.GetCreateReference()
		id, _ = idOf(call)
	}
	if call.GetPayment() != nil {
		return call.GetPayment().GetAmount(), call.GetPayment().GetCurrency(), id, reference
	}
	input, _ := jsontext.Parse(call.GetInput())
	amount, _ = input.Decimal("amount")
	return amount, input.Text("currency"), id, reference
}

// readPayment reads an answer; asked is the amount that was asked for, where it is known.
func readPayment(body []byte, asked string) (payment, error) {
	from, err := jsontext.Parse(body)
	if err != nil || !from.IsObject() {
		return payment{}, errors.New("the answer is not a JSON object")
	}
	if from.Twice("id", "amount", "currency", "redirect", "url", "expires_at", "transaction") {
		return payment{}, errors.New("a member of the answer stands twice")
	}
	p := payment{
		id:       from.Text("id"),
		currency: strings.ToUpper(from.Text("currency")),
		redirect: from.Text("redirect"),
		url:      from.Text("url"),
		whole:    from,
	}
	switch {
	case !from.Get("id").IsString():
		return payment{}, errors.New("the payment's id: no text")
	case !isID(p.id):
		return payment{}, errors.New("the payment's id: not of the form of Cryptogram's ids")
	case !isCurrency(p.currency):
		return payment{}, errors.New("the payment's currency: no code of three letters")
	}
	if p.amount, err = from.Get("amount").Amount(asked); err != nil || p.amount.Sign() <= 0 {
		return payment{}, errors.New("the payment's amount: no decimal above zero")
	}
	if !guest.IsWebAddress(p.url) {
		p.url = ""
	}
	p.expires, _ = readTime(from.Text("expires_at")) // the router knows the date that it sent
	switch transaction := from.Get("transaction"); {
	case !transaction.Exists():
	case !transaction.IsObject():
		return payment{}, errors.New("the transaction: no object")
	default:
		p.transaction, err = readTransaction(transaction, p.amount.String())
	}
	return p, err
}

// readTransaction reads the payer's part of a payment of an amount. Cryptogram's document shows a completed transaction
// alone: before anything has been received, any member but the status may be null or missing.
func readTransaction(from jsontext.Value, amount string) (transaction, error) {
	t := transaction{
		wallet:   from.Text("wallet"),
		currency: strings.ToUpper(from.Text("currency")),
		status:   strings.ToLower(from.Text("status")),
		address:  from.Text("address"),
	}
	if from.Twice("wallet", "currency", "status", "value", "price", "received", "received_price", "address") {
		return t, errors.New("a member of the transaction stands twice")
	}
	if t.status == "" || !from.Get("status").IsString() {
		return t, errors.New("the transaction's status: no text")
	}
	value, noValue := readNumber(from.Get("value"))
	if from.Get("received").Exists() { // else nothing has been received yet
		var err error
		if t.received, err = readNumber(from.Get("received"), value.String()); err != nil || t.received.Sign() < 0 {
			return t, errors.New("the transaction's received: no decimal of zero or more")
		}
	}
	switch {
	case noValue == nil && value.Sign() > 0:
		t.value = value
	case t.received.Sign() > 0:
		return t, errors.New("the transaction's value: no decimal above zero to compare received with")
	}
	price, noPrice := readNumber(from.Get("price"), amount)
	receivedPrice, noReceivedPrice := readNumber(from.Get("received_price"), amount, price.String())
	if price.Sign() < 0 || receivedPrice.Sign() < 0 {
		return t, errors.New("the transaction has a price below zero")
	}
	t.price, t.receivedPrice = price, receivedPrice
	t.hasPrice = noPrice == nil && noReceivedPrice == nil && isCurrency(t.currency)
	return t, nil
}

// readNumber reads an amount that is, or may be, one of those that are known. A number that is the 17 digits of a
// double, as PHP writes it, is the shortest decimal of that double otherwise: nobody can send 0.044923449999999997 BTC.
func readNumber(from jsontext.Value, known ...string) (decimal.Decimal, error) {
	read, err := from.Amount(known...)
	if err != nil || from.IsShortest() {
		return read, err
	}
	double, err := strconv.ParseFloat(from.Text(), 64)
	if err != nil {
		return read, nil //nolint:nilerr // it is an amount, and no double
	}
	digits, err := decimal.Parse(strconv.FormatFloat(double, 'e', 16, 64))
	if err != nil || digits.Cmp(read) != 0 {
		return read, nil //nolint:nilerr // it is an amount of other digits
	}
	return decimal.Parse(strconv.FormatFloat(double, 'f', -1, 64))
}

// isTicker reports whether a text is a coin's code.
func isTicker(text string) bool {
	return len(text) >= 2 && len(text) <= 16 && strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isCurrency reports whether a text is a code as ISO 4217 has them.
func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// readTime reads a date as Cryptogram writes it, with or without a zone; without one it is UTC.
func readTime(text string) (int64, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse(timeLayout, text)
	}
	if err != nil {
		return 0, errors.New("not a date")
	}
	return at.UnixMilli(), nil
}
