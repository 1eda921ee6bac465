package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
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
	if refused := reject(call); refused != nil {
		return refused, nil
	}
	wanted := orderOf(call)
	if amount, err := decimal.Parse(wanted.amount); err != nil || amount.Sign() <= 0 {
		return guest.Reject("invalid_request", "/amount", "the amount has to be a decimal above zero"), nil
	}
	if !isCurrency(wanted.currency) {
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

// reject returns the step for a native call whose input the method cannot take; nil where it can.
func reject(call *abi.Call) *abi.Step {
	if call.GetPayment() != nil {
		return nil
	}
	return methods.Find(call.GetOperation()).Reject(inputOf(call))
}

// inputOf is a native call's input; absent where there is none.
func inputOf(call *abi.Call) jsontext.Value {
	input, _ := jsontext.Parse(call.GetInput()) // what is no JSON has no members
	return input
}

func isCurrency(code string) bool { return slices.Contains(currencies, code) }

// orderOf is what a payment asks for, or, where the operation is called by itself, its input.
func orderOf(call *abi.Call) order {
	if payment := call.GetPayment(); payment != nil {
		return order{payment.GetAmount(), payment.GetCurrency(), payment.GetDescription(), payment.GetReturnUrl()}
	}
	input := inputOf(call)
	return order{input.Text("amount"), input.Text("currency"), input.Text("description"), input.Text("return_url")}
}

func prepareGet(call *abi.Call) *abi.Step {
	id := idOf(call)
	if id == "" {
		if refused := reject(call); refused != nil {
			return refused
		}
		return guest.Reject("invalid_request", "/id", "id is missing")
	}
	return guest.NewRequest("GET", guest.Literal(payments+"/"), guest.Text(id)).Bearer(key).Send(nil)
}

// idOf is the payment that a call is about; empty for a create.
func idOf(call *abi.Call) string {
	if id := call.GetProviderReference(); id != "" || call.GetOperation() == createPayment {
		return id
	}
	return inputOf(call).Text("id")
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

// interpretPayment ends a call with the payment in an answer. A native call has the answer as its output.
func interpretPayment(call *abi.Call, body jsontext.Value) *abi.Step {
	outcome, unclear := outcomeOf(body, amountOf(call))
	switch wanted := idOf(call); {
	case unclear != "":
		return guest.Unreadable(unclear)
	case wanted != "" && wanted != outcome.GetProviderReference():
		return guest.Unreadable("the answer is about another payment")
	case call.GetPayment() != nil:
		return guest.Done(outcome)
	}
	if why := methods.Find(call.GetOperation()).Mismatch(body, native.Once); why != "" {
		return guest.Unreadable(why)
	}
	return native.Answered(outcome, body, isAmount)
}

// amountOf is the amount that an answer may repeat; empty where the call does not know it.
func amountOf(call *abi.Call) string {
	if call.GetOperation() == createPayment {
		return orderOf(call).amount
	}
	return call.GetPayment().GetAmount()
}

// outcomeOf reads a payment of Newpay's. asked is the amount that was asked for, where it is known. unclear is why it
// cannot be read; empty where it can.
func outcomeOf(body jsontext.Value, asked string) (outcome *abi.Outcome, unclear string) {
	id, currency := body.Text("id"), body.Text("currency")
	status, known := statuses[body.Text("status")]
	amount, err := body.Get("amount").Amount(asked)
	page := body.Text("url")
	switch {
	case body.Twice("id", "reference", "status", "amount", "currency", "url", "reason"):
		return nil, "a member of the payment stands twice"
	case id == "" || !known || err != nil || amount.Sign() <= 0 || !isCurrency(currency):
		return nil, "id, status, amount or currency is missing, or not one of Newpay's"
	case status == abi.Status_STATUS_REQUIRES_ACTION && !strings.HasPrefix(page, "https://"):
		return nil, "there is no page to pay on"
	}
	outcome = guest.Accepted(status, id)
	outcome.Amount = guest.Money(amount.String(), currency)
	outcome.EchoedReference = body.Text("reference")
	switch status {
	case abi.Status_STATUS_REQUIRES_ACTION:
		outcome.NextAction = guest.RedirectTo(page)
	case abi.Status_STATUS_FAILED:
		outcome.Failure = &abi.Failure{ProviderCode: failed, Message: body.Text("reason")}
	default: // the rest needs nothing more
	}
	return outcome, ""
}
