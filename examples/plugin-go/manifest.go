package main

import (
	abi "payrouter/abi/v1"
)

// The operations.
const (
	create = "CreatePayment"
	get    = "GetPayment"
	quote  = "QuotePayment"
)

const settings = `{"type": "object", "properties": {"keyed": {"type": "boolean"}}, "additionalProperties": false}`

const getInput = `{"type": "object", "properties": {"id": {"type": "string", "minLength": 1}}, "required": ["id"], ` +
	`"additionalProperties": false}`

const payment = `{"type": "object", "properties": {"id": {"type": "string"}, "amount": {"type": "number"}}, ` +
	`"required": ["id", "amount"]}`

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name: "example", Version: "0.1.0", Title: "Example Pay", BaseUrl: "https://api.example.com",
		Secrets: []*abi.Secret{
			{Name: "key", Summary: "The API key."},
			{Name: "signing_key", Summary: "What requests and callbacks are signed with."},
		},
		SettingsSchema: settings,
		Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR"},
			Bounds: []*abi.Bound{{Currency: "EUR", Min: "0.01", Max: "1000"}},
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: create},
				{Role: abi.Role_ROLE_LOOKUP, Operation: get},
				{Role: abi.Role_ROLE_QUOTE, Operation: quote},
			},
		}},
		Operations: []*abi.Operation{
			{
				Name: create, Summary: "Ask a payer for money.", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE,
				KeyedBySetting: "keyed",
				InputSchema:    `{"type": "object"}`, OutputSchema: payment, Documented: abi.Documented_DOCUMENTED_FULL,
				DeclineIsFinal: true,
				Reference:      &abi.ReferenceForm{Alphabet: "0123456789abcdef", Length: 24},
			},
			{
				Name: get, Summary: "Read a payment.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
				InputSchema: getInput, OutputSchema: payment, Documented: abi.Documented_DOCUMENTED_FULL,
				DeclineIsFinal: true,
			},
			{
				Name: quote, Summary: "Say what a payment would cost.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
				InputSchema: `{"type": "object"}`, OutputSchema: `{"type": "object"}`,
				Documented: abi.Documented_DOCUMENTED_FULL, DeclineIsFinal: true,
			},
		},
		Failures: []*abi.FailureRule{
			{
				Operation: quote, HttpStatus: 200, ProviderCode: "fee", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
				Code: "limit_exceeded", Source: "made up",
			},
			{
				ProviderCode: "failed", Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined",
				Source: "made up",
			},
			{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: "made up"},
		},
		Callback: &abi.CallbackForm{Supported: true, Summary: "Set the URL in the provider's panel."},
		Envelope: []*abi.Proof{{Pointer: "/error/code"}, {Pointer: "/error/message"}},
		MaxSteps: 2,
	}
}
