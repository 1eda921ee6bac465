package main

import (
	abi "payrouter/abi/v1"
)

// The operations, by PayGram's names for its methods.
const (
	issueInvoice  = "IssueInvoice"
	invoiceInfo   = "InvoiceInfo"
	getInvoices   = "GetInvoices"
	redeemInvoice = "RedeemInvoice"
	payInvoice    = "PayInvoice"
)

// The form of our reference, which travels in callbackData: PayGram takes any text; this is 134 bits of it.
const (
	referenceAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	referenceLength   = 26
)

// settleAfter is how long, in milliseconds, GetInvoices may miss an invoice that was just asked for. PayGram does not
// document it; its dates show invoices within a second, and this is generous.
const settleAfter = 60 * 1000

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:           "paygram",
		Version:        "1.4.0",
		Title:          "PayGram",
		BaseUrl:        "https://api.pay-gram.org",
		Secrets:        []*abi.Secret{{Name: token, Summary: "The client's API token, a UUID."}},
		SettingsSchema: settingsSchema,
		Flows:          flows(),
		Actions:        actions(),
		Operations:     operations(),
		Failures:       failures(),
		Envelope:       envelope(),
		Callback: &abi.CallbackForm{
			Supported: true,
			Summary: "Set the callback's URL at PayGram once, with SetCallbackApi or SetUserInfo. What it says is " +
				"confirmed by InvoiceInfo.",
		},
		MaxSteps: 1 + mostInvoices,
	}
}

func flows() []*abi.Flow {
	return []*abi.Flow{
		{
			Kind:       abi.Kind_KIND_COLLECT,
			Currencies: currencyCodes(),
			Precisions: precisions(false),
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: issueInvoice},
				{Role: abi.Role_ROLE_LOOKUP, Operation: invoiceInfo},
				// Paid, and not redeemed.
				{
					Role: abi.Role_ROLE_CONFIRM, Operation: redeemInvoice,
					From: []abi.Status{abi.Status_STATUS_PROCESSING},
				},
				{
					Role: abi.Role_ROLE_CONFIRM, Operation: payInvoice,
					From: []abi.Status{abi.Status_STATUS_REQUIRES_ACTION},
				},
			},
		},
		{
			Kind:       abi.Kind_KIND_PAYOUT,
			Currencies: currencyCodes(),
			Precisions: precisions(true),
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: withdraw},
				{Role: abi.Role_ROLE_LOOKUP, Operation: invoiceInfo},
			},
		},
		{
			Kind:       abi.Kind_KIND_TRANSFER,
			Currencies: currencyCodes(),
			Precisions: precisions(false),
			Required:   []string{"/destination/account"},
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: transferCredit},
				{Role: abi.Role_ROLE_LOOKUP, Operation: invoiceInfo},
			},
		},
	}
}

func operations() []*abi.Operation {
	all := []*abi.Operation{
		{
			Name: issueInvoice, Summary: "Issue an invoice that a payer settles in the PayGram app, fees included.",
			// No one can pay an invoice whose code and page never left PayGram and the router.
			Idempotency: abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
			InputSchema: issueInput, OutputSchema: invoiceSchema,
			Documented: abi.Documented_DOCUMENTED_FULL, DeclineIsFinal: true, SettleAfterMs: settleAfter,
			Reference: &referenceForm,
		},
		{
			Name: invoiceInfo, Summary: "Read an invoice, by its code or by our reference.",
			Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
			InputSchema: codeInput, OutputSchema: invoiceSchema,
			Documented: abi.Documented_DOCUMENTED_FULL, DeclineIsFinal: true, FindsByReference: true,
		},
		{
			Name: getInvoices, Summary: "List the invoices with a callbackData.",
			Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
			InputSchema: listInput, OutputSchema: listSchema,
			Documented: abi.Documented_DOCUMENTED_NO, DeclineIsFinal: true,
		},
		{
			Name: redeemInvoice, Summary: "Take in what a payer has paid on an invoice.",
			// It moves money to the merchant's balance, and nothing states that a second one is harmless.
			Idempotency: abi.Idempotency_IDEMPOTENCY_NONE,
			InputSchema: codeInput, OutputSchema: redeemSchema,
			Documented: abi.Documented_DOCUMENTED_PARTIAL,
		},
		{
			Name: payInvoice, Summary: "Pay an invoice from the balance of a PayGram user, named by user_cli_id.",
			Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, KeyedBySetting: keyedBySetting, Reference: &referenceForm,
			InputSchema: payInput, OutputSchema: invoiceSchema,
			Documented: abi.Documented_DOCUMENTED_FULL,
		},
	}
	return append(all, methods.Operations(schemas)...)
}

