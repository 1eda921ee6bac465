package main

import (
	"cmp"
	"time"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
)

// settings is an account's settings, defaults filled in.
type settings struct {
	// slug names the payment page that orders are made on.
	slug string
	// companySlug names the company that withdrawals are made for; empty where the account makes none.
	companySlug    string
	successfulLink string
	failureLink    string
	// orderSecret is the secret that orders' webhooks are signed with.
	orderSecret string
	// outgoing reports, of types of transactions beyond those that are known, whether they take money from the account.
	outgoing map[string]bool
	// zone is that of PayPlay's dates.
	zone *time.Location
	// external are the currencies whose rates are asked for beside the one of USDT.
	external []string
}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["slug"],
  "properties": {
    "slug": {"type": "string", "minLength": 1,
      "description": "The payment page's unique name, from its settings in PayPlay's CRM.", "examples": ["shop"]},
    "company_slug": {"type": "string", "minLength": 1, "description": "The company's unique name. Payouts need it."},
    "successful_link": {"type": "string", "pattern": "^https?://",
      "description": "Where the payer goes after payment, where the payment has no return_url."},
    "failure_link": {"type": "string", "pattern": "^https?://",
      "description": "Where the payer goes after a failure, where the payment has no return_url."},
    "order_webhook_token": {"enum": ["page", "general"], "default": "page",
      "description": "Which token signs the webhooks about orders: the payment page's own (secret ` +
	`page_webhook_token), or the general one (secret webhook_token)."},
    "transaction_types": {"type": "object", "additionalProperties": {"enum": ["in", "out"]},
      "description": "For statements: of types of transactions that the router does not know, whether they bring ` +
	`money in or take it out.", "examples": [{"REFUND": "out"}]},
    "time_zone": {"type": "string", "pattern": "^[+-](0[0-9]|1[0-4]):[0-5][0-9]$", "default": "+00:00",
      "description": "For statements: the zone of PayPlay's dates, which state none.", "examples": ["+02:00"]},
    "external_currencies": {"type": "array", "maxItems": 6, "items": {"type": "string", "pattern": "^[A-Z0-9]{2,16}$"},
      "description": "Currencies whose rates to USDT are told among the account's rates.", "examples": [["NGN"]]}
  }
}`

// The secrets that the manifest declares.
const (
	secretKey         = "api_key"
	secretWebhook     = "webhook_token"
	secretPageWebhook = "page_webhook_token" //nolint:gosec // G101: the name of a secret, not its value
)

// signers has the secret behind each value of order_webhook_token.
var signers = map[string]string{ //nolint:gochecknoglobals // a table
	"page":    secretPageWebhook,
	"general": secretWebhook,
}

func readSettings(data []byte) (settings, error) {
	from, err := jsontext.Parse(data)
	if err != nil || !from.IsObject() {
		return settings{}, guest.BadSettings("settings are not a JSON object")
	}
	account := settings{
		slug:           from.Text("slug"),
		companySlug:    from.Text("company_slug"),
		successfulLink: from.Text("successful_link"),
		failureLink:    from.Text("failure_link"),
		orderSecret:    signers[cmp.Or(from.Text("order_webhook_token"), "page")],
	}
	if account.slug == "" {
		return settings{}, guest.BadSettings("slug: the payment page's name is wanted")
	}
	if account.orderSecret == "" {
		return settings{}, guest.BadSettings("order_webhook_token: page or general is wanted")
	}
	zone, err := time.Parse("-07:00", cmp.Or(from.Text("time_zone"), "+00:00"))
	if err != nil {
		return settings{}, guest.BadSettings("time_zone: hours and minutes are wanted, such as +02:00")
	}
	account.zone = zone.Location()
	return account, account.readLists(from)
}

// readLists reads what only questions about the account need.
func (s *settings) readLists(from jsontext.Value) error {
	var bad string
	types := from.Get("transaction_types")
	if types.Exists() {
		s.outgoing = make(map[string]bool)
	}
	types.Each(func(name string, way jsontext.Value) {
		if s.outgoing[name] = way.Text() == "out"; way.Text() != "out" && way.Text() != "in" {
			bad = name
		}
	})
	if bad != "" {
		return guest.BadSettings("transaction_types: %s: in or out is wanted", bad)
	}
	for _, currency := range from.Items("external_currencies") {
		if !isCurrency(currency.Text()) || len(s.external) == mostExternal {
			return guest.BadSettings("external_currencies: at most %d tickers in capitals are wanted", mostExternal)
		}
		s.external = append(s.external, currency.Text())
	}
	return nil
}
