package main

import (
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

// codes are the words that stand for status_code.
var codes = map[string]string{ //nolint:gochecknoglobals // a table
	"0": wordSuccess,
	"1": wordFail,
	"2": wordPending,
}

// wordOf settles status_code and recharge_status to one word. A recharge answers both, or the code alone when it
// failed; a status check answers the word alone. It is empty where they contradict each other or are not known.
func wordOf(code, word string) string {
	byCode, known := codes[code]
	if !known && code != "" {
		return ""
	}
	if word == "" {
		return byCode
	}
	if _, known := statuses[word]; !known {
		return ""
	}
	if byCode != "" && byCode != word {
		return ""
	}
	return word
}
