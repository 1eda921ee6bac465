package check

import (
	abi "payrouter/abi/v1"
)

// codes is the router's closed list of failure codes.
//
//nolint:gochecknoglobals // a table
var codes = map[string]bool{
	"insufficient_funds": true, "invalid_destination": true, "invalid_request": true, "limit_exceeded": true,
	"unsupported": true, "provider_unavailable": true, "rate_limited": true, "authentication_failed": true,
	"duplicate": true, "not_found": true, "expired": true, "canceled_by_payer": true, "fraud_suspected": true,
	"declined": true, "account_restricted": true, "provider_error": true,
}

// Rule is the first of a manifest's failure rules that matches, or nil: then the host takes the failure for unreadable.
func Rule(manifest *abi.Manifest, operation string, status uint32, code string) *abi.FailureRule {
	for _, rule := range manifest.GetFailures() {
		if matches(rule, operation, status, code) {
			return rule
		}
	}
	return nil
}

func matches(rule *abi.FailureRule, operation string, status uint32, code string) bool {
	if rule.GetOperation() != "" && rule.GetOperation() != operation {
		return false
	}
	if rule.GetHttpStatus() != 0 && rule.GetHttpStatus() != status {
		return false
	}
	if rule.GetProviderCode() == "" {
		return rule.GetHttpStatus() != 0
	}
	return rule.GetProviderCode() == code
}
