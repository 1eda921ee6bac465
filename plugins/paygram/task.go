package main

import (
	"encoding/binary"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// token is the secret in every path.
const token = "token"

// keyedBySetting is the setting that states whether the account honours clientUnique.
const (
	keyedBySetting = "client_unique"
	clientUnique   = "clientUnique"
)

// task is a call with its settings and input read.
type task struct {
	*abi.Call
	user         string
	merchantType string
	clientUnique bool
	input        jsontext.Value
}

// read reads the call's settings and input.
func (t *task) read() error {
	settings, err := jsontext.Parse(t.GetSettings())
	if err != nil {
		return guest.BadSettings("settings: %v", err)
	}
	t.user, t.merchantType, t.clientUnique = settings.Text("user_cli_id"), "2", settings.Bool(keyedBySetting)
	if t.user == "" {
		return guest.BadSettings("user_cli_id: the PayGram user that invoices are issued for is missing")
	}
	if kind := settings.Text("merchant_type"); kind != "" {
		t.merchantType = kind
	}
	if len(t.GetInput()) > 0 {
		if t.input, err = jsontext.Parse(t.GetInput()); err != nil || !t.input.IsObject() {
			return &guest.Error{Code: abi.Error_CODE_BAD_INPUT, Message: "input: not a JSON object"}
		}
	}
	if t.GetQuery() != nil {
		t.input, err = queryInput(t, "0")
	}
	return err
}

// resume is read for a call whose request was sent. Settings and input are read only where they may be needed again, on
// the way to another request: reading them costs as much as the rest of a payment's answer.
func (t *task) resume(state []byte) error {
	if len(state) == 0 && t.GetPayment() != nil {
		return nil
	}
	return t.read()
}

// asked is the amount that was asked for: the payment's, or that of an invoice which the call itself issues; empty
// where there is none.
func (t *task) asked() string {
	if t.native() && t.GetOperation() == issueInvoice {
		return t.input.Text("amount")
	}
	return t.GetPayment().GetAmount()
}

// carries reports whether an invoice that is answered has the callbackData of this router: a payment's own has, and so
// has one that the call itself issues. An invoice that a native call names has whatever its issuer gave it.
func (t *task) carries() bool {
	return !t.native() || t.GetOperation() == issueInvoice
}

// native distinguishes a call of the operation by itself from one for a payment.
func (t *task) native() bool {
	return t.GetPayment() == nil
}

// body starts a method's body with the fields that all have, in the document's order.
func (t *task) body() *jsontext.Object {
	user := t.user
	if named := t.input.Text("userCliId"); named != "" && t.native() {
		user = named
	}
	return t.bodyAs(user)
}

func (t *task) bodyAs(user string) *jsontext.Object {
	body := jsontext.NewObject()
	if given := t.input.Get("requestId"); t.native() && given.Exists() {
		return body.Number("requestId", given.Text()).String("userCliId", user)
	}
	return body.Integer("requestId", t.requestID()).String("userCliId", user)
}

// requestID is positive, and below 2^53 so that no reader on the way rounds it.
func (t *task) requestID() uint64 {
	const exact = 1<<53 - 1
	var first [8]byte
	copy(first[:], t.GetSeed())
	return max(binary.LittleEndian.Uint64(first[:])&exact, 1)
}

// The methods' paths are the same in every call, and so are made once.
//
//nolint:gochecknoglobals // see above
var (
	issuePath  = pathOf(issueInvoice)
	infoPath   = pathOf(invoiceInfo)
	listPath   = pathOf(getInvoices)
	redeemPath = pathOf(redeemInvoice)
	payPath    = pathOf(payInvoice)
)

func pathOf(method string) []*abi.Part {
	return []*abi.Part{guest.Literal("/"), guest.Secret(token), guest.Literal("/" + method)}
}

func post(path []*abi.Part, body *jsontext.Object) *guest.Request {
	return guest.NewRequest("POST", path...).JSON(body.JSON())
}

// missing rejects a call that lacks a member of its input, or what stands for it in a payment's life.
func missing(member string) *abi.Step {
	return guest.Reject("invalid_request", "/"+member, member+" is missing")
}
