package main

import (
	"payrouter/abi/guest"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// withdrawalMethods pay credit out.
//
//nolint:gochecknoglobals // a table
var withdrawalMethods = []method{
	{
		Name: withdraw, Summary: "Pay a user's credit out, to an address or a bank account.",
		Class: risky, Documented: partial, Final: true,
		Open: true, KeyedBySetting: keyedBySetting, Reference: &referenceForm, Extra: wire{reference: "invoiceCode"},
		Input: native.Fields{
			{Name: "provider", Form: &native.Integer, Default: "0", Note: "0 lets PayGram choose."},
			amountField,
			callbackField,
			{Name: "withdrawMethod", Form: &native.Object, Required: true, Members: native.Fields{
				currencyField,
				networkField,
				{Name: "cryptoAddress"},
				{Name: "beneficiaryAccountFullname"},
				{Name: "bankIban"},
				{Name: "bicSwift"},
				{Name: "bankAccount"},
				{Name: "bankRoutingNumber"},
				{Name: "bankSortCode"},
				{Name: "bankAddress", Form: &native.Object, Members: addressMembers},
				{Name: "beneficiaryAddress", Form: &native.Object, Members: addressMembers},
			}},
			uniqueField,
		},
		Output: native.Fields{
			{Name: "newBalance", Form: &native.Amount},
			{Name: "expectedFee", Form: &native.Amount},
			// Of these two amounts neither is to be believed: an assignment at PayGram overwrites them with the fee.
			{Name: "withdrawnAmount", Form: &native.Amount},
			{Name: "amountWillReceive", Form: &native.Amount},
			{Name: "invoiceCode"},
		},
	},
	{
		Name: "UpdateWithdraw", Summary: "Change a withdrawal. What it takes is not public: members are sent as given.",
		Class: risky, Documented: partial,
		Open: true, Extra: wire{mayBeMissing: true},
	},
	{
		Name: "Approve/Update", Summary: "Approve or refuse what waits for a word, a withdrawal as it seems.",
		Class: risky, Documented: partial,
		Open: true, Extra: wire{carriage: asGiven, path: approvePath, mayBeMissing: true},
		Input: native.Fields{
			{Name: "id", Note: "Inferred."},
			{Name: "isApproved", Form: &native.Boolean, Note: "Inferred."},
		},
	},
}

func approvePath(string) []*abi.Part {
	return []*abi.Part{guest.Literal("/Approve/Update/"), guest.Secret(token)}
}
