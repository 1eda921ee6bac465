package main

import (
	"payrouter/abi/formtext"
	abi "payrouter/abi/v1"
)

// receive reads a report: a form with bid_id and status, sent once and unsigned, so never more than a reason to look.
func receive(callback *abi.Callback) *abi.Receipt {
	// The site keeps the answer in its log and reads nothing of it.
	receipt := &abi.Receipt{
		Trust: abi.Receipt_TRUST_IGNORE,
		Reply: &abi.CallbackReply{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("OK")},
	}
	form := string(callback.GetBody())
	id := formtext.Value(form, "bid_id")
	if callback.GetMethod() != "POST" || !isID(id) {
		return receipt
	}
	receipt.Trust = abi.Receipt_TRUST_LOOK_UP
	receipt.ProviderReference = id
	receipt.DedupeKey = id + "/" + clip(formtext.Value(form, "status"), 40)
	return receipt
}
