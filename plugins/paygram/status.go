package main

import (
	abi "payrouter/abi/v1"
)

// stage is what an invoice's state is worth.
type stage struct {
	state  string // PayGram's number
	unpaid abi.Status
	// over: the invoice has ended without success. Its payer may have paid all the same.
	over bool
}

// stages has an invoice's states, and what each is worth as long as the invoice is not paid.
//
//nolint:gochecknoglobals // a table
var stages = [...]stage{
	{state: "1", unpaid: abi.Status_STATUS_PROCESSING},      // requested: made, not yet open to the payer
	{state: "4", unpaid: abi.Status_STATUS_REQUIRES_ACTION}, // ongoing
	{state: "2", unpaid: abi.Status_STATUS_UNKNOWN},         // completed, and yet not paid
	{state: "3", unpaid: abi.Status_STATUS_CANCELED, over: true},
	{state: "5", unpaid: abi.Status_STATUS_FAILED, over: true}, // error
	{state: "7", unpaid: abi.Status_STATUS_FAILED, over: true}, // denied
	{state: "8", unpaid: abi.Status_STATUS_PROCESSING},         // accepted
	{state: "100", unpaid: abi.Status_STATUS_PROCESSING},       // accepted
}

// stageOf is nil for a state that is not known.
func stageOf(state string) *stage {
	for i := range stages {
		if stages[i].state == state {
			return &stages[i]
		}
	}
	return nil
}

// statusOf maps an invoice's state. The alert is set where it contradicts itself, or is not known.
func statusOf(state string, paid, redeemed bool) (status abi.Status, alert string) {
	s := stageOf(state)
	switch {
	case s == nil:
		return abi.Status_STATUS_UNKNOWN, "PayGram's invoice has a status that is not known: " + state
	case paid && s.over:
		// What was paid goes with it: the host decides what a payment is that ended with money in it.
		return s.unpaid, ""
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
