package main

import (
	abi "payrouter/abi/v1"
)

// key is the secret that requests are authenticated with: a name, which the host replaces.
const key = "key"

// currencies are those that the provider takes.
var currencies = []string{"EUR", "USD"} //nolint:gochecknoglobals // a table

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "newpay",
		Version: "0.1.0",
		Title:   "Newpay",
		BaseUrl: "https://api.newpay.example",
		Secrets: []*abi.Secret{
			{Name: key, Summary: "The API key of the merchant's panel."},
			{Name: callbackKey, Summary: "The key that signs callbacks, of the same panel."},
		},
		SettingsSchema: settingsSchema,
		Flows: []*abi.Flow{{
			Kind:       abi.Kind_KIND_COLLECT,
			Currencies: currencies,
			Bounds:     []*abi.Bound{{Currency: "EUR", Min: "1", Max: "5000"}},
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: createPayment},
				{Role: abi.Role_ROLE_LOOKUP, Operation: getPayment},
			},
		}},
		Operations: methods.Operations(schemas),
		Failures:   failures(),
		Callback: &abi.CallbackForm{
			Supported: true, PerPayment: true,
			Summary: "The request carries the callback's URL. Newpay signs every report.",
		},
	}
}

// The codes of failures that are not Newpay's own words.
const (
	busy   = "429"
	failed = "failed"
)

// failures gives each refusal its meaning, and states where it is known from. What is not listed here is not believed.
func failures() []*abi.FailureRule {
	const source = "Newpay API, Errors"
	return []*abi.FailureRule{
		{
			Operation: createPayment, HttpStatus: 422, ProviderCode: "amount_out_of_bounds",
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "limit_exceeded", Source: source,
		},
		{
			Operation: createPayment, HttpStatus: 422, ProviderCode: "payer_blocked",
			Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "fraud_suspected", Source: source,
		},
		{
			Operation: getPayment, HttpStatus: 404, ProviderCode: "not_found",
			Meaning: abi.Meaning_MEANING_NOT_FOUND, Code: "not_found", Source: source,
		},
		{
			ProviderCode: failed, // whatever the status: a create is answered with 201, a look-up with 200
			Meaning:      abi.Meaning_MEANING_DECLINED_HARD, Code: "declined", Source: "Newpay API, Payment: status failed",
		},
		{
			HttpStatus: 401, ProviderCode: "unauthorized",
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed", Source: source,
		},
		{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: "RFC 6585, section 4"},
	}
}

const settingsSchema = `{
  "type": "object",
  "properties": {
    "shop": {"type": "string", "minLength": 1, "description": "The shop's number at Newpay."}
  },
  "required": ["shop"],
  "additionalProperties": false
}`
