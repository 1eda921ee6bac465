package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// prepareTopup makes a top-up of the input. An amount and a currency go together.
func prepareTopup(call *abi.Call, account settings) *abi.Step {
	order, _ := checkoutOf(call, account)
	if (order.amount == "") != (order.currency == "") {
		return guest.Reject("invalid_request", "/amount", "an amount and a currency go together")
	}
	return request("POST", guest.Literal(topupsPath), guest.Text(account.slug)).JSON(order.body(call)).Send(nil)
}

// interpretTopup wants a page for the payer, and what was asked for where the answer states it.
func interpretTopup(call *abi.Call, account settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	made := answer.Get("order")
	asked, _ := checkoutOf(call, account)
	value, err := made.Get("value").Amount(asked.amount)
	switch {
	case !isID(made.Text("id")) || !guest.IsWebAddress(made.Text("acquiring_url")):
		return guest.Unreadable("the answer has no top-up with an id and a page for the payer")
	case asked.amount != "" && made.Get("value").Exists() && (err != nil || differ(asked.amount, value)):
		return guest.Unreadable("the top-up is for another amount than was asked for")
	case contradicts(asked.currency, tickerOf(made)),
		asked.reference != "" && made.Text("external_order_id") != "" &&
			asked.reference != made.Text("external_order_id"):
		return guest.Unreadable("the top-up is not the one that was asked for")
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, made.Text("id"))
	return completed(call, outcome, answer)
}

// contradicts reports names that are both stated, and differ.
func contradicts(asked, answered string) bool {
	return asked != "" && answered != "" && !strings.EqualFold(asked, answered)
}
