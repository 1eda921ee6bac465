package main

import (
	"strconv"
	"unicode/utf8"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// envelope is what every answer comes in: {"error", "error_text", "error_fields", "data"}.
type envelope struct {
	// "0" for none. The site sends it as a number here and as a string there.
	code   string
	text   string
	fields jsontext.Value
	data   jsontext.Value
	whole  jsontext.Value
}

// readEnvelope reads the envelope, or ends the call where there is none. The API itself always answers 200: another
// status comes from what stands in front of it.
func readEnvelope(response *abi.HttpResponse) (envelope, *abi.Step) {
	switch status := response.GetStatus(); status {
	case 200:
	case 401, 403, 429:
		return envelope{}, guest.Rejected(strconv.Itoa(int(status)), "HTTP status "+strconv.Itoa(int(status)))
	default:
		return envelope{}, guest.Unreadable("HTTP status " + strconv.Itoa(int(status)) + " is not the API's")
	}
	raw := response.GetBody()
	parsed, err := jsontext.Parse(raw)
	if err != nil || !utf8.Valid(raw) {
		return envelope{}, guest.Unreadable("the body is not JSON")
	}
	answer := envelope{
		code: parsed.Text("error"), text: plain(parsed.Text("error_text")), fields: parsed.Get("error_fields"),
		data: parsed.Get("data"), whole: parsed,
	}
	seen := 0
	parsed.Each(func(name string, _ jsontext.Value) {
		if name == "error" || name == "data" {
			seen++
		}
	})
	// Of two of a name the host might read the other one.
	if seen > 2 {
		return envelope{}, guest.Unreadable("the envelope has a member twice")
	}
	if answer.code == "" {
		return envelope{}, guest.Unreadable("the envelope has no error member")
	}
	return answer, nil
}

// failed reports whether an answer is an error.
func (e envelope) failed() bool {
	return e.code != "0"
}

// post asks a method of the API, as the call's own operation where it is that. JSON bodies are ignored by the sites.
func post(call *abi.Call, account settings, method string, form *guest.Form, stage byte, note string) *abi.Step {
	request := guest.NewRequest("POST", guest.Literal("/api/userapi/v1/"+method)).
		Header("API-LOGIN", guest.Secret(secretLogin)).
		Header("API-KEY", guest.Secret(secretKey)).
		Header("API-LANG", guest.Text(account.lang)).
		Form(form)
	state := append([]byte{stage}, note...)
	if method == call.GetOperation() {
		return request.Send(state)
	}
	return request.SendAs(method, state)
}
