package main

import (
	"strings"

	abi "payrouter/abi/v1"
)

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "payplay",
		Version: "1.0.0",
		Title:   "PayPlay",
		BaseUrl: "https://api.payplay.io",
		Secrets: []*abi.Secret{
			{Name: secretKey, Summary: "API key."},
			{Name: secretWebhook, Summary: "Token that signs the company's webhooks, about withdrawals.", Optional: true},
			{Name: secretPageWebhook, Summary: "Token that signs the payment page's webhooks, about orders.", Optional: true},
		},
		SettingsSchema: settingsSchema,
		Flows:          []*abi.Flow{collect(), payouts()},
		Operations: []*abi.Operation{
			createOperation(), completeOperation(), withdrawOperation(),
			read(showOrder, "Reads an order by PayPlay's id, or finds it in the list by our reference.", idInput, orderOutput, findsByReference),
			read(showOrders, "Lists the payment page's orders, by date, status or external_order_id.", listInput, listOutput, inPages),
			read(showOrderStatuses, "Lists the statuses that an order may have.", noInput, orderStatusesOutput),
			read(showTransaction, "Reads a transaction by PayPlay's id.", idInput, transactionOutput),
			read(getRates, "Reads the rate of USDT in USD, with a decimal comma.", noInput, ratesOutput),
			read(getExchangeRate, "Reads the rate of a currency to USDT.", tickerInput, exchangeRateOutput),
		},
		Failures: failureRules(),
		Callback: &abi.CallbackForm{
			Supported: true,
			Summary: "Give this URL as the webhook in the payment page's settings (orders), and in the company's (withdrawals). Webhooks " +
				"are signed; without the token configured here they are hints, and the order is looked up. A withdrawal that was " +
				"not answered has no look-up: its webhook settles it, or a person.",
		},
		MaxSteps: mostPages,
	}
}

func collect() *abi.Flow {
	return &abi.Flow{
		Kind:       abi.Kind_KIND_COLLECT,
		Currencies: append(strings.Fields(fiat), strings.Fields(coins)...),
		Methods:    []string{"crypto"},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: createOrder},
			{Role: abi.Role_ROLE_LOOKUP, Operation: showOrder},
			{Role: abi.Role_ROLE_CONFIRM, Operation: completeOrder},
		},
	}
}

func payouts() *abi.Flow {
	return &abi.Flow{
		Kind:       abi.Kind_KIND_PAYOUT,
		Currencies: strings.Fields(coins),
		Methods:    []string{"crypto"},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: withdraw},
			{Role: abi.Role_ROLE_LOOKUP, Operation: showTransaction},
		},
		Required: []string{"/destination/address", "/destination/network"},
	}
}

// PayPlay prices orders in fiat currencies and in coins, and its document lists neither. The coins are those of its samples,
// and BTC; the currencies are ISO 4217's. What it does not take it refuses.
const (
	coins = "USDT USDC ETH BTC"
	fiat  = `
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP
CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG`
)

// reference is within the 1 to 255 of [A-Za-z0-9_-] that external_order_id may have.
func reference() *abi.ReferenceForm {
	return &abi.ReferenceForm{Alphabet: "0123456789abcdefghijklmnopqrstuvwxyz", Length: 26}
}

// minute in milliseconds.
const minute = 60_000

func createOperation() *abi.Operation {
	return &abi.Operation{
		Name: createOrder,
		Summary: "Creates an order with a hosted page. An order whose page never arrived can be paid by nobody; it is found again by our " +
			"reference, which PayPlay does not promise to be unique.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
		InputSchema:    createInput,
		OutputSchema:   orderOutput,
		Documented:     abi.Documented_DOCUMENTED_NO,
		DeclineIsFinal: true,
		SettleAfterMs:  minute,
		Reference:      reference(),
	}
}

func completeOperation() *abi.Operation {
	return &abi.Operation{
		Name:           completeOrder,
		Summary:        "Closes an order as it is, at the merchant's word: one that was paid in part counts as paid from then on.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_NONE,
		InputSchema:    idInput,
		OutputSchema:   orderOutput,
		Documented:     abi.Documented_DOCUMENTED_NO,
		DeclineIsFinal: true,
	}
}

func withdrawOperation() *abi.Operation {
	return &abi.Operation{
		Name: withdraw,
		Summary: "Sends coins to an address. PayPlay has no way to find a withdrawal by our reference: one that was not answered stays " +
			"unknown until its webhook comes or a person settles it.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_NONE,
		InputSchema:    withdrawInput,
		OutputSchema:   withdrawOutput,
		Documented:     abi.Documented_DOCUMENTED_NO,
		DeclineIsFinal: true,
		Reference:      reference(),
	}
}

// read is an operation of the document that changes nothing.
func read(name, summary, input, output string, further ...func(*abi.Operation)) *abi.Operation {
	operation := &abi.Operation{
		Name:           name,
		Summary:        summary,
		Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
		InputSchema:    input,
		OutputSchema:   output,
		Documented:     abi.Documented_DOCUMENTED_FULL,
		DeclineIsFinal: true,
	}
	for _, set := range further {
		set(operation)
	}
	return operation
}

func findsByReference(operation *abi.Operation) { operation.FindsByReference = true }

func inPages(operation *abi.Operation) { operation.Paged = true }
