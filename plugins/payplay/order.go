package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// checkout is what PayPlay is asked for an order.
type checkout struct {
	amount         string
	currency       string
	reference      string
	successfulLink string
	failureLink    string
}

func prepareCreate(call *abi.Call, account settings) *abi.Step {
	order, refusal := checkoutOf(call, account)
	if refusal != nil {
		return refusal
	}
	if !isPositive(order.amount) {
		return guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero")
	}
	if order.currency == "" {
		return guest.Reject("invalid_request", "/currency", "a currency is required")
	}
	body := jsontext.NewObject().String("amount", order.amount).String("currency", order.currency)
	for _, field := range []struct{ name, text string }{
		{"external_order_id", order.reference},
		{"successful_link", order.successfulLink},
		{"failure_link", order.failureLink},
	} {
		if field.text != "" {
			body.String(field.name, field.text)
		}
	}
	return request("POST", guest.Literal("/private-api/crypto-orders/"), guest.Text(account.slug)).JSON(body.JSON()).Send(nil)
}

func checkoutOf(call *abi.Call, account settings) (checkout, *abi.Step) {
	payment := call.GetPayment()
	if payment == nil {
		input := inputOf(call)
		amount, _ := input.Decimal("amount")
		return checkout{
			amount:         amount,
			currency:       input.Text("currency"),
			reference:      cmp.Or(call.GetReference(), input.Text("external_order_id")),
			successfulLink: cmp.Or(input.Text("successful_link"), account.successfulLink),
			failureLink:    cmp.Or(input.Text("failure_link"), account.failureLink),
		}, nil
	}
	links, refusal := readOptions(payment.GetOptions())
	if refusal != nil {
		return checkout{}, refusal
	}
	return checkout{
		amount:         payment.GetAmount(),
		currency:       payment.GetCurrency(),
		reference:      call.GetReference(),
		successfulLink: cmp.Or(links["successful_link"], payment.GetReturnUrl(), account.successfulLink),
		failureLink:    cmp.Or(links["failure_link"], payment.GetReturnUrl(), account.failureLink),
	}, nil
}

const optionsField = "/provider_options/payplay"

// readOptions reads a payment's provider_options: links that go before its return URL. A name that it does not know is
// refused: a typo must not become another order than was meant.
func readOptions(data []byte) (links map[string]string, refusal *abi.Step) {
	if len(data) == 0 {
		return nil, nil
	}
	given, err := jsontext.Parse(data)
	if err != nil || !given.IsObject() {
		return nil, guest.Reject("invalid_request", optionsField, "the options are not a JSON object")
	}
	links = map[string]string{}
	given.Each(func(name string, value jsontext.Value) {
		switch {
		case name != "successful_link" && name != "failure_link":
			refusal = guest.Reject("invalid_request", optionsField, "PayPlay has the options successful_link and failure_link, not "+name)
		case !isWebAddress(value.Text()):
			refusal = guest.Reject("invalid_request", optionsField+"/"+name, "an http(s) URL is wanted")
		default:
			links[name] = value.Text()
		}
	})
	return links, refusal
}

// interpretCreated wants a page for the payer, too: an order without one is of no use.
func interpretCreated(call *abi.Call, account settings, state, body []byte) *abi.Step {
	step := interpretOrder(call, account, state, body)
	outcome := step.GetDone()
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION && outcome.GetNextAction() == nil {
		return guest.Unreadable("the order has no page for the payer")
	}
	return step
}

// prepareComplete has PayPlay close an order as it is, at the merchant's word: one that was paid in part.
func prepareComplete(call *abi.Call, account settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	return request("POST", guest.Literal("/private-api/crypto-orders/"), guest.Text(account.slug), guest.Literal("/"), guest.Text(id),
		guest.Literal("/complete")).Send(nil)
}

func interpretOrder(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	found, err := readOrder(answer.Get("order"))
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	return concluded(call, found, body)
}

