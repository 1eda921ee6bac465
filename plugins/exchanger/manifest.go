package main

import (
	abi "payrouter/abi/v1"
)

// The operations, as the API calls its methods.
const (
	opTest          = "test"
	opGetCurrencies = "get_direction_currencies"
	opGetDirections = "get_directions"
	opGetDirection  = "get_direction"
	opGetCalc       = "get_calc"
	opGetExchanges  = "get_exchanges"
	opCreateBid     = "create_bid"
	opBidInfo       = "bid_info"
	opCancelBid     = "cancel_bid"
	opPayBid        = "pay_bid"
)

// The secrets: 32 letters and digits each. The login is one too: it is half of what a key needs.
const (
	secretLogin = "api_login"
	secretKey   = "api_key"
)

// The form of api_id. The sites look for duplicates among positive whole numbers only; without a zero none can lead.
const (
	referenceAlphabet = "123456789"
	referenceLength   = 18
)

// settleAfter is how long, in milliseconds, get_exchanges may leave a new order out: it lists orders once they are
// complete, some seconds after they are made.
const settleAfter = 2 * 60 * 1000

// maxSteps covers the longest call: a walk of mostPages pages, then bid_info, then the list by id.
const maxSteps = mostPages + 2

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "exchanger",
		Version: "1.0.0",
		Title:   "Exchanger",
		// Every site has its own host: the account's base URL says which.
		Secrets: []*abi.Secret{
			{Name: secretLogin, Summary: "API-LOGIN: the login of the API key, 32 letters and digits."},
			{Name: secretKey, Summary: "API-KEY: the key itself, 32 letters and digits."},
		},
		SettingsSchema: settingsSchema,
		Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT,
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: opCreateBid},
				{Role: abi.Role_ROLE_LOOKUP, Operation: opBidInfo},
				{Role: abi.Role_ROLE_CANCEL, Operation: opCancelBid},
				{Role: abi.Role_ROLE_CONFIRM, Operation: opPayBid},
				{Role: abi.Role_ROLE_QUOTE, Operation: opGetCalc},
			},
		}},
		Operations: operations(),
		Failures:   failures(),
		Callback: &abi.CallbackForm{
			Supported: true, PerPayment: true,
			Summary: "callback_url of create_bid. It is unsigned, sent once, and sent inside a cancel or confirm of ours: every report is confirmed by bid_info.",
		},
		MaxSteps: maxSteps,
	}
}

