// Command plugin-go is a plugin for a provider that does not exist: the smallest that shows what a new plugin begins
// without (a flow of two requests, a signature, a quote), and a proof that the conformance suite can be passed. Start a
// plugin with "router plugin new".
package main

import (
	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

// defect is what is wrong with this plugin: nothing, unless a test links something else in.
//
//nolint:gochecknoglobals // set by the linker
var defect string

// formerPayer is what the defect "keep" keeps from one payment to the next.
//
//nolint:gochecknoglobals // that is the defect
var formerPayer string

type connector struct{}

func (connector) Describe() *abi.Manifest {
	m := manifest()
	if defect == "no-summary" {
		m.Operations[0].Summary = ""
	}
	return m
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	switch call.GetOperation() {
	case create, quote:
		return askQuote(call), nil
	case get:
		return prepareGet(call)
	}
	if defect == "lenient" {
		return guest.Reject("unsupported", "", "what?"), nil
	}
	return nil, guest.UnknownOperation(call.GetOperation())
}

// The state of a create: the quote was asked for, or the payment was.
const (
	quoting  = "quote"
	creating = "create"
)

// askQuote asks for the fee: for its own sake, or on the way to the payment.
func askQuote(call *abi.Call) *abi.Step {
	payment := call.GetPayment()
	if payment == nil {
		return guest.Reject("unsupported", "", "a payment is needed")
	}
	request := guest.NewRequest("GET", guest.Literal("/quotes/"), guest.Text(payment.GetCurrency())).
		Query("amount", payment.GetAmount()).Header("X-Key", guest.Secret("key"))
	if defect == "keep" {
		request.Query("former", formerPayer)
		formerPayer = payment.GetPayer().GetEmail()
	}
	if call.GetOperation() == quote {
		return request.Send([]byte(quoting))
	}
	return request.SendAs(quote, []byte(quoting))
}

func prepareGet(call *abi.Call) (*abi.Step, error) {
	reference := call.GetProviderReference()
	if input, err := jsontext.Parse(call.GetInput()); err == nil && reference == "" {
		reference = input.Text("id")
	}
	if reference == "" {
		return guest.Reject("invalid_request", "/id", "id is missing"), nil
	}
	return guest.NewRequest("GET", guest.Literal("/payments/"), guest.Text(reference)).Bearer("key").Send(nil), nil
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	switch defect {
	case "trap":
		_ = response.GetBody()[1000] // a panic wherever the body is shorter
	case "spin":
		for len(response.GetBody()) == 0 {
		}
	}
	if response.GetStatus() == 429 {
		return guest.Rejected("429", "too many requests"), nil
	}
	body, err := jsontext.Parse(response.GetBody())
	if defect != "credulous" && (err != nil || response.GetStatus() != 200) {
		return guest.Unreadable("not JSON with status 200"), nil
	}
	if string(state) == quoting {
		return interpretQuote(call, body), nil
	}
	return interpretPayment(call, body), nil
}

func interpretQuote(call *abi.Call, body jsontext.Value) *abi.Step {
	fee, isDecimal := body.Decimal("fee")
	amount, err := decimal.Parse(call.GetPayment().GetAmount())
	if !isDecimal || err != nil {
		return guest.Unreadable("no fee")
	}
	cost, err := decimal.Parse(fee)
	if err != nil || cost.Cmp(amount) >= 0 {
		return guest.Rejected("fee", "the fee is as large as the payment")
	}
	if cost.Sign() < 0 {
		return guest.Unreadable("a fee below zero")
	}
	if call.GetOperation() == quote {
		return guest.Quoted(&abi.Quote{
			Pays: guest.Money(amount.String(), call.GetPayment().GetCurrency()),
			Gets: guest.Money(amount.Sub(cost).String(), call.GetPayment().GetCurrency()),
			Fees: []*abi.Money{guest.Money(fee, call.GetPayment().GetCurrency())},
		})
	}
	payment := jsontext.NewObject().String("reference", call.GetReference()).Number("amount",
		call.GetPayment().GetAmount()).
		String("currency", call.GetPayment().GetCurrency())
	step := guest.NewRequest("POST", guest.Literal("/payments")).JSON(payment.JSON()).Send([]byte(creating))
	request := step.GetSend().GetRequest()
	request.BasicAuth = &abi.BasicAuth{User: guest.Literal("shop"), PasswordSecret: "key"}
	request.Signatures = []*abi.Signature{signature("X-Signature")}
	return step
}

func signature(header string) *abi.Signature {
	return &abi.Signature{
		Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Encoding: abi.Signature_ENCODING_HEX, Secret: "signing_key",
		Header: header, Prefix: "sha256=",
		Parts: []*abi.SignedPart{
			{Part: &abi.SignedPart_Method{Method: true}},
			{Part: &abi.SignedPart_Literal{Literal: "."}},
			{Part: &abi.SignedPart_Body{Body: true}},
		},
	}
}

// statuses maps the provider's states.
//
//nolint:gochecknoglobals // a table
var statuses = map[string]abi.Status{
	"open": abi.Status_STATUS_REQUIRES_ACTION, "paid": abi.Status_STATUS_SUCCEEDED, "failed": abi.Status_STATUS_FAILED,
}

func interpretPayment(call *abi.Call, body jsontext.Value) *abi.Step {
	if defect == "credulous" {
		return guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, "1"))
	}
	status, known := statuses[body.Text("status")]
	amount, isDecimal := body.Decimal("amount")
	if !known || !isDecimal || body.Text("id") == "" || body.Text("currency") != "EUR" {
		return guest.Unreadable("id, status, amount or currency is missing")
	}
	outcome := guest.Accepted(status, body.Text("id"))
	outcome.Amount = guest.Money(amount, "EUR")
	outcome.EchoedReference = body.Text("reference")
	switch status {
	case abi.Status_STATUS_REQUIRES_ACTION:
		outcome.NextAction = guest.PayTo("addr-"+outcome.GetProviderReference(), "EXA", outcome.GetAmount(), "")
	case abi.Status_STATUS_FAILED:
		outcome.Failure = &abi.Failure{ProviderCode: "failed", Message: body.Text("reason")}
	default: // the rest needs nothing more
	}
	if call.GetPayment() == nil {
		outcome.Output = body.JSON()
	}
	return guest.Done(outcome)
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	reply := &abi.CallbackReply{Status: 204}
	body, err := jsontext.Parse(callback.GetBody())
	if err != nil || body.Text("id") == "" {
		return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: reply}, nil
	}
	receipt := &abi.Receipt{
		Trust: abi.Receipt_TRUST_SIGNED, ProviderReference: body.Text("id"), Signature: signature(""), Reply: reply,
		DedupeKey: body.Text("id") + "/" + body.Text("status"),
	}
	for _, header := range callback.GetHeaders() {
		if header.GetName() == "X-Signature" {
			receipt.SignatureValue = header.GetValue()
		}
	}
	if done := interpretPayment(&abi.Call{Payment: &abi.Payment{}},
		body).GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		receipt.Outcome = done
	}
	return receipt, nil
}
