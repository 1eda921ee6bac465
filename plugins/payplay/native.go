package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

//go:generate go test -run TestSchemasAreThoseOfTheFields -update .

// native is an operation of PayPlay as it stands: what it takes and gives, and what an unanswered call of it may have
// done.
type native struct {
	name, summary string
	class         abi.Idempotency
	documented    abi.Documented
	takes         []field
	// open takes further members, which are sent as they are: the document does not show them.
	open  bool
	gives []field
	// final: a decline of it is the last word.
	final bool
	// settles is how long after sending a look-up may still miss what was sent, in milliseconds.
	settles int64
	// ours is the member of the input that our reference stands for where it is left out; empty where there is none.
	ours  string
	paged bool
	// finds looks an order up by our reference.
	finds bool
}

// The shorthand of the tables: the idempotency classes and how far the document goes.
const (
	safe      = abi.Idempotency_IDEMPOTENCY_SAFE
	abandoned = abi.Idempotency_IDEMPOTENCY_ABANDONABLE
	risky     = abi.Idempotency_IDEMPOTENCY_NONE
	full      = abi.Documented_DOCUMENTED_FULL
	elsewhere = abi.Documented_DOCUMENTED_NO
)

// natives are the operations, by topic.
//
//nolint:gochecknoglobals // a table
var natives = [...][]native{orderMethods, withdrawalMethods, accountMethods, rateMethods}

// nativeOf is nil for an operation that is not in the table.
func nativeOf(name string) *native {
	for _, topic := range natives {
		for i := range topic {
			if topic[i].name == name {
				return &topic[i]
			}
		}
	}
	return nil
}

func (n *native) operation() *abi.Operation {
	input, output := schemas(n.name)
	operation := &abi.Operation{
		Name: n.name, Summary: n.summary, Idempotency: n.class, Documented: n.documented, Paged: n.paged,
		InputSchema: input, OutputSchema: output, DeclineIsFinal: n.final || n.class == safe, SettleAfterMs: n.settles,
		FindsByReference: n.finds,
	}
	if n.ours != "" {
		operation.Reference = reference()
	}
	return operation
}

// isNative tells a call of the operation by itself, from one for a payment and from one for a role of the account.
func isNative(call *abi.Call) bool {
	return call.GetPayment() == nil && call.GetQuery() == nil
}

// refuses says no to a native call's input that the operation cannot take.
func (n *native) refuses(call *abi.Call) *abi.Step {
	if !isNative(call) {
		return nil
	}
	input := inputOf(call)
	for i := range n.takes {
		f := &n.takes[i]
		switch value := input.Get(f.name); {
		case f.must && (!value.Exists() || f.form == text && value.Text() == ""):
			return guest.Reject("invalid_request", "/"+f.name, f.name+" is missing")
		case value.Exists() && !f.fits(value):
			return guest.Reject("invalid_request", "/"+f.name, f.name+" has to be "+f.shape()+f.more())
		}
	}
	if n.open {
		return nil
	}
	var wrong *abi.Step
	input.Each(func(name string, _ jsontext.Value) {
		if wrong == nil && !names(n.takes, name) {
			wrong = guest.Reject("invalid_request", pointer(name), n.name+" takes no such member")
		}
	})
	return wrong
}

// pointer is the JSON pointer of a member that the caller named.
func pointer(name string) string {
	if name == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func names(fields []field, name string) bool {
	for i := range fields {
		if fields[i].name == name {
			return true
		}
	}
	return false
}

// further adds to a body what a native call's input holds beyond what the table knows, as it is.
func further(call *abi.Call, body *jsontext.Object) *jsontext.Object {
	n := nativeOf(call.GetOperation())
	inputOf(call).Each(func(name string, value jsontext.Value) {
		if !names(n.takes, name) {
			body.Value(name, value)
		}
	})
	return body
}

// answered ends a native call, or one for a role of the account: what PayPlay said under its own names, and amounts as
// text.
func answered(call *abi.Call, answer jsontext.Value) *abi.Step {
	return completed(call, guest.Accepted(abi.Status_STATUS_UNSPECIFIED, ""), answer)
}

// completed ends a call with an outcome. One that is about no payment has the answer as its output; there the answer
// has to be what the table says.
func completed(call *abi.Call, outcome *abi.Outcome, answer jsontext.Value) *abi.Step {
	if call.GetPayment() != nil && outcome.GetStatus() != abi.Status_STATUS_UNSPECIFIED {
		return guest.Done(outcome)
	}
	n := nativeOf(call.GetOperation())
	if why := lacks(n.gives, n.documented == full, answer); why != "" {
		return guest.Unreadable("the answer: " + why)
	}
	output, wrong := answer.Spell(isAmount)
	if wrong != "" {
		return guest.Unreadable("the answer: " + wrong + " is not an amount")
	}
	outcome.Output = output
	return guest.Done(outcome)
}

// isAmount tells the members that hold an amount, a rate or a share, wherever in an answer they stand.
func isAmount(name string) bool {
	switch name {
	case "amount", "value", "expected_amount", "received_total", "exchange_rate", "clean_exchange_rate", "fee", "fixed",
		"min_amount", "max_amount", "minFee", "maxFee", "min_fee", "max_fee", "percent":
		return true
	}
	return false
}
