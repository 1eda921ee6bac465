package main

import (
	"cmp"
	"slices"
	"strconv"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// method is an operation of PayPlay's, called for a payment or by itself.
type method = native.Method[struct{}]

// The shorthand of the tables: the idempotency classes and how far the document goes.
const (
	safe      = abi.Idempotency_IDEMPOTENCY_SAFE
	abandoned = abi.Idempotency_IDEMPOTENCY_ABANDONABLE
	risky     = abi.Idempotency_IDEMPOTENCY_NONE
	full      = abi.Documented_DOCUMENTED_FULL
	elsewhere = abi.Documented_DOCUMENTED_NO
)

// methods are the operations, by topic.
//
//nolint:gochecknoglobals // a table
var methods = native.Table[struct{}]{
	orderMethods, withdrawalMethods, conversionMethods, accountMethods, rateMethods,
}

// isNative reports a call of the operation by itself, not for a payment and not for a role of the account.
func isNative(call *abi.Call) bool {
	return call.GetPayment() == nil && call.GetQuery() == nil
}

// further adds to a body what a native call's input holds beyond the table, as it is.
func further(call *abi.Call, body *jsontext.Object) *jsontext.Object {
	methods.Find(call.GetOperation()).Input.Rest(body, inputOf(call))
	return body
}

// ourReference is the reference that PayPlay gets: the caller's, where a native call's input has one, or the router's.
func ourReference(call *abi.Call) string {
	if !isNative(call) {
		return call.GetReference()
	}
	return cmp.Or(inputOf(call).Text(methods.Find(call.GetOperation()).Input.OurReference()), call.GetReference())
}

// answered ends a native call, or one for a role of the account, with PayPlay's answer as the output.
func answered(call *abi.Call, answer jsontext.Value) *abi.Step {
	return completed(call, guest.Accepted(abi.Status_STATUS_UNSPECIFIED, ""), answer)
}

// completed ends a call with an outcome. A call that is not about a payment has the answer as its output; that answer
// has to have what the table requires. A member that only people read is handed on as it came, whatever it is.
func completed(call *abi.Call, outcome *abi.Outcome, answer jsontext.Value) *abi.Step {
	if call.GetPayment() != nil && outcome.GetStatus() != abi.Status_STATUS_UNSPECIFIED {
		return guest.Done(outcome)
	}
	if why := methods.Find(call.GetOperation()).Output.Mismatch(answer, native.Once); why != "" {
		return guest.Unreadable("the answer: " + why)
	}
	outcome.Output = spell(answer, func(name string) bool { return isAmount(name) || isWord(name) })
	return guest.Done(outcome)
}

// spell is an answer with the numbers of some members as texts. A number that is no amount of bounded size stays as it
// came: where the amount decides something it has been read before.
func spell(answer jsontext.Value, isSpelt func(name string) bool) []byte {
	var unspelt []string
	for {
		output, wrong := answer.Spell(func(name string) bool {
			return isSpelt(name) && !slices.Contains(unspelt, name)
		})
		if wrong == "" {
			return output
		}
		unspelt = append(unspelt, wrong)
	}
}

// isAmount reports the members that hold an amount, a rate or a share, wherever in an answer they stand.
func isAmount(name string) bool {
	switch name {
	case "amount", "value", "target_value", "expected_amount", "received_total", "exchange_rate",
		"clean_exchange_rate", "fee", "fixed", "min_amount", "max_amount", "minFee", "maxFee", "min_fee", "max_fee",
		"percent":
		return true
	}
	return false
}

// isWord reports the members that decide what an answer is about, which PayPlay sends as texts. One that came as a
// number is a text to the router's callers.
func isWord(name string) bool {
	switch name {
	case "id", "status", "label", "ticker":
		return true
	}
	return false
}

// The forms of members that PayPlay sends as a text or as a number.
//
//nolint:gochecknoglobals // a table
var (
	word = native.Form{
		Shape: "a text", Type: "string",
		Has: func(value jsontext.Value) bool { return value.IsString() || value.IsNumber() },
	}
	// listOfAny is a list of which the items are not known.
	listOfAny = native.Form{Shape: "a list", Type: "array", Has: jsontext.Value.IsArray}
	position  = native.Form{Shape: "a whole number", Has: isPosition}
)

func isPosition(value jsontext.Value) bool {
	_, err := strconv.Atoi(value.Text())
	return err == nil
}
