package main

import (
	"payrouter/abi/guest"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// isAmount reports the members that hold an amount or a price, wherever in an answer they stand.
func isAmount(name string) bool {
	if name != "" && name[0] >= 'A' && name[0] <= 'Z' { // a callback's object, among updates
		name = string(name[0]+'a'-'A') + name[1:]
	}
	switch name {
	case "fromCredit", "toCredit", "transactionAmount", "amountSent", "balanceBeforeWithdraw", "spreadBuy", "spreadSell",
		"amount", "expectedFee", "fees", "price", "balance", "newBalance", "received", "credited", "redeemedAmount",
		"totalAmount",
		"withdrawnAmount", "amountWillReceive", "receivedAmount", "feesRequestedCurrency", "balanceSourceAfter",
		"balanceDestAfter",
		"amountToSendInChosenCurrency", "coinTotalFees", "coinAmountWillReceive", "requestAmount", "amountToSwap":
		return true
	}
	return false
}

// done ends a call; one of the operation by itself has the answer as its output: PayGram's members under their own
// names, and amounts as text.
func (t *task) done(outcome *abi.Outcome, a answer) *abi.Step {
	if !t.native() {
		return guest.Done(outcome)
	}
	return native.Answered(outcome, a.Value, isAmount)
}
