package main

import (
	"strings"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// What PayGram expects to hear: "ok" ends a callback's repetitions, "ko" asks for another in 5 minutes, for 15 days.
const (
	heard    = "ok"
	notHeard = "ko"
)

// longestReference bounds what a stranger may make the router look for.
const longestReference = 64

// receive reads a callback for what it refers to, and no further: what its hash is made of is not public, so that
// everything it states has to be asked for. Names come in PascalCase or camelCase; members that have their type's
// default value are left out.
func receive(callback *abi.Callback) *abi.Receipt {
	body, err := jsontext.Parse(callback.GetBody())
	if err != nil || !body.IsObject() || callback.GetMethod() != "POST" {
		return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: reply(400, notHeard)}
	}
	invoice := body.Fold("InvoiceInfo")
	receipt := &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		Reference:         ourReference(invoice, body),
		ProviderReference: theirReference(body),
		DedupeKey:         dedupeKey(body),
		Reply:             reply(200, heard),
	}
	if receipt.GetReference() == "" && receipt.GetProviderReference() == "" {
		receipt.Trust = abi.Receipt_TRUST_IGNORE // about a balance, or a user: none of our payments
	}
	return receipt
}

func reply(status uint32, text string) *abi.CallbackReply {
	return &abi.CallbackReply{Status: status, ContentType: "text/plain", Body: []byte(text)}
}

// ourReference is CallbackData where it has the form of a reference of ours, of the invoice first.
func ourReference(places ...jsontext.Value) string {
	for _, place := range places {
		if text := place.Fold("CallbackData").Text(); isReference(text) {
			return text
		}
	}
	return ""
}

func isReference(text string) bool {
	return len(text) == referenceLength &&
		strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune(referenceAlphabet, c) }) < 0
}

// objects are where a callback has the code of what it is about: each kind in a part of its own.
//
//nolint:gochecknoglobals // a table
var objects = [][]string{
	{"InvoiceInfo", "InvoiceCode"},
	{"WithdrawInfo", "Info", "WithdrawId"},
	{"MoneySentInfo", "VoucherCode"},
}

// theirReference is the code of the invoice, the withdrawal or the voucher that a callback is about; empty where it
// names none, or several.
func theirReference(body jsontext.Value) string {
	found := ""
	for _, path := range objects {
		at := body
		for _, name := range path {
			at = at.Fold(name)
		}
		code := at.Text()
		switch {
		case !isCode(code):
		case found != "" && !strings.EqualFold(found, code):
			return ""
		default:
			found = code
		}
	}
	return found
}

// dedupeKey is the callback's own id, a number; empty where it has none or the default value, since each is then a new
// one.
func dedupeKey(body jsontext.Value) string {
	id := body.Fold("Id").Text()
	if id == "" || id == "0" || len(id) > longestReference {
		return ""
	}
	return id
}
