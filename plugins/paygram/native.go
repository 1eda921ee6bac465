package main

import (
	"slices"
	"strconv"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
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

// wire is how a method's request is made, and what its answer names.
type wire struct {
	carriage carriage
	// path is /{token}/name where it is nil.
	path func(callbackData string) []*abi.Part
	// reference is the answer's member with PayGram's own reference.
	reference string
	// mayBeMissing marks a method that is about an object which may not exist.
	mayBeMissing bool
}

// method is a method of PayGram that no payment goes through, or that may be called by itself, too.
type method = native.Method[wire]

// methods are those that are called by themselves, by topic.
//
//nolint:gochecknoglobals // a table
var methods = native.Table[wire]{
	accountMethods, statementMethods, updateMethods, creditMethods, withdrawalMethods,
	marketMethods,
}

// commonFields are in every body.
//
//nolint:gochecknoglobals // a table
var commonFields = native.Fields{
	{
		Name: "requestId", Form: &native.Integer,
		Note: "Any number of the caller's own; the router draws one where it is left out.",
	},
	{Name: "userCliId", Note: "The PayGram user that acts; the account's own where it is left out."},
}

// inputOf are all the members that a schema names.
func inputOf(m *method) native.Fields {
	if m.Extra.carriage == asBody {
		return slices.Concat(commonFields, m.Input)
	}
	return m.Input
}

// prepareNative makes the method's request of the call's input.
func prepareNative(t *task, m *method) *abi.Step {
	if wrong := reject(t, m); wrong != nil {
		return wrong
	}
	path := pathOf(m.Name)
	if m.Extra.path != nil {
		path = m.Extra.path(t.input.Text(callbackDataName))
	}
	switch m.Extra.carriage {
	case asBody:
		return post(path, bodyOf(t, m)).Send(nil)
	case asQuery:
		return addQuery(t, m, guest.NewRequest("GET", path...)).Send(nil)
	case asGiven, asNothing:
	}
	if m.Extra.carriage == asNothing && isEmpty(t.input) {
		return guest.NewRequest("POST", path...).Send(nil)
	}
	body := jsontext.NewObject()
	native.Fields{}.Rest(body, t.input)
	return post(path, body).Send(nil)
}

func isEmpty(input jsontext.Value) bool {
	empty := true
	input.Each(func(string, jsontext.Value) { empty = false })
	return empty
}

// reject returns the step for an input that the method cannot take; nil where it can.
func reject(t *task, m *method) *abi.Step {
	further := m.Further
	if m.Extra.carriage == asQuery {
		further = func(name string, value jsontext.Value) string {
			if value.IsObject() || value.IsArray() {
				return m.Name + " takes no such member"
			}
			return m.Further(name, value)
		}
	}
	if wrong := inputOf(m).Reject(t.input, further); wrong != nil {
		return wrong
	}
	if t.GetCursor() != "" && !isIndex(t.GetCursor()) {
		return guest.Reject("invalid_request", "", "the cursor is none of PayGram's")
	}
	return nil
}

// bodyOf has the method's members in their order, then what else the input holds.
func bodyOf(t *task, m *method) *jsontext.Object {
	body := t.body()
	for i := range m.Input {
		addMember(t, m, &m.Input[i], body)
	}
	if m.KeyedBySetting != "" && t.clientUnique && t.GetReference() != "" && !t.input.Get(clientUnique).Exists() {
		body.String(clientUnique, t.GetReference())
	}
	inputOf(m).Rest(body, t.input)
	return body
}

// addMember adds one member to a body: the input's, or its default. An amount is a JSON number at PayGram.
func addMember(t *task, m *method, f *native.Field, body *jsontext.Object) {
	value := t.input.Get(f.Name)
	switch {
	case m.Paged && f.Name == startIndex && t.GetCursor() != "":
		body.Number(f.Name, t.GetCursor())
	case value.Exists() && f.Form == &native.Amount:
		body.Number(f.Name, value.Text())
	case value.Exists():
		body.Value(f.Name, value)
	case f.OurReference && t.GetReference() != "":
		body.String(f.Name, t.GetReference())
	case f.Default != "":
		standing, _ := jsontext.Parse([]byte(f.Default)) // the table's own
		body.Value(f.Name, standing)
	}
}

// addQuery adds the input's members, except those that the path takes.
func addQuery(t *task, m *method, request *guest.Request) *guest.Request {
	t.input.Each(func(name string, value jsontext.Value) {
		if m.Extra.path == nil || m.Input.Find(name) == nil {
			request.Query(name, value.Text())
		}
	})
	return request
}

// interpretNative hands PayGram's answer on; again is of a statement that askNewest has asked for.
func interpretNative(t *task, m *method, a answer, again bool) *abi.Step {
	if why := m.Mismatch(a.Value, native.Once); why != "" {
		return guest.Unreadable(why)
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	if code := a.Text(m.Extra.reference); m.Extra.reference != "" && isCode(code) {
		outcome.ProviderReference = code
	}
	if m.Paged {
		cursor, why := nextPage(t, a)
		if why != "" {
			return guest.Unreadable("the page: " + why)
		}
		outcome.Cursor = cursor
	}
	if t.GetQuery() != nil && m.Paged && !again && t.GetCursor() == "" && len(a.Items("statementEntries")) == 0 {
		return askNewest(t, m)
	}
	if t.GetQuery() != nil {
		if why := report(t, a, outcome); why != "" {
			return guest.Unreadable(why)
		}
	}
	return t.done(outcome, a)
}

// newest is a cursor that all entries stand before: the largest id of 64 bits.
const newest = "9223372036854775807"

// askNewest asks for a statement once more that was empty from 0 backward: nothing states that 0 is the newest entry
// there, and not the one before the first.
func askNewest(t *task, m *method) *abi.Step {
	input, err := queryInput(t, newest)
	if err != nil {
		return guest.Unreadable("the query cannot be asked again")
	}
	t.input = input
	return post(pathOf(m.Name), bodyOf(t, m)).Send([]byte(newest))
}

// nextPage is the id behind which the next page starts, the last of this one; empty where there is no more. Going
// backward, PayGram always states that there is another page: it is over when a page has no new id. A page may begin
// with the entry that the cursor names.
func nextPage(t *task, a answer) (cursor, why string) {
	here, forward := startOf(t)
	last, known := here, false
	entries := a.Items("statementEntries")
	for _, entry := range entries {
		id, isID := entryID(entry)
		known = known || isID
		if isID && isNew(id, last, forward) {
			last = id
		}
	}
	if len(entries) > 0 && !known {
		return "", "no entry's id is a whole number of 64 bits"
	}
	if more, isFlag := a.Flag("nextPageAvailable"); last == here || forward && isFlag && !more {
		return "", ""
	}
	return strconv.FormatInt(last, 10), ""
}

// startOf is the id that a page starts behind, 0 for where a statement begins, and whether it goes forward.
func startOf(t *task) (id int64, forward bool) {
	text := t.GetCursor()
	if text == "" {
		text = t.input.Text(startIndex)
	}
	id, _ = strconv.ParseInt(text, 10, 64) // none is where the statement begins
	forward, isFlag := t.input.Flag("goForward")
	return id, forward || !isFlag
}

// isNew reports an id that comes behind another.
func isNew(id, behind int64, forward bool) bool {
	if forward {
		return id > behind
	}
	return behind == 0 || id < behind
}

func entryID(entry jsontext.Value) (id int64, ok bool) {
	id, err := strconv.ParseInt(entry.Text("id"), 10, 64)
	return id, err == nil && id > 0
}

// isIndex reports whether a text is what nextPage makes.
func isIndex(cursor string) bool {
	id, err := strconv.ParseInt(cursor, 10, 64)
	return err == nil && id > 0
}
