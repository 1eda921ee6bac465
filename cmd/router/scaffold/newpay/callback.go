package main

import (
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// receive reads a report. It is unsigned, and so a hint to look the payment up, nothing more.
func receive(callback *abi.Callback) *abi.Receipt {
	report, err := jsontext.Parse(callback.GetBody())
	id := report.Text("id")
	if err != nil || id == "" {
		return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: &abi.CallbackReply{Status: 400}}
	}
	return &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		ProviderReference: id,
		Reference:         report.Text("reference"),
		DedupeKey:         id + "/" + report.Text("status"),
		Reply:             &abi.CallbackReply{Status: 200, ContentType: "text/plain", Body: []byte("ok")},
	}
}
