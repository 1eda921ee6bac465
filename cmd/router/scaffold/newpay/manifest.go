package main

import (
	abi "payrouter/abi/v1"
)

// The operations, as the provider names them.
const (
	createPayment = "CreatePayment"
	getPayment    = "GetPayment"
)

// key is the secret that requests are authenticated with: a name, which the host replaces.
const key = "key"

// currencies are those that the provider takes.
var currencies = []string{"EUR", "USD"} //nolint:gochecknoglobals // a table

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:           "newpay",
		Version:        "0.1.0",
		Title:          "Newpay",
		BaseUrl:        "https://api.newpay.example",
		Secrets:        []*abi.Secret{{Name: key, Summary: "The API key of the merchant's panel."}},
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
		Operations: []*abi.Operation{
			{
				Name: createPayment, Summary: "Ask a payer for money, on a page of Newpay's.",
				// Nobody can pay what a create left behind whose answer was lost: its page's address never left Newpay.
				Idempotency: abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
				InputSchema: createInput, OutputSchema: payment, Documented: abi.Documented_DOCUMENTED_FULL,
				DeclineIsFinal: true,
				Reference:      &abi.ReferenceForm{Alphabet: "0123456789abcdef", Length: 24},
			},
			{
				Name: getPayment, Summary: "Read a payment.",
				Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
				InputSchema: getInput, OutputSchema: payment, Documented: abi.Documented_DOCUMENTED_FULL,
				DeclineIsFinal: true,
			},
		},
		Failures: failures(),
		Callback: &abi.CallbackForm{
			Supported: true, PerPayment: true,
			Summary: "The request carries the callback's URL. It is unsigned: every report is confirmed by a look-up.",
		},
	}
}

// The codes of failures that are not Newpay's own words.
const (
	busy   = "429"
	failed = "failed"
)

// failures gives each refusal its meaning, and says where it is known from. What is not listed here is not believed.
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
			HttpStatus: 200, ProviderCode: failed,
			Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined", Source: "Newpay API, Payment: status failed",
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

const createInput = `{
  "type": "object",
  "properties": {
    "amount": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,2})?$"},
    "currency": {"type": "string", "enum": ["EUR", "USD"]},
    "description": {"type": "string"},
    "return_url": {"type": "string"}
  },
  "required": ["amount", "currency"],
  "additionalProperties": false
}`

const getInput = `{
  "type": "object",
  "properties": {"id": {"type": "string", "minLength": 1}},
  "required": ["id"],
  "additionalProperties": false
}`

const payment = `{
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "reference": {"type": "string"},
    "status": {"type": "string"},
    "amount": {"type": "string"},
    "currency": {"type": "string"},
    "url": {"type": "string"}
  },
  "required": ["id", "status", "amount", "currency"],
  "additionalProperties": false
}`
