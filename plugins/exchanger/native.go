package main

import (
	"strconv"
	"strings"

	"payrouter/abi/formtext"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

//go:generate go test -run TestSchemasAreThoseOfTheFields -update .

// The shorthand of the tables: the idempotency classes and how far the document goes.
const (
	safe    = abi.Idempotency_IDEMPOTENCY_SAFE
	risky   = abi.Idempotency_IDEMPOTENCY_NONE
	full    = abi.Documented_DOCUMENTED_FULL
	partial = abi.Documented_DOCUMENTED_PARTIAL
)

// gift is what the data of a method's answer look like.
type gift uint8

const (
	oneObject  gift = iota // an object; the site sends [] where it has nothing in it
	aList                  // a list of objects
	itemList               // an object with items, a list of objects; [] where there are none
	statusWord             // a bare word as a rule: "success" on some sites, the order's status on others
)

// native is a method of the API as it stands: what it takes and gives, and what an unanswered call of it may have done.
type native struct {
	name, summary string
	class         abi.Idempotency
	documented    abi.Documented
	takes         []field
	// oneOf takes nothing without one of them.
	oneOf bool
	// custom takes the site's own fields too: cf…, cfgive… and cfget….
	custom bool
	// open takes further fields: the document names none.
	open  bool
	gives gift
	// members are the data's, or those of each thing in a list.
	members []field
	// reference is the form of our reference, in api_id.
	reference *abi.ReferenceForm
	// settleAfter is how long, in milliseconds, what it makes may be missing from the list.
	settleAfter int64
	// finds marks a look-up that needs no more than our reference.
	finds bool
}

// natives are the methods of the API, by topic.
//
//nolint:gochecknoglobals // a table
var natives = [...][]native{directionMethods, bidMethods, partnerMethods}

// nativeOf is nil for a method that is not in the table.
func nativeOf(name string) *native {
	for _, topic := range natives {
		for i := range topic {
			if topic[i].name == name {
				return &topic[i]
			}
		}
	}
	return nil
}

func (n *native) operation() *abi.Operation {
	input, output := schemas(n.name)
	return &abi.Operation{
		Name: n.name, Summary: n.summary, Idempotency: n.class, Documented: n.documented, Paged: n.paged(),
		InputSchema: input, OutputSchema: output,
		// Nothing that the site has refused comes to be later.
		DeclineIsFinal: true,
		Reference:      n.reference, SettleAfterMs: n.settleAfter, FindsByReference: n.finds,
	}
}

// paged tells a list that is walked by its offset.
func (n *native) paged() bool { return n.gives == itemList }

// nativePage is how many things a list gives where the input asks for no other number.
const nativePage = 100

// prepareNative passes the input on as a form.
func prepareNative(call *abi.Call, account settings, method *native) *abi.Step {
	input := jsontext.Value{}
	if len(call.GetInput()) > 0 {
		parsed, err := jsontext.Parse(call.GetInput())
		if err != nil || !parsed.IsObject() {
			return guest.Reject("invalid_request", "", "the input is not a JSON object")
		}
		input = parsed
	}
	if reject := method.refuses(call, input); reject != nil {
		return reject
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
	if method.reference != nil && input.Text("api_id") == "" {
		form.Set("api_id", call.GetReference())
	}
	return post(call, account, method.name, form, stageNative, "")
}

// refuses says no to an input that the method cannot take. A field that stands twice has to fit both times: sites read
// the last one.
func (n *native) refuses(call *abi.Call, input jsontext.Value) (wrong *abi.Step) {
	input.Each(func(name string, value jsontext.Value) {
		if wrong != nil {
			return
		}
		f := fieldOf(n.takes, name)
		switch {
		case f != nil && value.Exists() && !f.fits(value):
			wrong = guest.Reject("invalid_request", pointer(name), name+" has to be "+f.shape())
		case f == nil && n.custom && isCustom(name) && value.IsString():
		case f == nil && (!n.open || !isScalar(value)):
			wrong = guest.Reject("invalid_request", pointer(name), "the method takes no such field")
		}
	})
	for i := range n.takes {
		if f := &n.takes[i]; f.must && input.Text(f.name) == "" && wrong == nil {
			wrong = guest.Reject("invalid_request", "/"+f.name, f.name+" is missing")
		}
	}
	if n.oneOf && wrong == nil && !n.named(input) {
		return guest.Reject("invalid_request", "", n.takes[0].name+" or "+n.takes[1].name+" has to be there")
	}
	if cursor := call.GetCursor(); cursor != "" && (!n.paged() || !isOffset(cursor)) && wrong == nil {
		return guest.Reject("invalid_request", "", "the cursor is none of the site's")
	}
	return wrong
}

// named tells that the input has one of the method's fields.
func (n *native) named(input jsontext.Value) bool {
	for i := range n.takes {
		if input.Text(n.takes[i].name) != "" {
			return true
		}
	}
	return false
}

// nativeText is a field's text; the fields inside cd are encoded once more, as calcFields has it.
func nativeText(name, text string) string {
	if name == "cd" {
		return formtext.Escape(text)
	}
	return text
}

// readNative hands the site's answer on.
func readNative(t turn) (*abi.Step, error) {
	if t.answer.failed() {
		return refusalOf(t.call.GetOperation(), t.answer), nil
	}
	method := nativeOf(t.call.GetOperation())
	if why := method.unlike(t.answer.data); why != "" {
		return guest.Unreadable(why), nil
	}
	outcome := new(abi.Outcome)
	switch method.name {
	case opCreateBid, opBidInfo:
		if id := t.answer.data.Text("id"); isID(id) {
			outcome.ProviderReference = id
			settle(outcome, t.answer.data.Text("status"), t)
		}
	case opAddPartnerPayout:
		outcome.ProviderReference = payoutReference(t.answer.data.Text("payout_id"))
	}
	if method.paged() {
		outcome.Cursor = nextPage(t)
	}
	return t.answered(outcome), nil
}

// answered ends a call that is of no payment: its output is the answer, with the site's members under their names and
// every amount as text.
func (t turn) answered(outcome *abi.Outcome) *abi.Step {
	output, wrong := t.answer.whole.Spell(isAmount)
	if wrong != "" {
		return guest.Unreadable("the answer: " + clip(wrong, 40) + " is not an amount")
	}
	outcome.Verdict, outcome.Output = abi.Verdict_VERDICT_ACCEPTED, output
	return guest.Done(outcome)
}

// unlike says how an answer's data differ from what the method gives; it is empty where they do not.
func (n *native) unlike(data jsontext.Value) string {
	switch n.gives {
	case oneObject:
		if isNothing(data) && !n.mustGive() {
			return ""
		}
		if !data.IsObject() {
			return "the data are no object"
		}
		return lacks(n.members, data)
	case aList:
		return unlikeList(n.members, data)
	case itemList:
		if isNothing(data) {
			return ""
		}
		return lacks([]field{{name: "items", form: list, must: true, members: n.members}}, data)
	case statusWord:
		if !data.Exists() {
			return "there are no data"
		}
	}
	return ""
}

// mustGive tells a method whose answer says nothing without a member of it.
func (n *native) mustGive() bool {
	for i := range n.members {
		if n.members[i].must {
			return true
		}
	}
	return false
}

// isNothing tells the empty list that the site sends where there is nothing.
func isNothing(data jsontext.Value) bool {
	return data.IsArray() && len(data.Items()) == 0
}

// nextPage is the offset of the page after this one; empty where this one is not full.
func nextPage(t turn) string {
	input, _ := jsontext.Parse(t.call.GetInput())
	limit, err := strconv.Atoi(input.Text("limit"))
	if err != nil || limit < 1 {
		limit = nativePage
	}
	offset, err := strconv.Atoi(either(t.call.GetCursor(), input.Text("offset")))
	if err != nil || offset < 0 {
		offset = 0
	}
	if len(t.answer.data.Items("items")) < min(limit, mostListed) {
		return ""
	}
	return strconv.Itoa(offset + min(limit, mostListed))
}

// isOffset tells what nextPage makes.
func isOffset(cursor string) bool {
	return isDigits(cursor) && len(cursor) <= 12
}

// pointer is the JSON pointer of a field that the caller named.
func pointer(name string) string {
	if name == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
