package main

import (
	"strings"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// receive reads an instant payment notification. It is unsigned and names the payment, nothing else: a hint to look it
// up. There is no key to recognize a repetition by, since a payment's next change is announced in the same words. The
// document's example has a resource beside the id, and its prose states that there is the id alone: whatever stands
// there is not looked at.
func receive(callback *abi.Callback) *abi.Receipt {
	notice, err := jsontext.Parse(callback.GetBody())
	if err != nil || !strings.EqualFold(callback.GetMethod(), "POST") || !notice.Get("id").IsString() ||
		!isID(notice.Text("id")) {
		return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: &abi.CallbackReply{Status: 400}}
	}
	return &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		ProviderReference: notice.Text("id"),
		Reply:             &abi.CallbackReply{Status: 200},
	}
}
