package main

import (
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// carriage is how a method's members travel.
type carriage uint8

const (
	// In a JSON body, beside requestId and userCliId.
	asBody carriage = iota
	// In a JSON body of what the input holds, and nothing else.
	asGiven
	// Not at all: POST without a body. What an open method is given travels asGiven.
	asNothing
	// In the query of a GET.
	asQuery
)

//go:generate go test -run TestSchemasAreThoseOfTheFields -update .

// native is a method of PayGram as it stands: what it takes and gives, and what an unanswered call of it may have done.
type native struct {
	name, summary string
	class         abi.Idempotency
	documented    abi.Documented
	carriage      carriage
	// path is /{token}/name where it is nil.
	path  func(callbackData string) []*abi.Part
	takes []field
	// closed takes no members but those: the document shows all.
	closed bool
	gives  []field
	// keyed marks a request that spends: clientUnique keeps it from being done twice where the account honours it.
	keyed bool
	// paged walks by startIdx.
	paged bool
	// reference is the answer's member with PayGram's own reference.
	reference string
	// makes is what kind of object its reference names, where no payment's create makes such objects.
	makes string
	// finds marks a method that is about an object which may not be there.
	finds bool
	// final marks a spending request that PayGram does not come back to once it has declined it.
	final bool
	// traces marks a look-up that can find a payment by our reference.
	traces bool
}

// natives are the methods that no payment goes through, by topic.
//
//nolint:gochecknoglobals // a table
var natives = [...][]native{
	accountMethods, statementMethods, updateMethods, creditMethods, withdrawalMethods,
	marketMethods,
}

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
	operation := &abi.Operation{
		Name: n.name, Summary: n.summary, Idempotency: n.class, Documented: n.documented, Paged: n.paged,
		InputSchema: input, OutputSchema: output,
		DeclineIsFinal: n.class == abi.Idempotency_IDEMPOTENCY_SAFE || n.final, FindsByReference: n.traces,
		Object: n.makes,
	}
	for _, f := range n.takes {
		if f.ours {
			operation.Reference = reference()
		}
	}
	if n.keyed {
		operation.KeyedBySetting = keyedBySetting
	}
	return operation
}

// commonFields are in every body.
//
//nolint:gochecknoglobals // a table
var commonFields = []field{
	{
		name: "requestId", form: whole,
		note: "Any number of the caller's own; the router draws one where it is left out.",
	},
	{name: "userCliId", note: "The PayGram user that acts; the account's own where it is left out."},
}

// inputs are all the members that a schema names.
func (n *native) inputs() []field {
	var all []field
	if n.carriage == asBody {
		all = append(all, commonFields...)
	}
	return append(all, n.takes...)
}

// prepareNative makes the method's request of the call's input.
func prepareNative(t *task, n *native) *abi.Step {
	if wrong := n.refuses(t); wrong != nil {
		return wrong
	}
	path := pathOf(n.name)
	if n.path != nil {
		path = n.path(t.input.Text(callbackDataName))
	}
	switch n.carriage {
	case asBody:
		return post(path, n.body(t)).Send(nil)
	case asQuery:
		return n.query(t, guest.NewRequest("GET", path...)).Send(nil)
	case asGiven, asNothing:
	}
	body := jsontext.NewObject()
	if n.given(t, body) == 0 && n.carriage == asNothing {
		return guest.NewRequest("POST", path...).Send(nil)
	}
	return post(path, body).Send(nil)
}

