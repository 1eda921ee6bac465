package main

import (
	"net/url"
	"strings"

	abi "payrouter/abi/v1"
)

// receive reads a report: a form with bid_id and status, sent once and unsigned, so never more than a reason to look.
func receive(callback *abi.Callback) *abi.Receipt {
	// The site keeps the answer in its log and reads nothing of it.
	receipt := &abi.Receipt{
		Trust: abi.Receipt_TRUST_IGNORE,
		Reply: &abi.CallbackReply{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("OK")},
	}
	// What can be read counts: a broken field beside a good bid_id is still a reason to look.
	fields, _ := url.ParseQuery(string(callback.GetBody()))
	id := fields.Get("bid_id")
	if callback.GetMethod() != "POST" || !isID(id) {
		return receipt
	}
	receipt.Trust = abi.Receipt_TRUST_LOOK_UP
	receipt.ProviderReference = id
	receipt.DedupeKey = id + "/" + clip(strings.ToValidUTF8(fields.Get("status"), "\uFFFD"), 40)
	return receipt
}
