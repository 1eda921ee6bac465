package main

// callbackDataName is the member that PayGram gives back with whatever comes of a request.
const callbackDataName = "callbackData"

// Members that several methods have.
//
//nolint:gochecknoglobals // a table
var (
	currencyField = field{
		name: "currencyCode", form: whole, must: true,
		note: "PayGram's number of the currency: 5 is USDT, 11 PHPT.",
	}
	amountField   = field{name: "amount", form: sum, must: true}
	callbackField = field{
		name: callbackDataName, ours: true,
		note: "PayGram gives it back; the router's own reference where it is left out.",
	}
	uniqueField = field{
		name: clientUnique,
		note: "Where the account honours it, PayGram takes one request with it and refuses others.",
	}
	networkField = field{name: "network", form: whole, note: "0 standard, 1 ERC20, 2 TRC20, 3 BEP20, 4 FNT20."}
)

//nolint:gochecknoglobals // a table
var creditGives = []field{{name: "userCliId"}, {name: "newBalance", form: sum}}

// creditMethods move credit between wallets.
//
//nolint:gochecknoglobals // a table
var creditMethods = []native{
	{
		name:    transferCredit,
		summary: "Send credit to another user; without one, into a voucher for whoever redeems it.",
		class:   risky, documented: partial, keyed: true, final: true, reference: "voucherCode",
		takes: []field{
			currencyField,
			{name: "toUserCliId", note: "Left out: a voucher."},
			amountField, callbackField,
			uniqueField,
		},
		gives: []field{
			{name: "fromCredit", form: object, members: creditGives},
			{name: "toCredit", form: object, members: creditGives},
			{name: "voucherCode"},
			{name: "friendlyVoucherCode"},
			{name: "redeemUrl"},
			{name: "amount", form: sum},
			{name: "fees", form: sum},
		},
	},
	{
		// Nothing says that clientUnique counts here.
		name: "CreateRedEnvelope", summary: "Put credit into an envelope that several users share.",
		class: risky, documented: partial, reference: "invoiceCode", makes: "envelope",
		takes: []field{currencyField, amountField, {name: "maxNumOfRedeemers", form: whole, must: true}, callbackField},
		gives: []field{
			{name: "invoiceCode"},
			{name: "friendlyVoucherCode"},
			{name: "fees", form: sum},
			{name: "redeemUrl"},
			{name: "amount", form: sum},
		},
	},
	{
		name: "RedeemRedEnvelope", summary: "Take a user's share out of an envelope.",
		class: risky, documented: partial, finds: true,
		takes: []field{{name: "invoiceId", must: true, note: "The envelope's invoiceCode."}},
		gives: []field{
			{name: "received", form: sum},
			{name: "credited", form: sum},
			{name: "fees", form: sum},
			{name: "currencyCode", form: whole},
			{name: "newBalance", form: sum},
			{name: "redeemersCount", form: whole},
			{name: "maxRedeemers", form: whole},
			{name: "redeemedAmount", form: sum},
			{name: "totalAmount", form: sum},
		},
	},
	{
		name: "Swap",
		summary: "Exchange a user's credit for another currency; with isSimulation, say only what would " +
			"come of it.",
		class: risky, documented: partial, keyed: true,
		takes: []field{
			{name: "fromCurrency", form: whole, must: true, note: "PayGram's number of the currency."},
			{name: "toCurrency", form: whole, must: true},
			{name: "amountToSwap", form: sum, must: true},
			callbackField,
			{name: "isSimulation", form: yesNo, otherwise: "false"},
			uniqueField,
		},
		gives: []field{
			{name: "receivedAmount", form: sum},
			{name: "feesRequestedCurrency", form: sum},
			{name: "balanceSourceAfter", form: sum},
			{name: "balanceDestAfter", form: sum},
		},
	},
	{
		name: "TopUp", summary: "Ask where to send coins, so that they become a user's credit.",
		class: risky, documented: partial, keyed: true,
		takes: []field{
			{name: "provider", form: whole, otherwise: "0", note: "0 lets PayGram choose."},
			amountField, currencyField, networkField, callbackField, uniqueField,
		},
		gives: []field{
			{name: "amountToSendInChosenCurrency", form: sum},
			{name: "coinTotalFees", form: sum},
			{name: "coinAmountWillReceive", form: sum},
			{name: "sendToAddress"},
		},
	},
}
