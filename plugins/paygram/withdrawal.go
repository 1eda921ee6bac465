package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// withdrawalMethods pay credit out.
//
//nolint:gochecknoglobals // a table
var withdrawalMethods = []native{
	{
		name: withdraw, summary: "Pay a user's credit out, to an address or a bank account.",
		class: risky, documented: partial, keyed: true, final: true, reference: "invoiceCode",
		takes: []field{
			{name: "provider", form: whole, otherwise: "0", note: "0 lets PayGram choose."},
			amountField,
			callbackField,
			{name: "withdrawMethod", form: object, must: true, members: []field{
				currencyField,
				networkField,
				{name: "cryptoAddress"},
				{name: "beneficiaryAccountFullname"},
				{name: "bankIban"},
				{name: "bicSwift"},
				{name: "bankAccount"},
				{name: "bankRoutingNumber"},
				{name: "bankSortCode"},
				{name: "bankAddress"},
				{name: "beneficiaryAddress"},
			}},
			uniqueField,
		},
		gives: []field{
			{name: "newBalance", form: sum},
			{name: "expectedFee", form: sum},
			// Of these two amounts neither is to be relied on; the statement is.
			{name: "withdrawnAmount", form: sum},
			{name: "amountWillReceive", form: sum},
			{name: "invoiceCode"},
		},
	},
	{
		name: "UpdateWithdraw", summary: "Change a withdrawal. What it takes is not public: members are sent as given.",
		class: risky, documented: partial, finds: true,
	},
	{
		name: "Approve/Update", summary: "Approve or refuse what waits for a word, a withdrawal as it seems.",
		class: risky, documented: partial, carriage: asGiven, path: approvePath, finds: true,
		takes: []field{{name: "id", note: "Inferred."}, {name: "isApproved", form: yesNo, note: "Inferred."}},
	},
}

func approvePath(string) []*abi.Part {
	return []*abi.Part{guest.Literal("/Approve/Update/"), guest.Secret(token)}
}