func operations() []*abi.Operation {
	read := func(name, summary, input, data string, documented abi.Documented) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: summary, Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE, InputSchema: input, OutputSchema: envelopeOf(data),
			Documented: documented, DeclineIsFinal: true,
		}
	}
	const (
		full    = abi.Documented_DOCUMENTED_FULL
		partial = abi.Documented_DOCUMENTED_PARTIAL
	)
	create := &abi.Operation{
		Name: opCreateBid, Summary: "Make an exchange order: the payer gives, the site pays the merchant.",
		// The site tells the payer of the order, and the check for duplicates has no unique index behind it.
		Idempotency: abi.Idempotency_IDEMPOTENCY_NONE,
		InputSchema: createInput, OutputSchema: envelopeOf(bidData), Documented: partial, DeclineIsFinal: true, SettleAfterMs: settleAfter,
		Reference: &abi.ReferenceForm{Alphabet: referenceAlphabet, Length: referenceLength},
	}
	info := read(opBidInfo, "Read an order, by its id or hash, or by our reference.", bidInput, bidData, full)
	info.FindsByReference = true
	exchanges := read(opGetExchanges, "List the orders made with this key.", exchangesInput, exchangesData, partial)
	exchanges.Paged = true
	return []*abi.Operation{
		read(opTest, "Check the key, and see how the site sees the caller.", testInput, `{"type": ["object", "array"]}`, full),
		read(opGetCurrencies, "List the currencies that can be exchanged.", pairInput, `{"type": ["object", "array"]}`, partial),
		read(opGetDirections, "List the directions of exchange.", pairInput, `{"type": "array", "items": {"type": "object"}}`, partial),
		read(opGetDirection, "Read a direction: its rates, limits and fields.", directionInput, `{"type": ["object", "array"]}`, partial),
		read(opGetCalc, "Calculate both sums of an exchange, or what a payment would come to.", calcInput, `{"type": ["object", "array"]}`, full),
		create,
		info,
		// An order that is already so answers as if it had just been done.
		read(opCancelBid, "Cancel an order, where its api_actions.cancel is api.", bidInput, statusData, partial),
		read(opPayBid, "Mark an order as paid by the payer, where its api_actions.pay is api. A claim, not a proof.", bidInput, statusData, partial),
		exchanges,
	}
}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "lang": {"type": "string", "pattern": "^[a-z]{2}_[A-Z]{2}$", "default": "en_US",
      "description": "API-LANG. The failure table knows the English texts; add others to the account's failures in routing.yaml."},
    "partner_id": {"type": "string", "pattern": "^[0-9]+$", "description": "Sent with every order."},
    "error_final_after_hours": {"type": "integer", "minimum": 0, "default": 72,
      "description": "How old an order with an error status has to be to count as failed: until then an operator of the site may move it."},
    "payer_fields": {"type": "object", "default": {"cf6": "email"}, "propertyNames": {"pattern": "^cf(give|get)?[0-9]{1,6}$"},
      "additionalProperties": {"enum": ["name", "email", "phone"]},
      "description": "Which of the site's fields take which of the payer's. On most sites cf1 is the first name, cf4 the phone, cf6 the e-mail."},
    "directions": {"type": "object", "description": "By the payment's currency: how the site exchanges it.",
      "additionalProperties": {
        "type": "object",
        "properties": {
          "direction_id": {"type": "string", "pattern": "^[0-9]+$"},
          "currency_id_give": {"type": "string", "pattern": "^[0-9]+$", "description": "With currency_id_get, instead of direction_id: the direction is looked up."},
          "currency_id_get": {"type": "string", "pattern": "^[0-9]+$"},
          "code": {"type": "string", "description": "The site's code of the currency, where it is another than the payment's."},
          "calc_action": {"enum": ["1", "2", "3", "4", 1, 2, 3, 4], "default": 1,
            "description": "What the payment's amount is: 1 what the payer gives, commission on top; 2 what the merchant gets, before commission; 3 what the payer gives, commission included; 4 what the merchant gets, after commission. 2 and 3 are for directions without a commission on that side."},
          "account1": {"type": "string", "description": "The account that the payer pays from, where it is always the same."},
          "account2": {"type": "string", "description": "The merchant's account, which the site pays."},
          "fields": {"type": "object", "propertyNames": {"pattern": "^cf(give|get)?[0-9]{1,6}$"}, "additionalProperties": {"type": "string"},
            "description": "Fields that are the same for every payment."},
          "cd_fields": {"type": "array", "items": {"type": "string"}, "description": "Names of the fields that get_direction marks with cd = 1."}
        },
        "anyOf": [{"required": ["direction_id"]}, {"required": ["currency_id_give", "currency_id_get"]},
          {"not": {"anyOf": [{"required": ["currency_id_give"]}, {"required": ["currency_id_get"]}]}}],
        "additionalProperties": false
      }}
  },
  "additionalProperties": false
}`

const scalar = `{"type": ["string", "integer"]}`

const testInput = `{"type": "object", "properties": {"partner_id": ` + scalar + `}, "additionalProperties": false}`

const pairInput = `{"type": "object", "properties": {"currency_id_give": ` + scalar + `, "currency_id_get": ` + scalar + `}, "additionalProperties": false}`

const directionInput = `{"type": "object", "properties": {"direction_id": ` + scalar + `}, "required": ["direction_id"], "additionalProperties": false}`

const calcInput = `{"type": "object", "properties": {"direction_id": ` + scalar + `, "calc_amount": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}` +
	`, "calc_action": {"enum": [1, 2, 3, 4, "1", "2", "3", "4"]}, "cd": {"type": "string", "description": "The fields marked cd = 1, as a query: cf1=a&cf2=b."}}` +
	`, "required": ["direction_id", "calc_amount", "calc_action"], "additionalProperties": false}`

const createInput = `{"type": "object", "properties": {"direction_id": ` + scalar + `, "calc_amount": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}` +
	`, "calc_action": {"enum": [1, 2, 3, 4, "1", "2", "3", "4"]}, "api_id": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "Our unique number; the router makes one where it is left out."}` +
	`, "partner_id": ` + scalar + `, "callback_url": {"type": "string"}, "account1": {"type": "string"}, "account2": {"type": "string"}}` +
	`, "patternProperties": {"^cf(give|get)?[0-9]{1,6}$": {"type": "string"}}` +
	`, "required": ["direction_id", "calc_amount", "calc_action"], "additionalProperties": false}`

const bidInput = `{"type": "object", "properties": {"id": ` + scalar + `, "hash": {"type": "string"}}, "anyOf": [{"required": ["id"]}, {"required": ["hash"]}], "additionalProperties": false}`

const exchangesInput = `{"type": "object", "properties": {"start_time": ` + scalar + `, "end_time": ` + scalar + `, "ip": {"type": "string"}, "id": ` + scalar +
	`, "hash": {"type": "string"}, "api_id": ` + scalar + `, "status_history": {"enum": [0, 1, "0", "1"]}, "limit": {"type": "integer", "minimum": 1, "maximum": 500}` +
	`, "offset": {"type": "integer", "minimum": 0}}, "additionalProperties": false}`

const bidData = `{"type": ["object", "array"], "properties": {"id": ` + scalar + `, "hash": {"type": "string"}, "url": {"type": "string"}, "status": {"type": "string"}` +
	`, "api_actions": {"type": ["object", "array"]}}}`

// statusData is the answer of a move: the bare word of a native call, or the order that a payment's call ends with.
const statusData = `{"type": ["string", "object", "array"]}`

const exchangesData = `{"type": ["object", "array"], "properties": {"items": {"type": "array", "items": {"type": "object"}}}}`

// envelopeOf is the schema of an answer around its data.
func envelopeOf(data string) string {
	return `{"type": "object", "properties": {"error": ` + scalar + `, "error_text": {"type": ["string", "null"]}, "data": ` + data + `}, "required": ["error"]}`
}
