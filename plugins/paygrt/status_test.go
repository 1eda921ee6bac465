package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestWordOf(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ code, word, want string }{
		"code and word agree on success":        {"0", "Success", "Success"},
		"code and word agree on pending":        {"2", "Pending", "Pending"},
		"code and word agree on failure":        {"1", "Fail", "Fail"},
		"code alone, success":                   {"0", "", "Success"},
		"code alone, as on a documented fail":   {"1", "", "Fail"},
		"code alone, pending":                   {"2", "", "Pending"},
		"word alone, as on a status check":      {"", "Success", "Success"},
		"word alone, pending":                   {"", "Pending", "Pending"},
		"word alone, failed":                    {"", "Fail", "Fail"},
		"neither":                               {"", "", ""},
		"an unknown code":                       {"3", "", ""},
		"an unknown code beside a known word":   {"3", "Success", ""},
		"an unknown word":                       {"", "Refunded", ""},
		"an unknown word beside a known code":   {"0", "Refunded", ""},
		"success by code and failure by word":   {"0", "Fail", ""},
		"failure by code and success by word":   {"1", "Success", ""},
		"words stand in any case":               {"", "SUCCESS", "Success"},
		"a number for the word":                 {"", "2", "Pending"},
		"a word for the number":                 {"fail", "", "Fail"},
		"both, the other way round":             {"Pending", "2", "Pending"},
		"another word than the documented":      {"", "Failed", ""},
		"pending by code, success by the word":  {"2", "Success", ""},
		"success by code, pending by the word":  {"0", "Pending", ""},
		"failure by code, pending by the word":  {"1", "Pending", ""},
		"a code is matched whole":               {"00", "Success", ""},
		"a code with a blank is not documented": {" 0", "Success", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			word, why := wordOf(row.code, row.word)
			require.Equal(t, row.want, word)
			require.Equal(t, row.want == "" && row.code+row.word != "", why != "", why)
		})
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]abi.Status{
		"Success": abi.Status_STATUS_SUCCEEDED,
		"Pending": abi.Status_STATUS_PROCESSING,
		"Fail":    abi.Status_STATUS_FAILED,
	}, statuses)
}
