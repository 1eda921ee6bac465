package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
)

// settings is an account's settings, defaults filled in. Cryptogram requires texts that a payment need not have; they
// come from here.
type settings struct {
	wallets     []string
	title       string
	description string
	message     string
	redirect    string
	// lifetime is how long a payer has, where the payment does not state it.
	lifetime time.Duration
	// grace is how long after its expiry a payment that no one began to pay is still asked about.
	grace time.Duration
}

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "wallets": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": ["btc", "eth", "bnb"]},
      "default": ["btc", "eth", "bnb"], "description": "The cryptocurrencies a payer may choose from."},
    "title": {"type": "string", "minLength": 1, "default": "Payment", "description": "Title of the payment page."},
    "description": {"type": "string", "minLength": 1,
      "description": "Description on the payment page where the payment has none; by default its title."},
    "message": {"type": "string", "minLength": 1, "default": "Thank you for your payment.",
      "description": "Shown to the payer after payment."},
    "redirect": {"type": "string", "pattern": "^https?://",
      "description": "Where the payer goes after payment where the payment has no return_url. Without it, ` +
	`return_url is required."},
    "expire_hours": {"type": "integer", "minimum": 1, "maximum": 8760, "default": 24,
      "description": "How long a payer has where the payment has no expires_at."},
    "expiry_grace_minutes": {"type": "integer", "minimum": 0, "maximum": 10080, "default": 0,
      "description": "How long after its expiry an untouched payment still counts as processing: for a clock that ` +
	`differs from Cryptogram's."}
  }
}`

func readSettings(data []byte) (settings, error) {
	account := settings{
		wallets:  walletNames(),
		title:    "Payment",
		message:  "Thank you for your payment.",
		lifetime: 24 * time.Hour,
	}
	if len(data) == 0 {
		return account, nil
	}
	from, err := jsontext.Parse(data)
	if err != nil || !from.IsObject() {
		return settings{}, guest.BadSettings("settings are not a JSON object")
	}
	for name, into := range map[string]*string{
		"title": &account.title, "description": &account.description, "message": &account.message,
		"redirect": &account.redirect,
	} {
		*into = cmp.Or(from.Text(name), *into)
	}
	if from.Get("wallets").Exists() {
		if account.wallets = readWallets(from.Get("wallets")); account.wallets == nil {
			return settings{}, guest.BadSettings("wallets: a list of %s is wanted", strings.Join(walletNames(), ", "))
		}
	}
	if account.lifetime, err = duration(from, "expire_hours", time.Hour, account.lifetime); err != nil {
		return settings{}, err
	}
	if account.grace, err = duration(from, "expiry_grace_minutes", time.Minute, 0); err != nil {
		return settings{}, err
	}
	return account, nil
}

// duration reads a whole number of units.
func duration(from jsontext.Value, name string, unit, otherwise time.Duration) (time.Duration, error) {
	if !from.Get(name).Exists() {
		return otherwise, nil
	}
	units, err := strconv.ParseUint(from.Text(name), 10, 16)
	if err != nil {
		return 0, guest.BadSettings("%s: a whole number is wanted", name)
	}
	return time.Duration(units) * unit, nil
}

// readWallets is nil unless the list is of wallets that Cryptogram has.
func readWallets(list jsontext.Value) []string {
	var names []string
	for _, item := range list.Items() {
		name := item.Text()
		if !slices.Contains(walletNames(), name) || slices.Contains(names, name) {
			return nil
		}
		names = append(names, name)
	}
	return names
}
