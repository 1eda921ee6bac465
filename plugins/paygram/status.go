package main

import (
	abi "payrouter/abi/v1"
)

// stage is what an invoice's state is worth.
type stage struct {
	unpaid abi.Status
	// Of a state that an invoice cannot have once it is paid.
	neverPaid bool
}

// stages has an invoice's state by PayGram's number, as long as it is not paid.
//
//nolint:gochecknoglobals // a table
var stages = map[string]stage{
	"1":   {unpaid: abi.Status_STATUS_PROCESSING},      // requested: made, not yet open to the payer
	"4":   {unpaid: abi.Status_STATUS_REQUIRES_ACTION}, // ongoing
	"2":   {unpaid: abi.Status_STATUS_UNKNOWN},         // completed, and yet not paid
	"3":   {unpaid: abi.Status_STATUS_CANCELED, neverPaid: true},
	"5":   {unpaid: abi.Status_STATUS_FAILED, neverPaid: true}, // error
	"7":   {unpaid: abi.Status_STATUS_FAILED, neverPaid: true}, // denied
	"8":   {unpaid: abi.Status_STATUS_PROCESSING},              // accepted
	"100": {unpaid: abi.Status_STATUS_PROCESSING},              // accepted
}

// statusOf maps an invoice's state. The alert is set where it contradicts itself, or is not known.
func statusOf(state string, paid, redeemed bool) (status abi.Status, alert string) {
	s, known := stages[state]
	switch {
	case !known:
		return abi.Status_STATUS_UNKNOWN, "PayGram's invoice has a status that is not known: " + state
	case paid && s.neverPaid:
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the invoice paid, but its status is " + state
	case paid && redeemed:
		return abi.Status_STATUS_SUCCEEDED, ""
	case paid:
		return abi.Status_STATUS_PROCESSING, ""
	case redeemed:
		return abi.Status_STATUS_UNKNOWN, "PayGram calls the invoice redeemed, but not paid"
	case s.unpaid == abi.Status_STATUS_UNKNOWN:
		return s.unpaid, "PayGram calls the invoice completed, but not paid"
	}
	return s.unpaid, ""
}

// failedCode is the provider code of an invoice that failed; the failure table has it.
func failedCode(state string) string {
	return "invoice status " + state
}
