package main

import (
	"strings"

	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// callbackKey is the secret that Newpay signs its callbacks with.
const callbackKey = "callback_key"

// signatureHeader has the HMAC-SHA256 of the body, in hexadecimal.
const signatureHeader = "Newpay-Signature"

// receive reads a report. A signed report is believed once the host has verified the signature. One without a
// signature, or with contents that are not clear, is a hint: the host looks the payment up. So is one whose amount has
// a double's tail: only a look-up knows the amount that it is to be compared with.
func receive(callback *abi.Callback) *abi.Receipt {
	report, err := jsontext.Parse(callback.GetBody())
	id := report.Text("id")
	if err != nil || id == "" {
		return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: &abi.CallbackReply{Status: 400}}
	}
	receipt := &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		ProviderReference: id,
		Reference:         report.Text("reference"),
		DedupeKey:         id + "/" + report.Text("status"),
		Reply:             &abi.CallbackReply{Status: 200, ContentType: "text/plain", Body: []byte("ok")},
	}
	signature := signatureOf(callback)
	outcome, unclear := outcomeOf(report, "")
	if signature == "" || unclear != "" || !report.Get("amount").IsShortest() ||
		paymentFields.Mismatch(report, native.All|native.Once) != "" {
		return receipt
	}
	receipt.Trust, receipt.Outcome, receipt.SignatureValue = abi.Receipt_TRUST_SIGNED, outcome, signature
	receipt.Signature = &abi.Signature{
		Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256,
		Secret:    callbackKey,
		Parts:     []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
		Encoding:  abi.Signature_ENCODING_HEX,
	}
	return receipt
}

// signatureOf is the callback's signature in lower case; empty where there is none, or more than one.
func signatureOf(callback *abi.Callback) string {
	value, count := "", 0
	for _, header := range callback.GetHeaders() {
		if strings.EqualFold(header.GetName(), signatureHeader) {
			value = strings.ToLower(header.GetValue())
			count++
		}
	}
	if count != 1 {
		return ""
	}
	return value
}
