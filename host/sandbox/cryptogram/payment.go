package cryptogram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// checkout is a payment as the document shows it: the fields are in its order.
type checkout struct {
	ID          string            `json:"id"`
	Amount      phpNumber         `json:"amount"`
	Currency    string            `json:"currency"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Redirect    string            `json:"redirect"`
	Message     string            `json:"message"`
	ExpiresAt   timestamp         `json:"expires_at"`
	CreatedAt   timestamp         `json:"created_at"`
	UpdatedAt   timestamp         `json:"updated_at"`
	Wallets     []string          `json:"wallets"`
	URL         string            `json:"url"`
	Transaction *shownTransaction `json:"transaction"`

	// paying is the payer's transaction; nil until the payer has picked a wallet. Transaction is how an answer shows it.
	paying *transaction
}

// show answers with a payment, as the options have it.
func (c *provider) show(status int, p *checkout) simulator.Answer {
	shown := *p
	shown.Amount.tail = c.options.Tails
	if p.paying != nil {
		shown.Transaction = c.options.show(p.paying)
	}
	return simulator.JSON(status, shown)
}

// timestamp is written in UTC with six decimals and a Z.
type timestamp struct{ time.Time }

// MarshalJSON writes "2025-05-19T09:13:28.000000Z"; Laravel's columns hold whole seconds.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000000Z"))), nil
}

func (c *provider) serveCreate(r *simulator.Request) simulator.Answer {
	made, errs := c.read(r)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	made.ID = c.IDs.UUID()
	made.URL = r.Base + "/payments/" + made.ID
	made.CreatedAt, made.UpdatedAt = timestamp{r.Now}, timestamp{r.Now}
	c.payments = append(c.payments, made)
	c.byID[made.ID] = made
	// The provider takes no reference of the caller: the redirect URL stands in.
	c.Book(simulator.Booking{
		Operation: "create", Reference: made.Redirect, ProviderReference: made.ID,
		Amount: made.Amount.String(), Currency: made.Currency, Status: "created",
	})
	return c.show(http.StatusCreated, made)
}

// read checks a create's fields, all of which are required.
func (c *provider) read(r *simulator.Request) (*checkout, *laravel.Errors) {
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.Body, &in) // what is no JSON object has no fields
	errs := &laravel.Errors{}
	made := &checkout{
		Amount:      phpNumber{Money: requiredNumber(in, "amount", errs)},
		Currency:    requiredString(in, "currency", errs),
		Wallets:     readWallets(in, errs),
		Title:       requiredString(in, "title", errs),
		Description: requiredString(in, "description", errs),
		Redirect:    requiredString(in, "redirect", errs),
		Message:     requiredString(in, "message", errs),
	}
	laravel.CheckURL(made.Redirect, "redirect", errs)
	if _, ok := fiatPrices[made.Currency]; made.Currency != "" && !ok {
		errs.Add("currency", "The selected currency is invalid.")
	}
	if text := requiredString(in, "expires_at", errs); text != "" {
		expires, ok := parseDate(text)
		switch {
		case !ok:
			errs.Add("expires_at", "The expires at field must be a valid date.")
		case !expires.After(r.Now):
			errs.Add("expires_at", "The expires at field must be a date after now.")
		}
		made.ExpiresAt = timestamp{expires}
	}
	return made, errs
}

func requiredString(in map[string]json.RawMessage, field string, errs *laravel.Errors) string {
	label := strings.ReplaceAll(field, "_", " ")
	raw, ok := in[field]
	if !ok || string(raw) == "null" || string(raw) == `""` {
		errs.Add(field, fmt.Sprintf("The %s field is required.", label))
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		errs.Add(field, fmt.Sprintf("The %s field must be a string.", label))
	}
	return text
}

func requiredNumber(in map[string]json.RawMessage, field string, errs *laravel.Errors) simulator.Money {
	raw, ok := in[field]
	if !ok || string(raw) == "null" {
		errs.Add(field, fmt.Sprintf("The %s field is required.", field))
		return simulator.Money{}
	}
	var m simulator.Money
	if json.Unmarshal(raw, &m) != nil {
		errs.Add(field, fmt.Sprintf("The %s field must be a number.", field))
		return simulator.Money{}
	}
	if m.Sign() <= 0 {
		errs.Add(field, fmt.Sprintf("The %s field must be greater than 0.", field))
	}
	return m
}

// parseDate reads the forms in which a date comes in; one without a zone is UTC.
func parseDate(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func readWallets(in map[string]json.RawMessage, errs *laravel.Errors) []string {
	raw, ok := in["wallets"]
	var wallets []string
	switch {
	case !ok || string(raw) == "null" || string(raw) == "[]":
		errs.Add("wallets", "The wallets field is required.")
	case json.Unmarshal(raw, &wallets) != nil:
		errs.Add("wallets", "The wallets field must be an array.")
	}
	for i, wallet := range wallets {
		if _, known := coinPrices[wallet]; !known {
			errs.Add(fmt.Sprintf("wallets.%d", i), fmt.Sprintf("The selected wallets.%d is invalid.", i))
		}
	}
	return wallets
}

func (c *provider) serveGet(r *simulator.Request) simulator.Answer {
	if found := c.byID[r.Vars["id"]]; found != nil {
		return c.show(http.StatusOK, found)
	}
	return c.notFound(r)
}

func (c *provider) notFound(r *simulator.Request) simulator.Answer {
	return laravel.Message(http.StatusNotFound,
		fmt.Sprintf(`No query results for model [App\Models\CommercePayment] %s`, r.Vars["id"]))
}

// serveUpdate changes the four texts that the document lets one change, and nothing else.
func (c *provider) serveUpdate(r *simulator.Request) simulator.Answer {
	found := c.byID[r.Vars["id"]]
	if found == nil {
		return c.notFound(r)
	}
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.Body, &in)
	errs := &laravel.Errors{}
	texts := map[string]*string{
		"title": &found.Title, "description": &found.Description, "redirect": &found.Redirect,
		"message": &found.Message,
	}
	given := map[string]string{}
	for _, field := range []string{"title", "description", "redirect", "message"} {
		if _, ok := in[field]; ok {
			given[field] = requiredString(in, field, errs)
		}
	}
	laravel.CheckURL(given["redirect"], "redirect", errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	for field, text := range given {
		*texts[field] = text
	}
	found.UpdatedAt = timestamp{r.Now}
	return c.show(http.StatusOK, found)
}
