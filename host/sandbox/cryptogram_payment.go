package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// checkout is a payment as the document shows it: the fields are in its order.
type checkout struct {
	ID          string       `json:"id"`
	Amount      phpNumber    `json:"amount"`
	Currency    string       `json:"currency"`
	Title       string       `json:"title"`
	Description string       `json:"description"`
	Redirect    string       `json:"redirect"`
	Message     string       `json:"message"`
	ExpiresAt   laravelTime  `json:"expires_at"`
	CreatedAt   laravelTime  `json:"created_at"`
	UpdatedAt   laravelTime  `json:"updated_at"`
	Wallets     []string     `json:"wallets"`
	URL         string       `json:"url"`
	Transaction *cryptoEntry `json:"transaction"`
}

// laravelTime is written in UTC with six decimals and a Z.
type laravelTime struct{ time.Time }

// MarshalJSON writes "2025-05-19T09:13:28.000000Z"; Laravel's columns hold whole seconds.
func (t laravelTime) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000000Z"))), nil
}

func (c *cryptogram) serveCreate(r *request) answer {
	made, errs := c.read(r)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	made.ID = c.ids.uuid()
	made.URL = r.base + "/payments/" + made.ID
	made.CreatedAt, made.UpdatedAt = laravelTime{r.now}, laravelTime{r.now}
	c.payments = append(c.payments, made)
	c.byID[made.ID] = made
	c.book(Booking{
		Operation: "create", Reference: made.Redirect, ProviderReference: made.ID,
		Amount: made.Amount.String(), Currency: made.Currency, Status: "created",
	})
	return jsonAnswer(http.StatusCreated, made)
}

// read checks a create's fields, all of which are required.
func (c *cryptogram) read(r *request) (*checkout, *fieldErrors) {
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &in) // what is no JSON object has no fields
	errs := &fieldErrors{}
	made := &checkout{
		Amount:      phpNumber{laravelNumber(in, "amount", errs)},
		Currency:    laravelString(in, "currency", errs),
		Wallets:     cryptogramWallets(in, errs),
		Title:       laravelString(in, "title", errs),
		Description: laravelString(in, "description", errs),
		Redirect:    laravelString(in, "redirect", errs),
		Message:     laravelString(in, "message", errs),
	}
	checkURL(made.Redirect, "redirect", errs)
	if _, ok := cryptogramFiat[made.Currency]; made.Currency != "" && !ok {
		errs.add("currency", "The selected currency is invalid.")
	}
	if text := laravelString(in, "expires_at", errs); text != "" {
		expires, ok := laravelDate(text)
		switch {
		case !ok:
			errs.add("expires_at", "The expires at field must be a valid date.")
		case !expires.After(r.now):
			errs.add("expires_at", "The expires at field must be a date after now.")
		}
		made.ExpiresAt = laravelTime{expires}
	}
	return made, errs
}

func checkURL(text, field string, errs *fieldErrors) {
	if text != "" && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		errs.add(field, fmt.Sprintf("The %s field must be a valid URL.", field))
	}
}

func laravelString(in map[string]json.RawMessage, field string, errs *fieldErrors) string {
	label := strings.ReplaceAll(field, "_", " ")
	raw, ok := in[field]
	if !ok || string(raw) == "null" || string(raw) == `""` {
		errs.add(field, fmt.Sprintf("The %s field is required.", label))
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		errs.add(field, fmt.Sprintf("The %s field must be a string.", label))
	}
	return text
}

func laravelNumber(in map[string]json.RawMessage, field string, errs *fieldErrors) money {
	raw, ok := in[field]
	if !ok || string(raw) == "null" {
		errs.add(field, fmt.Sprintf("The %s field is required.", field))
		return money{}
	}
	var m money
	if json.Unmarshal(raw, &m) != nil {
		errs.add(field, fmt.Sprintf("The %s field must be a number.", field))
		return money{}
	}
	if m.sign() <= 0 {
		errs.add(field, fmt.Sprintf("The %s field must be greater than 0.", field))
	}
	return m
}

// laravelDate reads the forms in which a date comes in; one without a zone is UTC.
func laravelDate(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func cryptogramWallets(in map[string]json.RawMessage, errs *fieldErrors) []string {
	raw, ok := in["wallets"]
	var wallets []string
	switch {
	case !ok || string(raw) == "null" || string(raw) == "[]":
		errs.add("wallets", "The wallets field is required.")
	case json.Unmarshal(raw, &wallets) != nil:
		errs.add("wallets", "The wallets field must be an array.")
	}
	for i, wallet := range wallets {
		if _, known := cryptogramPrices[wallet]; !known {
			errs.add(fmt.Sprintf("wallets.%d", i), fmt.Sprintf("The selected wallets.%d is invalid.", i))
		}
	}
	return wallets
}

func (c *cryptogram) serveGet(r *request) answer {
	if found := c.byID[r.vars["id"]]; found != nil {
		return jsonAnswer(http.StatusOK, found)
	}
	return c.notFound(r)
}

func (c *cryptogram) notFound(r *request) answer {
	return laravelMessage(http.StatusNotFound,
		fmt.Sprintf(`No query results for model [App\Models\CommercePayment] %s`, r.vars["id"]))
}

// serveUpdate changes the four texts that the document lets one change, and nothing else.
func (c *cryptogram) serveUpdate(r *request) answer {
	found := c.byID[r.vars["id"]]
	if found == nil {
		return c.notFound(r)
	}
	var in map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &in)
	errs := &fieldErrors{}
	texts := map[string]*string{
		"title": &found.Title, "description": &found.Description, "redirect": &found.Redirect,
		"message": &found.Message,
	}
	given := map[string]string{}
	for _, field := range []string{"title", "description", "redirect", "message"} {
		if _, ok := in[field]; ok {
			given[field] = laravelString(in, field, errs)
		}
	}
	checkURL(given["redirect"], "redirect", errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	for field, text := range given {
		*texts[field] = text
	}
	found.UpdatedAt = laravelTime{r.now}
	return jsonAnswer(http.StatusOK, found)
}
