package main

import (
	"strings"

	"payrouter/abi/formtext"
	abi "payrouter/abi/v1"
)

// receive reads a report: a query string, on a GET or a POST; a POST may carry it in its body instead. It is unsigned,
// and so never more than a reason to check the status.
func receive(callback *abi.Callback) *abi.Receipt {
	// The document wants no particular answer.
	receipt := &abi.Receipt{
		Trust: abi.Receipt_TRUST_IGNORE,
		Reply: &abi.CallbackReply{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("OK")},
	}
	form := callback.GetQuery()
	if callback.GetMethod() == "POST" && formtext.Value(form, "api_ref_id") == "" {
		form = string(callback.GetBody())
	}
	reference := formtext.Value(form, "api_ref_id")
	if !ours(reference) {
		return receipt
	}
	receipt.Trust = abi.Receipt_TRUST_LOOK_UP
	receipt.Reference = reference
	receipt.ProviderReference = formtext.Value(form, "txn_id")
	receipt.DedupeKey = strings.Join([]string{
		reference, receipt.GetProviderReference(),
		formtext.Value(form, "recharge_status"),
	}, "/")
	return receipt
}

// ours reports a reference that this router may have made. Others are not looked up, so that a stranger cannot make the
// router ask for anything.
func ours(reference string) bool {
	return reference != "" && len(reference) <= referenceLength && strings.Trim(reference, "0123456789") == ""
}
