package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// prepareRefund sends what the input holds beside the order's id, and no body where that is nothing.
func prepareRefund(call *abi.Call, _ settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	body := jsontext.NewObject()
	if amount := inputOf(call).Text("amount"); amount != "" {
		body.String("amount", amount)
	}
	asked := request("POST", guest.Literal("/private-api/refunds/orders/"), guest.Text(id))
	if sent := further(call, body).JSON(); string(sent) != "{}" {
		asked.JSON(sent)
	}
	return asked.Send(nil)
}

// interpretRefund wants an order, the one that was asked about, or a transaction: anything else leaves open what was
// given back.
func interpretRefund(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	if order := answer.Get("order"); order.IsObject() {
		found, err := readOrder(order, "")
		switch {
		case err != nil:
			return guest.Unreadable(err.Error())
		case !strings.EqualFold(found.id, idOf(call)):
			return guest.Unreadable("the answer is about another order")
		}
		return answered(call, answer)
	}
	found, err := readTransaction(answer.Get("transaction"), "")
	if err != nil {
		return guest.Unreadable("the answer has neither the order nor a transaction")
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, found.id)
	return completed(call, outcome, answer)
}
