package main

import (
	"strconv"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// answer is a response that states success, with what it holds.
type answer struct {
	jsontext.Value
}

// readAnswer reads PayGram's flat envelope. Whatever is not a success ends the call with the step that it returns.
func readAnswer(response *abi.HttpResponse) (answer, *abi.Step) {
	switch status := response.GetStatus(); status {
	case 200:
	case 400, 415:
		return answer{}, invalid(status, response.GetBody())
	case 401, 403, 429:
		return answer{}, guest.Rejected(strconv.Itoa(int(status)), "HTTP status "+strconv.Itoa(int(status)))
	default:
		return answer{}, guest.Unreadable("HTTP status " + strconv.Itoa(int(status)))
	}
	value, err := jsontext.Parse(response.GetBody())
	if err != nil || !value.IsObject() {
		return answer{}, guest.Unreadable("the body is not a JSON object")
	}
	success, isBool := value.Flag("success")
	switch {
	case !isBool:
		return answer{}, guest.Unreadable("success is neither true nor false")
	case !success:
		return answer{}, refusal(value)
	}
	if code := failureCode(value); code != "" {
		return answer{}, guest.Unreadable("success, and yet response code " + code)
	}
	return answer{Value: value}, nil
}

// invalid reads ASP.NET's answer to a request that no method has seen. Anything else with its status is not readable.
func invalid(status uint32, body []byte) *abi.Step {
	value, err := jsontext.Parse(body)
	switch {
	case err != nil || !value.Get("traceId").Exists():
	case status == 400 && value.Get("errors").IsObject():
		return guest.Rejected(codeInvalid, value.Text("title"))
	case status == 415 && value.Text("status") == "415":
		return guest.Rejected(codeMediaType, value.Text("title"))
	}
	return guest.Unreadable("HTTP status " + strconv.Itoa(int(status)) + " without a problem of the API's")
}

// refusal reads success false. PayGram's older answers have a text alone; newer ones a code beside it.
func refusal(value jsontext.Value) *abi.Step {
	message := value.Text("message")
	switch code := failureCode(value); {
	case message == invalidToken:
		return guest.Rejected(invalidToken, message)
	case code != "":
		return guest.Rejected(code, message)
	case message != "":
		return guest.Rejected(message, message)
	}
	return guest.Unreadable("success is false, without a code or a message")
}

// failureCode is responseCode, which for a short time was in type; empty where there is none, or it states that all is
// well: 200, or any other below 400.
func failureCode(value jsontext.Value) string {
	for _, member := range [...]string{"responseCode", "type"} {
		switch code := responseCodes.number(value.Text(member)); code {
		case codeGeneric, codeUpdating, codeDuplicate, codeAuth, codeNotFound, codeNoFunds:
			return code
		case "", "0", "200":
		default:
			// PayGram calls every code below 400 a success.
			if number, err := strconv.Atoi(code); member == "responseCode" && (err != nil || number >= 400) {
				return code
			}
		}
	}
	return ""
}
