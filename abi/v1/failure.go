// Package abiv1 is the contract between the router and a provider plugin, in Go: what abi.proto generates, and what its
// messages mean together.
package abiv1

// FailureCodes is the closed list of the canonical failure codes. True stands for a reason that every provider would
// give, false for one of a single provider's or account's, unless a failure rule states otherwise.
//
//nolint:gochecknoglobals // a lookup table
var FailureCodes = map[string]bool{
	"insufficient_funds":    false,
	"limit_exceeded":        false,
	"unsupported":           false,
	"provider_unavailable":  false,
	"rate_limited":          false,
	"authentication_failed": false,
	"account_restricted":    false,
	"provider_error":        false,
	"not_found":             false,
	"duplicate":             true,
	"invalid_destination":   true,
	"invalid_request":       true,
	"expired":               true,
	"canceled_by_payer":     true,
	"fraud_suspected":       true,
	"declined":              true,
	"rejected":              true, // by a person who was to approve it
}

// Matches reports whether the rule is about a failure of an operation, with the HTTP status of the answer and the
// provider's own code for it. What a rule leaves out holds for all; but without a code it needs a status, so that no
// rule takes every failure.
func (m *FailureRule) Matches(operation string, httpStatus uint32, code string) bool {
	if m.GetOperation() != "" && m.GetOperation() != operation {
		return false
	}
	if m.GetHttpStatus() != 0 && m.GetHttpStatus() != httpStatus {
		return false
	}
	if m.GetProviderCode() == "" {
		return m.GetHttpStatus() != 0
	}
	return m.GetProviderCode() == code
}

// FirstMatch is the first of the rules that matches, which is the one that holds; nil where none does.
func FirstMatch(rules []*FailureRule, operation string, httpStatus uint32, code string) *FailureRule {
	for _, rule := range rules {
		if rule.Matches(operation, httpStatus, code) {
			return rule
		}
	}
	return nil
}
