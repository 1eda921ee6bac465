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
	opSuccessBid    = "success_bid"

	opGetPartnerInfo      = "get_partner_info"
	opGetPartnerLinks     = "get_partner_links"
	opGetPartnerExchanges = "get_partner_exchanges"
	opGetPartnerPayouts   = "get_partner_payouts"
	opAddPartnerPayout    = "add_partner_payout"
)

// The secrets: 32 letters and digits each. The login is one too: it is half of what a key needs.
const (
	secretLogin = "api_login"
	secretKey   = "api_key"
)

// maxSteps covers the longest call: a walk of mostPages pages, then bid_info, then the list by id, then the directions
// and the calculator, which price a surplus. Rates are read as far as it reaches.
const maxSteps = mostPages + 4

func manifest() *abi.Manifest {
	return &abi.Manifest{
		Name:    "exchanger",
		Version: "1.2.0",
		Title:   "Exchanger",
		// Every site has its own host: the account's base URL states which.
		Secrets: []*abi.Secret{
			{Name: secretLogin, Summary: "API-LOGIN: the login of the API key, 32 letters and digits."},
			{Name: secretKey, Summary: "API-KEY: the key itself, 32 letters and digits."},
		},
		SettingsSchema: settingsSchema,
		Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT, CurrenciesSetting: "directions",
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: opCreateBid},
				{Role: abi.Role_ROLE_LOOKUP, Operation: opBidInfo},
				{Role: abi.Role_ROLE_CANCEL, Operation: opCancelBid},
				{Role: abi.Role_ROLE_CONFIRM, Operation: opPayBid},
				{Role: abi.Role_ROLE_QUOTE, Operation: opGetCalc},
			},
		}, {
			Kind: abi.Kind_KIND_PAYOUT, CurrenciesSetting: "partner_currency",
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: opAddPartnerPayout},
				{Role: abi.Role_ROLE_LOOKUP, Operation: opGetPartnerPayouts},
			},
		}},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_BALANCES, Operation: opGetPartnerInfo},
			{Role: abi.Role_ROLE_RATES, Operation: opGetDirection},
			{Role: abi.Role_ROLE_STATEMENT, Operation: opGetExchanges},
			{Role: abi.Role_ROLE_CATALOG, Operation: opGetDirections, Topic: "directions"},
			{Role: abi.Role_ROLE_CATALOG, Operation: opGetCurrencies, Topic: "currencies"},
		},
		Operations: methods.Operations(schemas),
		Failures:   failures(),
		Envelope:   errorProofs(),
		Callback: &abi.CallbackForm{
			Supported: true, PerPayment: true,
			Summary: "callback_url of create_bid. It is unsigned, sent once, and sent inside a cancel or confirm of " +
				"ours: every report is confirmed by bid_info.",
		},
		MaxSteps: maxSteps,
	}
}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "lang": {"type": "string", "pattern": "^[a-z]{2}_[A-Z]{2}$", "default": "en_US",
      "description": "API-LANG. The failure table knows the English texts; add others to the account's failures in ` +
	`routing.yaml."},
    "utc_offset": {"type": "string", "anyOf": [{"pattern": "^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"}, {"enum": [
      "UTC", "Europe/London", "Europe/Lisbon", "Europe/Dublin", "Europe/Berlin", "Europe/Paris",
      "Europe/Warsaw", "Europe/Prague", "Europe/Vienna", "Europe/Amsterdam", "Europe/Madrid",
      "Europe/Rome", "Europe/Kyiv", "Europe/Kiev", "Europe/Riga", "Europe/Vilnius", "Europe/Tallinn",
      "Europe/Helsinki", "Europe/Bucharest", "Europe/Sofia", "Europe/Athens", "Asia/Nicosia",
      "Europe/Moscow", "Europe/Minsk", "Europe/Istanbul", "Europe/Samara", "Asia/Dubai", "Asia/Tbilisi",
      "Asia/Yerevan", "Asia/Baku", "Asia/Yekaterinburg", "Asia/Tashkent", "Asia/Almaty", "Asia/Bishkek",
      "Asia/Novosibirsk", "Asia/Bangkok", "Asia/Singapore", "Asia/Hong_Kong"]}],
      "description": "How far the site's clock is ahead of UTC, like +03:00, or its zone. Its lists have its local ` +
	`times: without this they count as UTC, and a statement is that much off."},
    "partner_id": {"type": "string", "pattern": "^[0-9]+$", "description": "Sent with every order."},
    "partner_currency": {"type": "string", "pattern": "^[A-Z0-9]{2,16}$",
      "description": "The currency that the site keeps the partner's balance in: get_partner_info does not say. ` +
	`Payouts, balances and rewards need it."},
    "payout_method": {"type": "string", "pattern": "^[0-9]+$",
      "description": "The method_id of payouts, one of the items of get_partner_info."},
    "error_final_after_hours": {"type": "integer", "minimum": 0, "default": 72,
      "description": "How old an order with an error status has to be to count as failed: until then an operator ` +
	`of the site may move it."},
    "payer_fields": {"type": "object", "default": {"cf6": "email"},
      "propertyNames": {"pattern": "^cf(give|get)?[0-9]{1,6}$"},
      "additionalProperties": {"enum": ["name", "email", "phone"]},
      "description": "Which of the site's fields take which of the payer's. On most sites cf1 is the first name, ` +
	`cf4 the phone, cf6 the e-mail."},
    "directions": {"type": "object", "propertyNames": {"pattern": "^[A-Z0-9]{2,16}$"},
      "description": "By the payment's currency: how the site exchanges it. The account takes no other currency.",
      "additionalProperties": {
        "type": "object",
        "properties": {
          "direction_id": {"type": "string", "pattern": "^[0-9]+$"},
          "currency_id_give": {"type": "string", "pattern": "^[0-9]+$",
            "description": "With currency_id_get, instead of direction_id: the direction is looked up."},
          "currency_id_get": {"type": "string", "pattern": "^[0-9]+$"},
          "code": {"type": "string",
            "description": "The site's code of the currency, where it is another than the payment's."},
          "calc_action": {"enum": ["1", "2", "3", "4", 1, 2, 3, 4], "default": 1,
            "description": "What the payment's amount is: 1 what the payer gives, commission on top; 2 what the ` +
	`merchant gets, before commission; 3 what the payer gives, commission included; 4 what the merchant gets, after ` +
	`commission. 2 and 3 are for directions without a commission on that side."},
          "account1": {"type": "string",
            "description": "The account that the payer pays from, where it is always the same."},
          "account2": {"type": "string", "description": "The merchant's account, which the site pays."},
          "fields": {"type": "object", "propertyNames": {"pattern": "^cf(give|get)?[0-9]{1,6}$"},
            "additionalProperties": {"type": "string"},
            "description": "Fields that are the same for every payment."},
          "cd_fields": {"type": "array", "items": {"type": "string"},
            "description": "Names of the fields that get_direction marks with cd = 1."}
        },
        "anyOf": [{"required": ["direction_id"]}, {"required": ["currency_id_give", "currency_id_get"]},
          {"not": {"anyOf": [{"required": ["currency_id_give"]}, {"required": ["currency_id_get"]}]}}],
        "additionalProperties": false
      }}
  },
  "additionalProperties": false
}`
