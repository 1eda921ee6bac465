package main

import (
	"cmp"
	"strings"

	abi "payrouter/abi/v1"
)

// The words of recharge_status.
const (
	wordSuccess = "Success"
	wordPending = "Pending"
	wordFail    = "Fail"
)

// statuses are the router's words for recharge_status.
var statuses = map[string]abi.Status{ //nolint:gochecknoglobals // a table
	wordSuccess: abi.Status_STATUS_SUCCEEDED,
	wordPending: abi.Status_STATUS_PROCESSING,
	wordFail:    abi.Status_STATUS_FAILED,
}

// words are the document's words for a recharge's state, by the words in small letters and by their numbers.
var words = map[string]string{ //nolint:gochecknoglobals // a table
	"0": wordSuccess, "success": wordSuccess,
	"1": wordFail, "fail": wordFail,
	"2": wordPending, "pending": wordPending,
}

// wordOf settles status_code and recharge_status to one word. A recharge answers both, or the code alone when it
// failed; a status check answers the word alone. Either may be a word or its number. Without a word, why says what is
// wrong, and is empty where the answer has neither.
func wordOf(code, state string) (word, why string) {
	byCode, byState := words[strings.ToLower(code)], words[strings.ToLower(state)]
	switch {
	case code != "" && byCode == "":
		return "", "the status_code: not one that is documented"
	case state != "" && byState == "":
		return "", "the recharge_status: not one that is documented"
	case byCode != "" && byState != "" && byCode != byState:
		return "", "the status_code says " + byCode + ", and the recharge_status " + byState
	}
	return cmp.Or(byState, byCode), ""
}

// wordOf settles what the data says of a recharge's state.
func (r reply) wordOf() (word, why string) {
	return wordOf(r.data.Text("status_code"), r.data.Text("recharge_status"))
}
