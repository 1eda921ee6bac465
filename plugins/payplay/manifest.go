package main

import (
	"strings"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "payplay",
		Version: "1.3.0",
		Title:   "PayPlay",
		BaseUrl: "https://api.payplay.io",
		Secrets: []*abi.Secret{
			{Name: secretKey, Summary: "API key."},
			{
				Name: secretWebhook, Summary: "Token that signs the company's webhooks, about withdrawals.",
				Optional: true,
			},
			{
				Name: secretPageWebhook, Summary: "Token that signs the payment page's webhooks, about orders.",
				Optional: true,
			},
		},
		SettingsSchema: settingsSchema,
		Flows:          []*abi.Flow{collect(), payouts()},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_BALANCES, Operation: accountBalance},
			{Role: abi.Role_ROLE_RATES, Operation: getRates},
			{Role: abi.Role_ROLE_STATEMENT, Operation: showTransactions},
			{Role: abi.Role_ROLE_CATALOG, Operation: showFees, Topic: "currencies"},
		},
		Operations: methods.Operations(schemas),
		Failures:   failureRules(),
		Envelope:   envelope(),
		Callback: &abi.CallbackForm{
			Supported: true,
			Summary: "Give this URL as the webhook in the payment page's settings (orders), and in the company's " +
				"(withdrawals). Webhooks are signed; without the token configured here they are hints, and the order " +
				"is looked up. A withdrawal that was not answered has no look-up: its webhook settles it, or a " +
				"person.",
		},
		MaxSteps: mostPages,
	}
}

func collect() *abi.Flow {
	return &abi.Flow{
		Kind:       abi.Kind_KIND_COLLECT,
		Currencies: append(guest.FiatCurrencies(), strings.Fields(coins)...),
		Precisions: precisions(),
		Methods:    []string{"crypto"},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: createOrder},
			{Role: abi.Role_ROLE_LOOKUP, Operation: showOrder},
			// Paid in part.
			{Role: abi.Role_ROLE_CONFIRM, Operation: completeOrder, From: []abi.Status{abi.Status_STATUS_PROCESSING}},
		},
	}
}

func payouts() *abi.Flow {
	return &abi.Flow{
		Kind:       abi.Kind_KIND_PAYOUT,
		Currencies: strings.Fields(coins),
		Precisions: precisions(),
		Methods:    []string{"crypto"},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: withdraw},
			{Role: abi.Role_ROLE_LOOKUP, Operation: showTransaction},
		},
		Required: []string{"/destination/address", "/destination/network"},
	}
}

// coins are those of the document's samples, and BTC. PayPlay prices orders in fiat currencies and in coins, and its
// document lists neither. What it does not take it refuses.
const coins = "USDT USDC ETH BTC"

// precisions are the decimals that the coins have on their chains. PayPlay keeps no more: it answers 25.123457 for
// 25.1234567 USDT. The precision that it states of a currency is how many digits are shown: public examples have USDT
// with 2 and 4, beside values of six and eight. Those of its fiat currencies are ISO 4217's.
func precisions() []*abi.Precision {
	return []*abi.Precision{
		{Currency: "USDT", Decimals: 6},
		{Currency: "USDC", Decimals: 6},
		{Currency: "ETH", Decimals: 18},
		{Currency: "BTC", Decimals: 8},
	}
}

// referenceForm is within the 1 to 255 of [A-Za-z0-9_-] that external_order_id may have.
//
//nolint:gochecknoglobals // a constant
var referenceForm = abi.ReferenceForm{Alphabet: "0123456789abcdefghijklmnopqrstuvwxyz", Length: 26}

// minute in milliseconds.
const minute = 60_000
