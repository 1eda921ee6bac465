package main

import (
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// request starts a request as all of PayPlay's are made.
func request(method string, path ...*abi.Part) *guest.Request {
	return guest.NewRequest(method, path...).Bearer(secretKey).Header("Accept", guest.Literal("application/json"))
}

// inputOf is a native call's input; absent where there is none, or where it is not an object.
func inputOf(call *abi.Call) jsontext.Value {
	if call.GetPayment() != nil {
		return jsontext.Value{}
	}
	input, err := jsontext.Parse(call.GetInput())
	if err != nil || !input.IsObject() {
		return jsontext.Value{}
	}
	return input
}

// idOf is the object that a call is about: PayPlay's id, or a native call's input. Empty where neither is known.
func idOf(call *abi.Call) string {
	if id := call.GetProviderReference(); id != "" {
		return id
	}
	return inputOf(call).Text("id")
}

// isID reports whether a text may stand for an id in a path: ids come in by webhooks that anyone can send.
func isID(text string) bool {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return text != "" && len(text) <= 64 && strings.Trim(text, letters+"-_") == "" && strings.ContainsAny(text, letters)
}

func notAnID() *abi.Step {
	return guest.Reject("invalid_request", "/id", "this is not an id of PayPlay's")
}

// isExternalID reports whether a text may be an external_order_id.
func isExternalID(text string) bool {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	return text != "" && len(text) <= 255 && strings.Trim(text, letters) == ""
}

// isCurrency reports whether a text is a currency's code or a coin's ticker.
func isCurrency(text string) bool {
	return len(text) >= 2 && len(text) <= 16 && strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isPositive reports whether a text is a decimal above zero.
func isPositive(text string) bool {
	amount, err := decimal.Parse(text)
	return err == nil && amount.Sign() > 0
}

// plain is a decimal's plain text, without an exponent.
func plain(text string) (string, bool) {
	amount, err := decimal.Parse(text)
	return amount.String(), err == nil
}

// differ reports amounts of which one was asked for and another answered. Without an amount asked for nothing differs.
func differ(asked string, answered decimal.Decimal) bool {
	amount, err := decimal.Parse(asked)
	return err == nil && amount.Cmp(answered) != 0
}