// refuses says no to an input that the method cannot take.
func (n *native) refuses(t *task) *abi.Step {
	fields := n.inputs()
	for i := range fields {
		f := &fields[i]
		switch value := t.input.Get(f.name); {
		case f.must && (!value.Exists() || f.form == text && value.Text() == ""):
			return missing(f.name)
		case value.Exists() && !f.fits(value):
			return guest.Reject("invalid_request", "/"+f.name, f.name+" has to be "+f.shape()+f.more())
		}
	}
	var wrong *abi.Step
	t.input.Each(func(name string, value jsontext.Value) {
		flat := !value.IsObject() && !value.IsArray()
		if !names(fields, name) && (n.closed || n.carriage == asQuery && !flat) && wrong == nil {
			wrong = guest.Reject("invalid_request", pointer(name), n.name+" takes no such member")
		}
	})
	if t.GetCursor() != "" && !isIndex(t.GetCursor()) {
		return guest.Reject("invalid_request", "", "the cursor is none of PayGram's")
	}
	return wrong
}

// pointer is the JSON pointer of a member that the caller named.
func pointer(name string) string {
	if name == "" {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func names(fields []field, name string) bool {
	for i := range fields {
		if fields[i].name == name {
			return true
		}
	}
	return false
}

// body has the method's members in their order, then what else the input holds.
func (n *native) body(t *task) *jsontext.Object {
	body := t.body()
	for i := range n.takes {
		n.add(t, &n.takes[i], body)
	}
	if n.keyed && t.clientUnique && t.GetReference() != "" && !t.input.Get(clientUnique).Exists() {
		body.String(clientUnique, t.GetReference())
	}
	t.input.Each(func(name string, value jsontext.Value) {
		if !names(commonFields, name) && !names(n.takes, name) {
			body.Value(name, value)
		}
	})
	return body
}

// add is one member of a body: the input's, or what stands for it.
func (n *native) add(t *task, f *field, body *jsontext.Object) {
	value := t.input.Get(f.name)
	switch {
	case n.paged && f.name == startIndex && t.GetCursor() != "":
		body.Number(f.name, t.GetCursor())
	case value.Exists():
		f.add(body, value)
	case f.ours && t.GetReference() != "":
		body.String(f.name, t.GetReference())
	case f.otherwise != "":
		standing, _ := jsontext.Parse([]byte(f.otherwise)) // the table's own
		body.Value(f.name, standing)
	}
}

// given copies the input's members, and counts them.
func (n *native) given(t *task, body *jsontext.Object) (count int) {
	t.input.Each(func(name string, value jsontext.Value) {
		body.Value(name, value)
		count++
	})
	return count
}

// query has the input's members, but for what the path takes.
func (n *native) query(t *task, request *guest.Request) *guest.Request {
	t.input.Each(func(name string, value jsontext.Value) {
		if n.path == nil || !names(n.takes, name) {
			request.Query(name, value.Text())
		}
	})
	return request
}

// interpretNative hands PayGram's answer on.
func interpretNative(t *task, n *native, a answer) *abi.Step {
	if why := lacks(n.gives, n.documented == full, a.Value); why != "" {
		return guest.Unreadable(why)
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	if code := a.Text(n.reference); n.reference != "" && isCode(code) {
		outcome.ProviderReference = code
	}
	if n.paged {
		cursor, why := nextPage(t, a)
		if why != "" {
			return guest.Unreadable("the page: " + why)
		}
		outcome.Cursor = cursor
	}
	if t.GetQuery() != nil {
		if why := tell(t, a, outcome); why != "" {
			return guest.Unreadable(why)
		}
	}
	return t.done(outcome, a)
}

// nextPage is the index of the first entry behind this page; empty where it was the last.
func nextPage(t *task, a answer) (cursor, why string) {
	if more, isFlag := a.Flag("nextPageAvailable"); !isFlag || !more {
		return "", ""
	}
	shown := len(a.Items("statementEntries"))
	if shown == 0 {
		return "", "it is empty, and yet there is another"
	}
	here := t.GetCursor()
	if here == "" {
		here = t.input.Text(startIndex)
	}
	start, err := strconv.Atoi(here)
	if err != nil {
		start = 0
	}
	return strconv.Itoa(start + shown), ""
}

// isIndex tells what nextPage makes.
func isIndex(cursor string) bool {
	index, err := strconv.Atoi(cursor)
	return err == nil && index >= 0
}
