package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// settings are an account's own values.
type settings struct {
	merchant string
}

func readSettings(raw []byte) (settings, error) {
	parsed, err := jsontext.Parse(raw)
	if err != nil {
		return settings{}, guest.BadSettings("settings are not JSON: %v", err)
	}
	account := settings{merchant: parsed.Text("merchant_id")}
	if account.merchant == "" {
		return settings{}, guest.BadSettings("merchant_id is missing")
	}
	return account, nil
}

// The envelope's status, "0" for a request that was carried out.
const (
	envelopeDone   = "0"
	envelopeFailed = "1"
)

// reply is the envelope that every answer comes in: {"message", "data", "status"}.
type reply struct {
	status  string
	message string
	data    jsontext.Value
	// whole is all of it.
	whole jsontext.Value
}

// readReply reads the envelope, or ends the call where there is none. Paygrt answers 200 for success and failure alike.
func readReply(response *abi.HttpResponse) (reply, *abi.Step) {
	switch status := response.GetStatus(); status {
	case 200:
	case 401, 403, 429:
		return reply{}, guest.Rejected(strconv.Itoa(int(status)), "HTTP status "+strconv.Itoa(int(status)))
	default:
		return reply{}, guest.Unreadable("HTTP status " + strconv.Itoa(int(status)) + " is not documented")
	}
	raw := response.GetBody()
	parsed, err := jsontext.Parse(raw)
	if err != nil || !utf8.Valid(raw) {
		return reply{}, guest.Unreadable("the body is not JSON")
	}
	if parsed.Twice("status", "message", "data") || parsed.Get("data").Twice(answered...) {
		return reply{}, guest.Unreadable("a member of the answer stands twice")
	}
	answer := reply{
		status: envelopes[strings.ToLower(parsed.Text("status"))], message: parsed.Text("message"),
		data: parsed.Get("data"), whole: parsed,
	}
	if answer.status == "" {
		return reply{}, guest.Unreadable("the envelope's status: neither 0 nor 1")
	}
	return answer, nil
}

// envelopes are the envelope's statuses, by their numbers and by the document's words in small letters.
var envelopes = map[string]string{ //nolint:gochecknoglobals // a table
	envelopeDone: envelopeDone, "success": envelopeDone,
	envelopeFailed: envelopeFailed, "fail": envelopeFailed,
}

// refusedWhole reports a request that Paygrt turned away before it made anything of it: it failed, and its data is null
// or empty. "status=0 should be treated as successful else fail" (API document, Error Codes).
func (r reply) refusedWhole() bool {
	return r.status == envelopeFailed && r.empty()
}

// empty reports data that is there and has nothing in it.
func (r reply) empty() bool {
	switch string(r.data.JSON()) {
	case `null`, `""`, `[]`, `{}`:
		return r.data.Exists() || r.data.IsNull()
	}
	return false
}

// refusedKey reports such a refusal that speaks of the key.
func (r reply) refusedKey() bool {
	return r.refusedWhole() && speaksOfKey(strings.ToLower(r.message))
}

// answered are the members of data that anything is made of.
var answered = []string{ //nolint:gochecknoglobals // a table
	"api_ref_id", "txn_id", "recharge_number", "recharge_amount", "recharge_status", "message", "status_code",
	"merchant_id", "balance",
}

// done ends a payment's call; one of the operation by itself has the answer as its output.
func done(call *abi.Call, outcome *abi.Outcome, answer reply) *abi.Step {
	if call.GetPayment() != nil {
		return guest.Done(outcome)
	}
	return native.Answered(outcome, answer.whole, isAmount)
}

// isAmount reports the members that hold an amount. Paygrt's are texts; a number becomes one.
func isAmount(name string) bool {
	return name == "balance" || name == "recharge_amount" || name == "remaining_balance"
}

// post starts a request with the account's credentials.
func post(account settings, path string, form *guest.Form) *guest.Request {
	return guest.NewRequest("POST", guest.Literal(path), guest.Text(account.merchant)).
		Header("api-key", guest.Secret(secretAPIKey)).
		Form(form)
}