// concluded ends a call with an order, if it is the one that was asked about.
func concluded(call *abi.Call, found order, body []byte) *abi.Step {
	if err := found.matches(call); err != nil {
		return guest.Unreadable(err.Error())
	}
	outcome := found.outcome()
	if call.GetPayment() == nil {
		outcome.Output = body
	}
	return guest.Done(outcome)
}

// order is PayPlay's order, as far as a payment goes.
type order struct {
	id        string
	status    string
	reference string
	// value is in currency: what was asked for.
	value    decimal.Decimal
	currency string
	// received is in receivedCurrency, after PayPlay's fee. It cannot be compared with value, even in the same currency.
	received         decimal.Decimal
	receivedCurrency string
	// page is where the payer goes; empty where PayPlay does not say.
	page string
}

func readOrder(from jsontext.Value) (order, error) {
	o := order{
		id:               from.Text("id"),
		status:           from.Text("status"),
		reference:        from.Text("external_order_id"),
		currency:         from.Text("currency"),
		receivedCurrency: from.Text("received_currency"),
		page:             from.Text("acquiring_url"),
	}
	if !isID(o.id) || o.status == "" || !isCurrency(o.currency) {
		return order{}, errors.New("the answer has no order with an id, a status and a currency")
	}
	var err error
	if o.value, err = decimal.Parse(from.Text("value")); err != nil {
		return order{}, fmt.Errorf("the order's value: %w", err)
	}
	if !from.Get("received_total").Exists() {
		return o, nil
	}
	if o.received, err = decimal.Parse(from.Text("received_total")); err != nil {
		return order{}, fmt.Errorf("the order's received_total: %w", err)
	}
	return o, nil
}

// matches tells an order that is not the one that was asked about.
func (o order) matches(call *abi.Call) error {
	asked := expected(call)
	switch {
	case asked.id != "" && !strings.EqualFold(asked.id, o.id):
		return errors.New("the answer is about another order")
	case asked.currency != "" && !strings.EqualFold(asked.currency, o.currency):
		return fmt.Errorf("the order is for %s, not %s", o.currency, asked.currency)
	case differ(asked.amount, o.value):
		return fmt.Errorf("the order is for %s, not %s", o.value, asked.amount)
	case asked.reference != "" && o.reference != "" && asked.reference != o.reference:
		return errors.New("the order carries another reference than ours")
	}
	return nil
}

// expectation is what an answer has to repeat; a member is empty where the call does not know it.
type expectation struct {
	id, amount, currency, reference string
}

func expected(call *abi.Call) expectation {
	asked := expectation{id: idOf(call), reference: call.GetCreateReference()}
	if call.GetOperation() == createOrder || call.GetOperation() == withdraw {
		asked.id, asked.reference = "", call.GetReference()
	}
	if payment := call.GetPayment(); payment != nil {
		asked.amount, asked.currency = payment.GetAmount(), payment.GetCurrency()
		return asked
	}
	asked.amount, _ = inputOf(call).Decimal("amount")
	asked.currency = inputOf(call).Text("currency")
	return asked
}

func (o order) outcome() *abi.Outcome {
	meaning := readOrderStatus(o.status, o.received.Sign() > 0)
	outcome := guest.Accepted(meaning.status, o.id)
	outcome.Alert = meaning.alert
	outcome.Amount = guest.Money(o.value.String(), o.currency)
	outcome.EchoedReference = o.reference
	// In the payment's own currency it would be taken for a payment short of the fee.
	if o.received.Sign() > 0 && isCurrency(o.receivedCurrency) && o.receivedCurrency != o.currency {
		outcome.Received = guest.Money(o.received.String(), o.receivedCurrency)
	}
	if meaning.status == abi.Status_STATUS_REQUIRES_ACTION && isWebAddress(o.page) {
		outcome.NextAction = guest.RedirectTo(o.page)
	}
	if meaning.status == abi.Status_STATUS_FAILED {
		outcome.Failure = &abi.Failure{ProviderCode: o.status, Message: "PayPlay declined the order"}
	}
	return outcome
}
