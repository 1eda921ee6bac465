package main

import (
	"cmp"
	"slices"
	"strconv"

	"payrouter/abi/formtext"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// The shorthand of the tables: the idempotency classes and how far the document goes.
const (
	safe    = abi.Idempotency_IDEMPOTENCY_SAFE
	risky   = abi.Idempotency_IDEMPOTENCY_NONE
	full    = abi.Documented_DOCUMENTED_FULL
	partial = abi.Documented_DOCUMENTED_PARTIAL
	// unlisted methods are the vendor's source's alone.
	unlisted = abi.Documented_DOCUMENTED_NO
)

// data is what the data of a method's answer look like.
type data uint8

const (
	oneObject  data = iota // an object; the site sends [] where it has nothing in it
	aList                  // a list of objects
	itemList               // an object with items, a list of objects; [] where there are none
	statusWord             // a bare word as a rule: "success" on some sites, the order's status on others
)

// wire is what is particular to a method of these sites.
type wire struct {
	data data
	// oneOf takes nothing without one of its first two fields; with the second goes whatever comes after it.
	oneOf bool
	// custom takes the site's own fields too: cf…, cfgive… and cfget….
	custom bool
}

// method is a method of the API as it stands. Its output is the members of the data, or of each object in a list. No
// method does later what it has refused, so every decline is final.
type method = native.Method[wire]

// methods are the methods of the API, by topic.
//
//nolint:gochecknoglobals // a table
var methods = native.Table[wire]{directionMethods, bidMethods, partnerMethods}

// nativePage is how many things a list gives where the input asks for no other number.
const nativePage = 100

// prepareNative passes the input on as a form.
func prepareNative(call *abi.Call, account settings, m *method) *abi.Step {
	input := jsontext.Value{}
	if len(call.GetInput()) > 0 {
		parsed, err := jsontext.Parse(call.GetInput())
		if err != nil || !parsed.IsObject() {
			return guest.Reject("invalid_request", "", "the input is not a JSON object")
		}
		input = parsed
	}
	if refused := reject(m, call, input); refused != nil {
		return refused
	}
	form := new(guest.Form)
	input.Each(func(name string, value jsontext.Value) {
		if name != "offset" || call.GetCursor() == "" {
			form.Set(name, nativeText(name, value.Text()))
		}
	})
	if call.GetCursor() != "" {
		form.Set("offset", call.GetCursor())
	}
	if m.Reference != nil && input.Text("api_id") == "" {
		form.Set("api_id", call.GetReference())
	}
	return post(call, account, m.Name, form, stageNative, "")
}

// reject returns the step for an input that the method cannot take; nil where it can.
func reject(m *method, call *abi.Call, input jsontext.Value) *abi.Step {
	wrong := m.Input.Reject(input, func(name string, value jsontext.Value) string {
		if m.Extra.custom && isCustom(name) && value.IsString() || m.Open && isScalar(value) {
			return ""
		}
		return "the method takes no such field"
	})
	if wrong != nil {
		return wrong
	}
	if m.Extra.oneOf {
		first, second := m.Input[0].Name, m.Input[1].Name
		further := slices.ContainsFunc(m.Input[2:], func(f native.Field) bool { return input.Text(f.Name) == "" })
		if input.Text(first) == "" && (input.Text(second) == "" || further) {
			return guest.Reject("invalid_request", "", first+" or "+second+" has to be there")
		}
	}
	if cursor := call.GetCursor(); cursor != "" && (!m.Paged || !isOffset(cursor)) {
		return guest.Reject("invalid_request", "", "the cursor is none of the site's")
	}
	return nil
}

// nativeText is a field's text; the fields inside cd are encoded once more, as calcFields has it.
func nativeText(name, text string) string {
	if name == "cd" {
		return formtext.Escape(text)
	}
	return text
}

// readNative hands the site's answer on.
func readNative(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusalOf(t.call.GetOperation(), t.answer), nil
	}
	m := methods.Find(t.call.GetOperation())
	if why := unlike(m, t.answer.data); why != "" {
		return guest.Unreadable(why), nil
	}
	outcome := new(abi.Outcome)
	switch m.Name {
	case opCreateBid, opBidInfo:
		if id := t.answer.data.Text("id"); isID(id) {
			outcome.ProviderReference = id
			settle(outcome, t.answer.data.Text("status"), t)
		}
	case opAddPartnerPayout:
		outcome.ProviderReference = payoutReference(t.answer.data.Text("payout_id"))
	}
	if m.Paged {
		outcome.Cursor = nextPage(t)
	}
	return t.answered(outcome), nil
}

// answered ends a call that is of no payment: its output is the answer, with the site's members under their names and
// every amount as text.
func (t reply) answered(outcome *abi.Outcome) *abi.Step {
	return native.Answered(outcome, t.answer.whole, isAmount)
}

// unlike returns how an answer's data differ from what the method's answers hold; empty where they do not.
func unlike(m *method, data jsontext.Value) string {
	switch m.Extra.data {
	case oneObject:
		if isNothing(data) && !requires(m) {
			return ""
		}
		if !data.IsObject() {
			return "the data are no object"
		}
		return m.Output.Mismatch(data, native.All|native.Once)
	case aList:
		if !data.IsArray() {
			return "there is no list"
		}
		return m.Output.MismatchOfItems("the list", data, native.All|native.Once)
	case itemList:
		if isNothing(data) {
			return ""
		}
		return items(m, true).Mismatch(data, native.All|native.Once)
	case statusWord:
		if !data.Exists() {
			return "there are no data"
		}
	}
	return ""
}

// items are the data of a list that is walked by its offset.
func items(m *method, required bool) native.Fields {
	return native.Fields{{Name: "items", Form: &native.List, Required: required, Members: m.Output}}
}

// requires reports a method whose answer means nothing without a member of it.
func requires(m *method) bool {
	return slices.ContainsFunc(m.Output, func(f native.Field) bool { return f.Required })
}

// isNothing reports whether data are the empty list that the site sends where there is nothing.
func isNothing(data jsontext.Value) bool {
	return data.IsArray() && len(data.Items()) == 0
}

// nextPage is the offset of the page after this one; empty where this one is not full.
func nextPage(t reply) string {
	input, _ := jsontext.Parse(t.call.GetInput())
	limit, err := strconv.Atoi(input.Text("limit"))
	if err != nil || limit < 1 {
		limit = nativePage
	}
	offset, err := strconv.Atoi(cmp.Or(t.call.GetCursor(), input.Text("offset")))
	if err != nil || offset < 0 {
		offset = 0
	}
	if len(t.answer.data.Items("items")) < min(limit, mostListed) {
		return ""
	}
	return strconv.Itoa(offset + min(limit, mostListed))
}

// isOffset reports whether a text is what nextPage makes.
func isOffset(cursor string) bool {
	return isDigits(cursor) && len(cursor) <= 12
}