//nolint:gochecknoglobals // a constant
var referenceForm = abi.ReferenceForm{Alphabet: referenceAlphabet, Length: referenceLength}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "user_cli_id": {"type": "string", "minLength": 1,
      "description": "The PayGram user that invoices are issued for (userCliId)."},
    "merchant_type": {"type": "integer", "minimum": 0, "maximum": 3, "default": 2,
      "description": "Who issues: 0 unknown, 1 user, 2 business; the document's example sends 3."},
    "client_unique": {"type": "boolean", "default": false,
      "description": "True where this account honours clientUnique, so that a spending request may be sent again."}
  },
  "required": ["user_cli_id"],
  "additionalProperties": false
}`

const issueInput = `{
  "type": "object",
  "properties": {
    "requestId": {"type": "integer"},
    "userCliId": {"type": "string", "minLength": 1, "description": "The account's own where it is left out."},
    "currencyCode": {"type": "integer", "minimum": 1, "description": "PayGram's number of the currency: 11 is PHPT."},
    "amount": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?$", "description": "Fees included; above 0."},
    "callbackData": {"type": "string"},
    "merchantType": {"type": "integer", "minimum": 0, "maximum": 3}
  },
  "required": ["currencyCode", "amount"],
  "additionalProperties": false
}`

const codeInput = `{
  "type": "object",
  "properties": {
    "requestId": {"type": "integer"},
    "userCliId": {"type": "string", "minLength": 1, "description": "The account's own where it is left out."},
    "invoiceCode": {"type": "string", "minLength": 1, "description": "For a payment, the payment's own."}
  },
  "additionalProperties": false
}`

const listInput = `{
  "type": "object",
  "properties": {
    "requestId": {"type": "integer"},
    "userCliId": {"type": "string", "minLength": 1, "description": "The account's own where it is left out."},
    "callbackData": {"type": "string", "minLength": 1}
  },
  "required": ["callbackData"],
  "additionalProperties": false
}`

const payInput = `{
  "type": "object",
  "properties": {
    "requestId": {"type": "integer"},
    "user_cli_id": {"type": "string", "minLength": 1,
      "description": "Who pays: a PayGram user of this client, who has agreed to it."},
    "userCliId": {"type": "string", "minLength": 1, "description": "The same, in PayGram's spelling."},
    "invoiceCode": {"type": "string", "minLength": 1, "description": "For a payment, the payment's own."}
  },
  "anyOf": [{"required": ["user_cli_id"]}, {"required": ["userCliId"]}],
  "additionalProperties": false
}`

// What an answer is not checked for is only described: a payment does not fail for the form of a member that is not
// needed.
const (
	reportedText   = `{"description": "A text, or null."}`
	reportedNumber = `{"description": "A number, or its name."}`
	reportedObject = `{"description": "Of a withdrawal: an object."}`
	reportedFlag   = `{"description": "True or false."}`
	reportedAmount = `{"description": "An amount, as a text."}`
	amountText     = `{"type": "string"}`
)

const invoiceMembers = `"invoiceCode": ` + reportedText + `, "friendlyVoucherCode": ` + reportedText +
	`, "payUrl": ` + reportedText + `, "status": ` + reportedNumber + `, "lastEventUtc": ` + reportedText +
	`, "createdUtc": ` + reportedText + `, "amount": ` + amountText + `, "expectedFee": ` + reportedAmount +
	`, "callbackData": ` + reportedText + `, "currencyCode": ` + reportedNumber + `, "fromUser": ` + reportedText +
	`, "toUser": ` + reportedText + `, "originatingUser": ` + reportedText +
	`, "isPaid": ` + reportedFlag + `, "isRedeemed": ` + reportedFlag + `, "invoiceType": ` + reportedNumber +
	`, "invoiceBusinessType": ` + reportedNumber + `, "withdrawMethod": ` + reportedObject +
	`, "refunded": ` + reportedFlag

const envelopeMembers = `"type": {"description": "The kind of answer, a number of PayGram's."}, "success": ` +
	`{"const": true}` +
	`, "responseCode": {"description": "200, where there is one."}`

const invoiceSchema = `{"type": "object", "properties": {` + invoiceMembers + `, ` + envelopeMembers +
	`}, "required": ["invoiceCode", "status", "amount", "currencyCode", "success"]}`

const redeemSchema = `{"type": "object", "properties": {` + invoiceMembers + `, ` + envelopeMembers +
	`, "received": ` + reportedAmount + `, "credited": ` + reportedAmount + `, "fees": ` + reportedAmount +
	`, "newBalance": ` +
	reportedAmount +
	`}, "required": ["success"], "anyOf": [{"required": ["invoiceCode"]}, {"required": ["received", "currencyCode"]}]}`

const listSchema = `{"type": "object", "properties": {"invoices": {"type": "array", "items": {"type": "object", ` +
	`"properties": {"guid": ` + reportedText +
	`, "friendlyVoucherCode": ` + reportedText + `}, "required": ["guid"]}}, ` + envelopeMembers +
	`}, "required": ["invoices", "success"]}`
