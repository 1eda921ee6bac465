package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

const payments = "/v1/payments"

// order is what Newpay asks for a payment.
type order struct {
	amount, currency, description, returnURL string
}

func prepareCreate(call *abi.Call) (*abi.Step, error) {
	settings, err := jsontext.Parse(call.GetSettings())
	if err != nil || settings.Text("shop") == "" {
		return nil, guest.BadSettings("shop is missing")
	}
	wanted := orderOf(call)
	if amount, err := decimal.Parse(wanted.amount); err != nil || amount.Sign() <= 0 {
		return guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero"), nil
	}
	if !slices.Contains(currencies, wanted.currency) {
		return guest.Reject("unsupported", "/currency", "Newpay takes "+strings.Join(currencies, " and ")), nil
	}
	body := jsontext.NewObject().
		String("shop", settings.Text("shop")).
		String("reference", call.GetReference()).
		Number("amount", wanted.amount).
		String("currency", wanted.currency)
	for _, field := range []struct{ name, text string }{
		{"description", wanted.description}, {"return_url", wanted.returnURL}, {"notify_url", call.GetCallbackUrl()},
	} {
		if field.text != "" {
			body.String(field.name, field.text)
		}
	}
	return guest.NewRequest("POST", guest.Literal(payments)).Bearer(key).JSON(body.JSON()).Send(nil), nil
}

// orderOf is what a payment asks for, or, where the operation is called by itself, its input.
func orderOf(call *abi.Call) order {
	if payment := call.GetPayment(); payment != nil {
		return order{payment.GetAmount(), payment.GetCurrency(), payment.GetDescription(), payment.GetReturnUrl()}
	}
	input, _ := jsontext.Parse(call.GetInput()) // what is no JSON has no members, and so no amount
	return order{input.Text("amount"), input.Text("currency"), input.Text("description"), input.Text("return_url")}
}

func prepareGet(call *abi.Call) *abi.Step {
	id := idOf(call)
	if id == "" {
		return guest.Reject("invalid_request", "/id", "id is missing")
	}
	return guest.NewRequest("GET", guest.Literal(payments+"/"), guest.Text(id)).Bearer(key).Send(nil)
}

// idOf is the payment that a call is about; empty for a create.
func idOf(call *abi.Call) string {
	if id := call.GetProviderReference(); id != "" || call.GetOperation() == createPayment {
		return id
	}
	input, _ := jsontext.Parse(call.GetInput())
	return input.Text("id")
}

// interpret reads an answer. What it cannot be sure of is unreadable: the host then does what the operation's
// idempotency class allows.
func interpret(call *abi.Call, response *abi.HttpResponse) *abi.Step {
	body, err := jsontext.Parse(response.GetBody())
	switch status := response.GetStatus(); {
	case status == 429:
		return guest.Rejected(busy, "too many requests")
	case err != nil:
		return guest.Unreadable("not JSON")
	case status == 200, status == 201:
		return interpretPayment(call, body)
	case status >= 400 && status < 500 && body.Text("error", "code") != "":
		return guest.Rejected(body.Text("error", "code"), body.Text("error", "message"))
	default:
		return guest.Unreadable("HTTP " + strconv.FormatUint(uint64(status), 10))
	}
}

// statuses maps Newpay's words.
var statuses = map[string]abi.Status{ //nolint:gochecknoglobals // a table
	"open":     abi.Status_STATUS_REQUIRES_ACTION,
	"paid":     abi.Status_STATUS_SUCCEEDED,
	"failed":   abi.Status_STATUS_FAILED,
	"canceled": abi.Status_STATUS_CANCELED,
	"expired":  abi.Status_STATUS_EXPIRED,
}

func interpretPayment(call *abi.Call, body jsontext.Value) *abi.Step {
	id, currency := body.Text("id"), body.Text("currency")
	status, known := statuses[body.Text("status")]
	amount, err := decimal.Parse(body.Text("amount"))
	page := body.Text("url")
	switch {
	case id == "" || !known || err != nil || amount.Sign() <= 0 || !slices.Contains(currencies, currency):
		return guest.Unreadable("id, status, amount or currency is missing, or not one of Newpay's")
	case idOf(call) != "" && idOf(call) != id:
		return guest.Unreadable("the answer is about another payment")
	case status == abi.Status_STATUS_REQUIRES_ACTION && !strings.HasPrefix(page, "https://"):
		return guest.Unreadable("there is no page to pay on")
	}
	outcome := guest.Accepted(status, id)
	outcome.Amount = guest.Money(amount.String(), currency)
	outcome.EchoedReference = body.Text("reference")
	switch status {
	case abi.Status_STATUS_REQUIRES_ACTION:
		outcome.NextAction = guest.RedirectTo(page)
	case abi.Status_STATUS_FAILED:
		outcome.Failure = &abi.Failure{ProviderCode: failed, Message: body.Text("reason")}
	default: // the rest says it all
	}
	if call.GetPayment() == nil {
		outcome.Output = output(body, amount)
	}
	return guest.Done(outcome)
}

// output is a payment under Newpay's own names, with its amount as text.
func output(body jsontext.Value, amount decimal.Decimal) []byte {
	object := jsontext.NewObject().
		String("id", body.Text("id")).
		String("reference", body.Text("reference")).
		String("status", body.Text("status")).
		String("amount", amount.String()).
		String("currency", body.Text("currency"))
	if page := body.Text("url"); page != "" {
		object.String("url", page)
	}
	return object.JSON()
}
