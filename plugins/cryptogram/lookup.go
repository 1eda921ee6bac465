package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// collection is the path of Cryptogram's payments.
const collection = "/api/v1/commerce-payments"

// request starts a request as all of Cryptogram's are made.
func request(method string, path ...*abi.Part) *guest.Request {
	return guest.NewRequest(method, path...).Bearer("token").Header("Accept", guest.Literal("application/json"))
}

func prepareGet(call *abi.Call, _ settings) *abi.Step {
	id, refusal := idOf(call)
	if refusal != nil {
		return refusal
	}
	return request("GET", guest.Literal(collection+"/"), guest.Text(id)).Send(nil)
}

// prepareUpdate sends what the payment has of the fields that may change. Cryptogram leaves alone what is not sent.
func prepareUpdate(call *abi.Call, _ settings) *abi.Step {
	id, refusal := idOf(call)
	if refusal != nil {
		return refusal
	}
	fields, refusal := changesOf(call)
	if refusal != nil {
		return refusal
	}
	if redirect := fields["redirect"]; redirect != "" && !guest.IsWebAddress(redirect) {
		page := pageOfPayment
		if call.GetPayment() == nil {
			page = pageOfInput
		}
		return guest.Reject("invalid_request", page, "the page that the payer is sent back to has to be an http(s) URL")
	}
	// A new redirect has to carry the mark that the old one had: it is how the payment is recognized.
	fields["redirect"] = marked(fields["redirect"], call.GetCreateReference())
	body, changed := jsontext.NewObject(), false
	for _, name := range changeable {
		if fields[name] == "" {
			continue
		}
		body.String(name, fields[name])
		changed = true
	}
	if !changed {
		return guest.Reject("unsupported", "",
			"Cryptogram changes a payment's title, description, redirect and message, and nothing else")
	}
	return request("PATCH", guest.Literal(collection+"/"), guest.Text(id)).JSON(body.JSON()).Send(nil)
}

// changeable are the fields that a PATCH may have, as the document orders them.
var changeable = []string{"title", "description", "redirect", "message"} //nolint:gochecknoglobals // a table

// changesOf gathers the changeable fields: the payment's, and over them the input's in Cryptogram's names.
func changesOf(call *abi.Call) (map[string]string, *abi.Step) {
	extra, refusal := readOptions(call.GetPayment().GetOptions())
	if refusal != nil {
		return nil, refusal
	}
	fields := map[string]string{
		"title":       extra.title,
		"description": call.GetPayment().GetDescription(),
		"redirect":    call.GetPayment().GetReturnUrl(),
		"message":     extra.message,
	}
	if len(call.GetInput()) == 0 {
		return fields, nil
	}
	input, err := jsontext.Parse(call.GetInput())
	if err != nil || !input.IsObject() {
		return nil, guest.Reject("invalid_request", "", "the input is not a JSON object")
	}
	for _, name := range changeable {
		if text := input.Text(name); text != "" {
			fields[name] = text
		}
	}
	return fields, nil
}

// idOf is the payment that a call is about: Cryptogram's id, or a native call's input. Cryptogram has no other way to
// name one.
func idOf(call *abi.Call) (string, *abi.Step) {
	id := call.GetProviderReference()
	if id == "" && call.GetPayment() == nil {
		input, _ := jsontext.Parse(call.GetInput())
		id = input.Text("id")
	}
	if id == "" {
		return "", guest.Reject("unsupported", "",
			"Cryptogram finds a payment by its own id alone, and it is not known")
	}
	if !isID(id) {
		return "", guest.Reject("invalid_request", "/id", "this is not an id of Cryptogram's")
	}
	return id, nil
}

// isID reports whether a text may stand for an id in a path: ids come in by notifications that anyone can send.
func isID(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	return strings.Trim(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" &&
		strings.Trim(text, "-") != ""
}
