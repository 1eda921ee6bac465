package main

import "payrouter/abi/native"

// callbackDataName is the member that PayGram gives back with whatever comes of a request.
const callbackDataName = "callbackData"

// Members that several methods have.
//
//nolint:gochecknoglobals // a table
var (
	currencyField = native.Field{
		Name: "currencyCode", Form: &native.Integer, Required: true,
		Note: "PayGram's number of the currency: 5 is USDT, 11 PHPT.",
	}
	amountField   = native.Field{Name: "amount", Form: &native.Amount, Required: true}
	callbackField = native.Field{
		Name: callbackDataName, OurReference: true,
		Note: "PayGram gives it back; the router's own reference where it is left out.",
	}
	uniqueField = native.Field{
		Name: clientUnique,
		Note: "Where the account honours it, PayGram takes one request with it and refuses others.",
	}
	networkField = native.Field{
		Name: "network", Form: &native.Integer,
		Note: "0 standard, 1 ERC20, 2 TRC20, 3 BEP20, 4 FNT20.",
	}
)

// creditMethods move credit between wallets.
//
//nolint:gochecknoglobals // a table
var creditMethods = []method{
	{
		Name:    transferCredit,
		Summary: "Send credit to another user; without one, into a voucher for whoever redeems it.",
		Class:   risky, Documented: partial, Final: true,
		Open: true, KeyedBySetting: keyedBySetting, Reference: &referenceForm, Extra: wire{reference: "voucherCode"},
		Input: native.Fields{
			currencyField,
			{Name: "toUserCliId", Note: "Left out: a voucher."},
			amountField, callbackField,
			uniqueField,
		},
		Output: native.Fields{
			{Name: "fromCredit", Form: &native.Amount, Note: "The sender's balance after it."},
			{Name: "toCredit", Form: &native.Amount, Note: "The receiver's balance after it; 0 to outsiders."},
			{Name: "voucherCode"},
			{Name: "friendlyVoucherCode"},
			{Name: "redeemUrl"},
			{Name: "amount", Form: &native.Amount},
			{Name: "fees", Form: &native.Amount},
		},
	},
	{
		// Nothing states that clientUnique counts here.
		Name: "CreateRedEnvelope", Summary: "Put credit into an envelope that several users share.",
		Class: risky, Documented: partial,
		Open: true, Object: "envelope", Reference: &referenceForm, Extra: wire{reference: "invoiceCode"},
		Input: native.Fields{
			currencyField, amountField,
			{Name: "maxNumOfRedeemers", Form: &native.Integer, Required: true},
			callbackField,
		},
		Output: native.Fields{
			{Name: "invoiceCode"},
			{Name: "friendlyVoucherCode"},
			{Name: "fees", Form: &native.Amount},
			{Name: "redeemUrl"},
			{Name: "amount", Form: &native.Amount},
		},
	},
	{
		Name: "RedeemRedEnvelope", Summary: "Take a user's share out of an envelope.",
		Class: risky, Documented: partial,
		Open: true, Extra: wire{mayBeMissing: true},
		Input: native.Fields{{Name: "invoiceId", Required: true, Note: "The envelope's invoiceCode."}},
		Output: native.Fields{
			{Name: "received", Form: &native.Amount},
			{Name: "credited", Form: &native.Amount},
			{Name: "fees", Form: &native.Amount},
			{Name: "currencyCode", Form: &shownEnum},
			{Name: "newBalance", Form: &native.Amount},
			{Name: "redeemersCount", Form: &native.Integer},
			{Name: "maxRedeemers", Form: &native.Integer},
			{Name: "redeemedAmount", Form: &native.Amount},
			{Name: "totalAmount", Form: &native.Amount},
		},
	},
	{
		Name: "Swap",
		Summary: "Exchange a user's credit for another currency; with isSimulation, say only what would " +
			"come of it.",
		Class: risky, Documented: partial,
		Open: true, KeyedBySetting: keyedBySetting, Reference: &referenceForm,
		Input: native.Fields{
			{Name: "fromCurrency", Form: &native.Integer, Required: true, Note: "PayGram's number of the currency."},
			{Name: "toCurrency", Form: &native.Integer, Required: true},
			{Name: "amountToSwap", Form: &native.Amount, Required: true},
			callbackField,
			{Name: "isSimulation", Form: &native.Boolean, Default: "false"},
			uniqueField,
		},
		Output: native.Fields{
			{Name: "receivedAmount", Form: &native.Amount},
			{Name: "feesRequestedCurrency", Form: &native.Amount},
			{Name: "balanceSourceAfter", Form: &native.Amount},
			{Name: "balanceDestAfter", Form: &native.Amount},
		},
	},
	{
		Name: "TopUp", Summary: "Ask where to send coins, so that they become a user's credit.",
		Class: risky, Documented: partial,
		Open: true, KeyedBySetting: keyedBySetting, Reference: &referenceForm,
		Input: native.Fields{
			{Name: "provider", Form: &native.Integer, Default: "0", Note: "0 lets PayGram choose."},
			amountField, currencyField, networkField, callbackField, uniqueField,
		},
		Output: native.Fields{
			{Name: "amountToSendInChosenCurrency", Form: &native.Amount},
			{Name: "coinTotalFees", Form: &native.Amount},
			{Name: "coinAmountWillReceive", Form: &native.Amount},
			{Name: "sendToAddress"},
		},
	},
}
