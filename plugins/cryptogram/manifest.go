package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "cryptogram",
		Version: "1.2.0",
		Title:   "Cryptogram",
		BaseUrl: "https://cryptogram.vip",
		Secrets: []*abi.Secret{{
			Name:    "token",
			Summary: "Access token, from the Developer section of the account.",
		}},
		SettingsSchema: settingsSchema,
		Flows:          []*abi.Flow{collect()},
		Operations:     []*abi.Operation{createOperation(), getOperation(), updateOperation(), walletsOperation()},
		Failures:       failureRules(),
		Callback: &abi.CallbackForm{
			Supported: true,
			Summary: "Create a webhook in the Developer section of the account, and give it this URL. It names a " +
				"payment and is unsigned, so the payment is looked up before anything is believed. Cryptogram tries " +
				"20 times over several hours.",
		},
		MaxSteps: 1,
		Actions:  []*abi.Action{{Role: abi.Role_ROLE_CATALOG, Topic: "wallets", Operation: availableWallets}},
	}
}

// collect takes every fiat currency: Cryptogram's document asks for one, and does not state which it takes. One that it
// does not take it refuses.
func collect() *abi.Flow {
	return &abi.Flow{
		Kind:       abi.Kind_KIND_COLLECT,
		Currencies: guest.FiatCurrencies(),
		Methods:    []string{"crypto"},
		Expires:    true,
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: createPayment},
			{Role: abi.Role_ROLE_LOOKUP, Operation: getPayment},
			{Role: abi.Role_ROLE_UPDATE, Operation: updatePayment},
		},
	}
}

func createOperation() *abi.Operation {
	return &abi.Operation{
		Name: createPayment,
		Summary: "Creates a payment with a hosted page. Cryptogram keeps no reference of ours and has no list: an " +
			"unanswered create is left behind, and nobody can pay it, because its page and addresses are known to " +
			"nobody.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
		InputSchema:    createInput,
		OutputSchema:   paymentOutput,
		Documented:     abi.Documented_DOCUMENTED_FULL,
		DeclineIsFinal: true,
		Reference:      &abi.ReferenceForm{Alphabet: "0123456789abcdefghijklmnopqrstuvwxyz", Length: 26},
	}
}

func getOperation() *abi.Operation {
	return &abi.Operation{
		Name:           getPayment,
		Summary:        "Reads a payment by Cryptogram's id.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
		InputSchema:    getInput,
		OutputSchema:   paymentOutput,
		Documented:     abi.Documented_DOCUMENTED_FULL,
		DeclineIsFinal: true,
	}
}

func updateOperation() *abi.Operation {
	return &abi.Operation{
		Name:           updatePayment,
		Summary:        "Changes a payment's title, description, redirect and message.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
		InputSchema:    updateInput,
		OutputSchema:   paymentOutput,
		Documented:     abi.Documented_DOCUMENTED_FULL,
		DeclineIsFinal: true,
	}
}

func walletsOperation() *abi.Operation {
	return &abi.Operation{
		Name: availableWallets,
		Summary: "Lists the cryptocurrencies that a payment may accept, as the document does. Nothing is " +
			"sent: Cryptogram has no request for it.",
		Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
		InputSchema:    noInput,
		OutputSchema:   walletsOutput,
		Documented:     abi.Documented_DOCUMENTED_FULL,
		DeclineIsFinal: true,
	}
}

const createInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["amount", "currency"],
  "properties": {
    "amount": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?$",
      "description": "What the payer has to pay, in the fiat currency; above 0.", "examples": ["10"]},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]},
    "wallets": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": ["btc", "eth", "bnb"]},
      "description": "The account's where they are left out; so are the texts."},
    "title": {"type": "string"},
    "description": {"type": "string"},
    "redirect": {"type": "string", "pattern": "^https?://", "examples": ["https://shop.example/thanks"]},
    "expires_at": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$",
      "description": "UTC, without a zone; by default the account's expire_hours from now.",
        "examples": ["2025-05-19T09:13:28"]},
    "message": {"type": "string"}
  }
}`

const getInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["id"],
  "properties": {"id": {"type": "string", "examples": ["7344515a-926b-411b-bf95-8064a2341dec"]}}
}`

const updateInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["id"],
  "properties": {
    "id": {"type": "string", "examples": ["7344515a-926b-411b-bf95-8064a2341dec"]},
    "title": {"type": "string", "examples": ["Order 1001"]},
    "description": {"type": "string"},
    "redirect": {"type": "string", "pattern": "^https?://"},
    "message": {"type": "string"}
  }
}`

const noInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false
}`

const walletsOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["wallets"],
  "properties": {"wallets": {"type": "object", "additionalProperties": {"type": "string"},
    "description": "Names by identifier."}}
}`

// What an answer is not checked for is only described: a payment does not fail for the form of a member that is not
// needed.
const (
	reportedText   = `{"description": "A text, or null."}`
	reportedDate   = `{"description": "A date like 2025-02-21T13:01:12.000000Z, or null."}`
	reportedAmount = `{"description": "An amount, as a text, or null."}`
)

const paymentOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["id", "amount", "currency"],
  "properties": {
    "id": {"type": "string"},
    "amount": {"type": "string"},
    "currency": {"type": "string"},
    "title": ` + reportedText + `,
    "description": ` + reportedText + `,
    "redirect": ` + reportedText + `,
    "message": ` + reportedText + `,
    "expires_at": ` + reportedDate + `,
    "created_at": ` + reportedDate + `,
    "updated_at": ` + reportedDate + `,
    "wallets": {"description": "A list of wallets' identifiers."},
    "url": {"description": "The payment's page, as a text; a create has one."},
    "transaction": {
      "type": ["object", "null"],
      "description": "Null until the payer has chosen a wallet.",
      "required": ["status"],
      "properties": {
        "wallet": ` + reportedText + `,
        "currency": ` + reportedText + `,
        "status": {"type": "string", "examples": ["pending", "completed", "canceled"]},
        "value": {"description": "What is expected, in the wallet's currency: an amount, as a text."},
        "price": ` + reportedAmount + `,
        "received": {"description": "What has come, in the wallet's currency: an amount, as a text; missing or ` +
	`null before anything has."},
        "received_price": ` + reportedAmount + `,
        "address": ` + reportedText + `,
        "completed_at": ` + reportedDate + `,
        "canceled_at": ` + reportedDate + `,
        "created_at": ` + reportedDate + `,
        "updated_at": ` + reportedDate + `
      }
    }
  }
}`
