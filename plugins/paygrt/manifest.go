package main

import (
	abi "payrouter/abi/v1"
)

// The operations, one per call of the document.
const (
	opRecharge  = "Recharge"
	opStatus    = "Status"
	opBalance   = "Balance"
	opOperators = "Operators"
)

// secretAPIKey is the value of the api-key header.
const secretAPIKey = "api_key"

// currency is the only one that Paygrt moves.
const currency = "INR"

// country is where it recharges.
const country = "IN"

// The form of api_ref_id. The document calls it the merchant's unique id and shows digits alone; a zero is left out so
// that no reading as a number can shorten it, and 18 digits fit into 64 bits.
const (
	referenceAlphabet = "123456789"
	referenceLength   = 18
)

// settleAfter is how long, in milliseconds, a recharge may stay invisible to a status check: answers took up to 3 s in
// the document, and operators confirm within minutes.
const settleAfter = 10 * 60 * 1000

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:           "paygrt",
		Version:        "1.2.0",
		Title:          "Paygrt",
		BaseUrl:        "https://api.paygrt.com",
		Secrets:        []*abi.Secret{{Name: secretAPIKey, Summary: "The partner's api-key, given after onboarding."}},
		SettingsSchema: settingsSchema,
		Flows: []*abi.Flow{{
			Kind:       abi.Kind_KIND_RECHARGE,
			Currencies: []string{currency},
			Countries:  []string{country},
			Bounds:     []*abi.Bound{{Currency: currency, Min: "0.01"}},
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: opRecharge},
				{Role: abi.Role_ROLE_LOOKUP, Operation: opStatus},
			},
			Required: []string{"/destination/operator", "/destination/number"},
		}},
		Operations: operations(),
		Failures:   failures(),
		Envelope:   envelope(),
		Callback: &abi.CallbackForm{
			Supported: true,
			Summary: "Set the callback URL once in Paygrt's panel. It is unsigned: every report is confirmed by a " +
				"status check.",
		},
		MaxSteps: 2,
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_BALANCES, Operation: opBalance},
			{Role: abi.Role_ROLE_CATALOG, Topic: "operators", Operation: opOperators},
		},
	}
}

func operations() []*abi.Operation {
	return []*abi.Operation{
		{
			Name: opRecharge, Summary: "Recharge a mobile or DTH number, or pay a bill.",
			// A duplicate api_ref_id is not stated to be refused, so an unanswered recharge is never sent again.
			Idempotency:    abi.Idempotency_IDEMPOTENCY_NONE,
			InputSchema:    rechargeInput,
			OutputSchema:   envelopeOf(rechargeData),
			Documented:     abi.Documented_DOCUMENTED_FULL,
			DeclineIsFinal: true,
			SettleAfterMs:  settleAfter,
			Reference:      &abi.ReferenceForm{Alphabet: referenceAlphabet, Length: referenceLength},
		},
		{
			Name: opStatus, Summary: "Ask what became of a recharge, by our reference and the day it was submitted.",
			Idempotency:      abi.Idempotency_IDEMPOTENCY_SAFE,
			InputSchema:      statusInput,
			OutputSchema:     envelopeOf(statusData),
			Documented:       abi.Documented_DOCUMENTED_FULL,
			DeclineIsFinal:   true,
			FindsByReference: true,
		},
		{
			Name: opBalance, Summary: "Read the merchant's available balance.",
			Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
			InputSchema:    noInput,
			OutputSchema:   envelopeOf(balanceData),
			Documented:     abi.Documented_DOCUMENTED_FULL,
			DeclineIsFinal: true,
		},
		{
			Name: opOperators, Summary: "List the operators and their codes.",
			Idempotency:    abi.Idempotency_IDEMPOTENCY_SAFE,
			InputSchema:    noInput,
			OutputSchema:   envelopeOf(operatorsData),
			Documented:     abi.Documented_DOCUMENTED_FULL,
			DeclineIsFinal: true,
		},
	}
}

// The codes of failures. Paygrt has one documented text; the others are the document's words for a state, or ours for a
// family of texts.
const (
	codeNoBalance = "Insufficient Merchant Balance"
	codeDuplicate = "duplicate"
	codeRefused   = "1"
	codeFail      = wordFail
	codeNoWord    = "status check failed"
	codeKey       = "api-key"
)

// envelope is that of a request that failed: the document's "message", "data" and "status", which is "0" or "1".
func envelope() []*abi.Proof {
	return []*abi.Proof{{Pointer: "/status", Values: []string{"1"}}, {Pointer: "/message"}, {Pointer: "/data"}}
}

