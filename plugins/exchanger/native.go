package main

import (
	"slices"
	"strconv"

	"payrouter/abi/formtext"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// native is a method of the API as it stands: the fields it takes, and how its answer is read.
type native struct {
	fields []string
	custom bool // takes cf…, cfgive… and cfget… too
	paged  bool
}

var natives = map[string]native{ //nolint:gochecknoglobals // the dispatch table
	opTest:          {fields: []string{"partner_id"}},
	opGetCurrencies: {fields: []string{"currency_id_give", "currency_id_get"}},
	opGetDirections: {fields: []string{"currency_id_give", "currency_id_get"}},
	opGetDirection:  {fields: []string{"direction_id"}},
	opGetCalc:       {fields: []string{"direction_id", "calc_amount", "calc_action", "cd"}},
	opGetExchanges:  {fields: []string{"start_time", "end_time", "ip", "id", "hash", "api_id", "status_history", "limit", "offset"}, paged: true},
	opCreateBid: {
		fields: []string{"direction_id", "calc_amount", "calc_action", "api_id", "partner_id", "callback_url", "account1", "account2"},
		custom: true,
	},
	opBidInfo:   {fields: []string{"id", "hash"}},
	opCancelBid: {fields: []string{"id", "hash"}},
	opPayBid:    {fields: []string{"id", "hash"}},
}

// nativePage is how many orders get_exchanges gives where the input asks for no other number.
const nativePage = 100

// prepareNative passes the input on as a form.
func prepareNative(call *abi.Call, account settings, method native) *abi.Step {
	input := jsontext.Value{}
	if len(call.GetInput()) > 0 {
		parsed, err := jsontext.Parse(call.GetInput())
		if err != nil || !parsed.IsObject() {
			return guest.Reject("invalid_request", "", "the input is not a JSON object")
		}
		input = parsed
	}
	form := new(guest.Form)
	var reject *abi.Step
	input.Each(func(name string, value jsontext.Value) {
		if !slices.Contains(method.fields, name) && (!method.custom || !isCustom(name)) || value.IsObject() || value.IsArray() {
			reject = guest.Reject("invalid_request", "/"+name, "the method takes no such field")
		}
		if !replaced(call, name) {
			form.Set(name, nativeText(name, value.Text()))
		}
	})
	if reject != nil {
		return reject
	}
	if call.GetCursor() != "" {
		form.Set("offset", call.GetCursor())
	}
	if call.GetOperation() == opCreateBid && input.Text("api_id") == "" {
		form.Set("api_id", call.GetReference())
	}
	return post(call, account, call.GetOperation(), form, stageNative, "")
}

// replaced tells the field that the call's cursor stands for.
func replaced(call *abi.Call, name string) bool {
	return name == "offset" && call.GetCursor() != ""
}

// nativeText is a field's text; the fields inside cd are encoded once more, as calcFields has it.
func nativeText(name, text string) string {
	if name == "cd" {
		return formtext.Escape(text)
	}
	return text
}

// readNative hands the site's answer on as it came.
func readNative(t turn) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Output: t.answer.raw}
	if id := t.answer.data.Text("id"); isID(id) && (t.call.GetOperation() == opCreateBid || t.call.GetOperation() == opBidInfo) {
		outcome.ProviderReference = id
		outcome.Status = stateOf(t.answer.data.Text("status"), 0, t.account.errorFinalAfter).status
	}
	if natives[t.call.GetOperation()].paged {
		outcome.Cursor = nextPage(t)
	}
	return guest.Done(outcome), nil
}

// nextPage is the offset of the page after this one; empty where this one is not full.
func nextPage(t turn) string {
	input, _ := jsontext.Parse(t.call.GetInput())
	limit, err := strconv.Atoi(input.Text("limit"))
	if err != nil || limit < 1 {
		limit = nativePage
	}
	here := either(t.call.GetCursor(), input.Text("offset"))
	offset, err := strconv.Atoi(here)
	if err != nil || offset < 0 {
		offset = 0
	}
	if len(t.answer.data.Items("items")) < min(limit, 500) {
		return ""
	}
	return strconv.Itoa(offset + min(limit, 500))
}
