package main

import (
	"cmp"
	"slices"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// events has, for the end of an event's name, the statuses that its object may have then. Names are spelled in more
// than one way.
var events = map[string][]string{ //nolint:gochecknoglobals // a table
	"complete":            {"COMPLETE"},
	"completed":           {"COMPLETE"},
	"partially_fulfilled": {"PARTIALLY_FULFILLED"},
	"declined":            {"DECLINED"},
	"canceled":            {"CANCELED", "CANCELLED"},
	"cancelled":           {"CANCELED", "CANCELLED"},
}

// signatureHeader carries the hexadecimal HMAC-SHA256 of the body as it was sent.
const signatureHeader = "Signature"

// receive reads a webhook. One that is signed is believed if its name and its object agree; of any other only what it
// is about is taken, to be looked up. So is one whose amount is a JSON number with a double's tail: only a look-up
// knows the amount that it is to be compared with.
func receive(callback *abi.Callback, account settings) *abi.Receipt {
	notice, err := jsontext.Parse(callback.GetBody())
	if err != nil || !strings.EqualFold(callback.GetMethod(), "POST") ||
		notice.Twice("order", "transaction", "event_type", "external_id") {
		return ignored(400)
	}
	if notice.Get("order").IsObject() {
		return receiveOrder(callback, notice, account)
	}
	if notice.Get("transaction").IsObject() {
		return receiveTransaction(callback, notice)
	}
	return ignored(200)
}

func ignored(status uint32) *abi.Receipt {
	return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: &abi.CallbackReply{Status: status}}
}

// receiveOrder reads a webhook about an order. Those of a payment page are signed with the page's token, unless the
// account states otherwise.
func receiveOrder(callback *abi.Callback, notice jsontext.Value, account settings) *abi.Receipt {
	about, err := readOrder(notice.Get("order"), "")
	if err != nil {
		return ignored(400)
	}
	receipt := &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		Reference:         about.reference,
		ProviderReference: about.id,
		DedupeKey:         dedupeKey(about),
		Reply:             &abi.CallbackReply{Status: 200},
	}
	believable := agrees(notice, "order", about.status) && !about.anyAmount &&
		notice.Get("order", "value").IsShortest()
	return signed(receipt, callback, account.orderSecret, about.outcome(), believable)
}

// dedupeKey distinguishes a repetition from a new report. Money that came to an order is new, though its status stays:
// a canceled one may be paid late.
func dedupeKey(about order) string {
	key := "order:" + about.id + ":" + about.status
	if about.received.Sign() > 0 {
		key += ":" + about.received.String()
	}
	return key
}

// receiveTransaction reads a webhook about a withdrawal, which the general token signs. Other transactions belong to
// orders, whose own webhooks have more.
//
// One that succeeded with a fee, or with something that is no fee, is a hint: only a look-up knows the amount that
// weigh compares the value with.
func receiveTransaction(callback *abi.Callback, notice jsontext.Value) *abi.Receipt {
	about, err := readTransaction(notice.Get("transaction"), "")
	if err != nil {
		return ignored(400)
	}
	if family, _, _ := strings.Cut(notice.Text("event_type"), "::"); !strings.EqualFold(family, "withdrawal") {
		return ignored(200)
	}
	receipt := &abi.Receipt{
		Trust:             abi.Receipt_TRUST_LOOK_UP,
		Reference:         cmp.Or(about.reference, notice.Text("external_id")),
		ProviderReference: about.id,
		DedupeKey:         "transaction:" + about.id + ":" + about.status,
		Reply:             &abi.CallbackReply{Status: 200},
	}
	outcome := about.outcome()
	believable := agrees(notice, "withdrawal", about.status) && notice.Get("transaction", "value").IsShortest()
	if outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED {
		outcome.Received = guest.Money(about.value.String(), about.currency)
		believable = believable && !about.unclear && !isPositive(about.fee)
	}
	return signed(receipt, callback, secretWebhook, outcome, believable)
}

// agrees reports whether an event of a family is one of the object's status.
func agrees(notice jsontext.Value, family, status string) bool {
	name, event, _ := strings.Cut(notice.Text("event_type"), "::")
	if !strings.EqualFold(name, family) {
		return false
	}
	return slices.Contains(events[strings.ToLower(event)], status)
}

// signed adds to a receipt what it states and by which signature that is to be believed; where there is no signature of
// the form, or the webhook contradicts itself, the receipt stays a hint.
func signed(receipt *abi.Receipt, callback *abi.Callback, secret string, outcome *abi.Outcome,
	believable bool,
) *abi.Receipt {
	value := signatureOf(callback)
	if !believable || value == "" {
		return receipt
	}
	receipt.Trust = abi.Receipt_TRUST_SIGNED
	receipt.Outcome = outcome
	receipt.SignatureValue = value
	receipt.Signature = &abi.Signature{
		Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256,
		Secret:    secret,
		Parts:     []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
		Encoding:  abi.Signature_ENCODING_HEX,
	}
	return receipt
}

// signatureOf is the webhook's signature in lower case; empty where there is none, more than one, or one of another
// form.
func signatureOf(callback *abi.Callback) string {
	const digits = 64
	value, count := "", 0
	for _, header := range callback.GetHeaders() {
		if strings.EqualFold(header.GetName(), signatureHeader) {
			value = strings.ToLower(strings.TrimSpace(header.GetValue()))
			count++
		}
	}
	if count != 1 || len(value) != digits || strings.Trim(value, "0123456789abcdef") != "" {
		return ""
	}
	return value
}