func failures() []*abi.FailureRule {
	return []*abi.FailureRule{
		{
			HttpStatus: 200, ProviderCode: codeKey, Final: true,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed",
			Source: "API document, Error Codes: status 1 is Fail; that it comes without data and speaks of the key " +
				"is inferred",
		},
		{
			Operation: opRecharge, HttpStatus: 200, ProviderCode: codeNoBalance,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "insufficient_funds",
			Source: "API document, Recharge, example Recharge Fail: the merchant's balance, not the payer's",
		},
		{
			Operation: opRecharge, HttpStatus: 200, ProviderCode: codeDuplicate,
			Meaning: abi.Meaning_MEANING_DUPLICATE, Code: "duplicate",
			Source: "inferred: api_ref_id is documented as unique, the refusal's text is not; read as the " +
				"cautious case",
		},
		{
			Operation: opRecharge, HttpStatus: 200, ProviderCode: codeRefused,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "declined",
			Source: "API document, Error Codes: status_code 1 is Fail, its reason is in message; no txn_id was given",
		},
		{
			Operation: opStatus, HttpStatus: 200, ProviderCode: codeNoWord,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "provider_error",
			Source: "API document, Error Codes: status_code 1 is Fail; of a status check it is the check that " +
				"failed, whatever became of the recharge",
		},
		{
			Operation: opBalance, HttpStatus: 200, ProviderCode: codeRefused,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "provider_error",
			Source: "API document, Error Codes: status 1 is Fail; of a balance check no reason is documented",
		},
		{
			Operation: opOperators, HttpStatus: 200, ProviderCode: codeRefused,
			Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "provider_error",
			Source: "API document, Error Codes: status 1 is Fail; of the list of operators no reason is documented",
		},
		{
			HttpStatus: 200, ProviderCode: codeFail,
			Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined",
			Source: "API document, Status Check and Callback: recharge_status Fail, of a recharge that had a txn_id",
		},
		{
			HttpStatus: 401, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed",
			Source: "RFC 9110, 401: not applied for want of credentials; the document asks for an api-key and names " +
				"no refusal",
		},
		{
			HttpStatus: 403, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed",
			Source: "RFC 9110, 403: refused for its credentials; the document names no refusal",
		},
		{
			HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited",
			Source: "RFC 6585, section 4; the document names no limit",
		},
	}
}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "merchant_id": {"type": "string", "minLength": 1,
      "description": "The partner's merchant_id, a piece of every path."}
  },
  "required": ["merchant_id"],
  "additionalProperties": false
}`

const noInput = `{"type": "object", "additionalProperties": false}`

const rechargeInput = `{
  "type": "object",
  "properties": {
    "api_ref_id": {"type": "string", "minLength": 1,
      "description": "Our unique reference; the router makes one where it is left out."},
    "recharge_number": {"type": "string", "minLength": 1},
    "recharge_amount": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]{1,2})?$",
      "description": "In INR; above 0."},
    "operator_code": {"type": "string", "minLength": 1, "description": "As the operators' list has it."}
  },
  "required": ["recharge_number", "recharge_amount", "operator_code"],
  "additionalProperties": false
}`

const statusInput = `{
  "type": "object",
  "properties": {
    "api_ref_id": {"type": "string", "minLength": 1},
    "txn_date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
      "description": "The day of submission, in India."}
  },
  "required": ["api_ref_id", "txn_date"],
  "additionalProperties": false
}`

// What an answer is not checked for is only described: a recharge does not fail for the form of a member that is not
// needed.
const (
	reportedText   = `{"description": "A text, or null."}`
	reportedAmount = `{"description": "An amount in INR, as a text, or null."}`
)

const rechargeData = `{"type": "object", "properties": {"api_ref_id": ` + reportedText + `, "txn_id": ` + reportedText +
	`, "operator_id": ` + reportedText +
	`, "recharge_number": ` + reportedText + `, "recharge_amount": ` + reportedAmount + `, "recharge_status": ` +
	reportedText +
	`, "message": ` + reportedText +
	`, "remaining_balance": ` + reportedAmount + `, "status_code": ` + reportedText + `}}`

const statusData = `{"type": "object", "properties": {"api_ref_id": ` + reportedText + `, "txn_id": ` + reportedText +
	`, "operator_id": ` + reportedText +
	`, "recharge_status": ` + reportedText + `}}`

const balanceData = `{"type": "object", "properties": {"merchant_id": ` + reportedText + `, "merchant_name": ` +
	reportedText +
	`, "balance": {"type": "string", "description": "In INR."}}, "required": ["balance"]}`

const operatorsData = `{"type": "array", "items": {"properties": {"operator_name": ` + reportedText +
	`, "operator_code": ` + reportedText + `, "type": ` + reportedText + `}}}`

// envelopeOf is the schema of an answer around its data.
func envelopeOf(data string) string {
	return `{"type": "object", "properties": {"message": ` + reportedText + `, "data": ` + data +
		`, "status": {"description": "0: it was carried out."}}, "required": ["data", "status"]}`
}
