package abiv1_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestFailureRuleMatches(t *testing.T) {
	t.Parallel()
	for claim, row := range map[string]struct {
		rule *abi.FailureRule
		want bool
	}{
		"all three agree": {&abi.FailureRule{
			Operation: "pay", HttpStatus: 422,
			ProviderCode: "limit",
		}, true},
		"a code alone":                      {&abi.FailureRule{ProviderCode: "limit"}, true},
		"a status alone, whatever the code": {&abi.FailureRule{HttpStatus: 422}, true},
		"another operation": {&abi.FailureRule{
			Operation: "refund", HttpStatus: 422,
			ProviderCode: "limit",
		}, false},
		"another status": {&abi.FailureRule{HttpStatus: 400, ProviderCode: "limit"}, false},
		"another code":   {&abi.FailureRule{HttpStatus: 422, ProviderCode: "other"}, false},
		"an operation alone is not every failure": {&abi.FailureRule{Operation: "pay"}, false},
		"nothing at all": {&abi.FailureRule{}, false},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, row.rule.Matches("pay", 422, "limit"))
		})
	}
}

func TestFirstMatchHolds(t *testing.T) {
	t.Parallel()
	rules := []*abi.FailureRule{
		{ProviderCode: "other", Code: "declined"},
		{Operation: "pay", HttpStatus: 422, ProviderCode: "limit", Code: "limit_exceeded"},
		{HttpStatus: 422, Code: "invalid_request"},
	}
	require.Same(t, rules[1], abi.FirstMatch(rules, "pay", 422, "limit"))
	require.Same(t, rules[2], abi.FirstMatch(rules, "refund", 422, "limit"))
	require.Nil(t, abi.FirstMatch(rules, "pay", 500, "limit"))
	require.Nil(t, abi.FirstMatch(nil, "pay", 422, "limit"))
}
