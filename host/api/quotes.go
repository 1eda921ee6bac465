package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"payrouter/abi/decimal"
	"payrouter/host/account"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/quote"
)

// Surveyor queries providers for quotes, as quote.Cache does: it ends with ctx, and gives a reason for each provider
// without an offer.
type Surveyor interface {
	Survey(ctx context.Context, o payment.Order, providers []string) (offers map[string]quote.Offer,
		none map[string]error)
}

// Quote is what a payment would come to at a provider.
type Quote struct {
	Provider  string    `json:"provider"`
	Price     Money     `json:"price" doc:"Cost in the payment's currency: pays less gets, valued at the best rate quoted"`
	Pays      Money     `json:"pays" doc:"What the paying side pays, all fees included"`
	Gets      Money     `json:"gets" doc:"What the receiving side gets, after all fees"`
	Rate      *exchange `json:"rate,omitempty" doc:"Before fees"`
	Fees      []Money   `json:"fees" doc:"Fees; empty if the provider includes them in the rate"`
	Bounds    []bound   `json:"bounds,omitempty" doc:"What amounts the provider takes"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Omitted if the provider does not report it"`
}

// exchange is so much for so much.
type exchange struct {
	From Money `json:"from"`
	To   Money `json:"to"`
}

type quotesInput struct {
	Body struct {
		Kind string `json:"kind,omitempty" enum:"collect,payout,recharge,transfer" default:"collect"`

		Amount   string `json:"amount" maxLength:"80" example:"100"`
		Currency string `json:"currency" maxLength:"16" example:"USDT"`

		To string `json:"to,omitempty" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency code" doc:"Other currency"`

		Country string `json:"country,omitempty" maxLength:"2" example:"DE"`
		Method  string `json:"method,omitempty" example:"crypto"`

		Destination destinationBody `json:"destination,omitzero" required:"false" doc:"Only operator and network are sent"`

		Providers []string `json:"providers,omitempty" nullable:"false" doc:"Accounts; by default all that can quote"`

		Options map[string]json.RawMessage `json:"provider_options,omitempty" doc:"JSON objects by plugin name"`
	}
}

type quotesOutput struct {
	Body struct {
		Data   []Quote        `json:"data" doc:"The cheapest first"`
		Errors []AccountError `json:"errors" doc:"Providers that quote such payments, and gave no quote of this one"`
	}
}

// surveyWithin is how long providers have to quote, all of them together.
const surveyWithin = 10 * time.Second

func (a *api) quotes(ctx context.Context, in *quotesInput) (*quotesOutput, error) {
	order := orderBody{
		Kind: in.Body.Kind, Amount: in.Body.Amount, Currency: in.Body.Currency, Country: in.Body.Country,
		Method:      in.Body.Method,
		Destination: in.Body.Destination, Options: in.Body.Options,
	}.order()
	fleet := a.engine.Fleet()
	if err := fleet.Check(order, a.settings.Now()); err != nil {
		return nil, problemOf(err, "")
	}
	able := slices.DeleteFunc(fleet.Quoters(order), func(name string) bool { return !a.uses(ctx, name) })
	for i, name := range in.Body.Providers {
		if !slices.Contains(able, name) {
			return nil, unsupported.problem(name+" has no quotes of such a payment",
				fieldError{
					Pointer: fmt.Sprintf("/providers/%d", i),
					Detail:  fmt.Sprintf("%q has no quotes of such a payment, or is not configured", name),
				})
		}
	}
	if len(in.Body.Providers) > 0 {
		able = slices.Compact(slices.Sorted(slices.Values(in.Body.Providers)))
	}
	ctx, cancel := context.WithTimeout(ctx, surveyWithin)
	defer cancel()
	offers, none := a.settings.Quotes.Survey(ctx, order, able)
	out := &quotesOutput{}
	out.Body.Data, out.Body.Errors = quotesOf(able, order.Currency, in.Body.To, offers, none)
	return out, nil
}

// quotesOf sorts offers by their price, and puts those between other currencies among the errors.
func quotesOf(providers []string, currency, to string, offers map[string]quote.Offer,
	none map[string]error,
) ([]Quote, []AccountError) {
	quotes, missing := []Quote{}, []AccountError{}
	for _, provider := range providers {
		offer, quoted := offers[provider]
		switch {
		case !quoted:
			missing = append(missing, accountErrorOf(provider, none[provider]))
		case to != "" && !between(offer.Quote, currency, to):
			missing = append(missing, AccountError{
				Provider: provider, Code: strings.TrimPrefix(unsupported.problem("").Type, problemPrefix),
				Detail: fmt.Sprintf("its quote is from %s to %s", offer.Quote.Pays.Currency, offer.Quote.Gets.Currency),
			})
		default:
			quotes = append(quotes, quoteOf(provider, currency, offer))
		}
	}
	slices.SortStableFunc(quotes, func(x, y Quote) int {
		// A quote's prices are decimals that parse.
		a, _ := decimal.Parse(x.Price.Amount)
		b, _ := decimal.Parse(y.Price.Amount)
		return cmp.Or(a.Cmp(b), strings.Compare(x.Provider, y.Provider))
	})
	return quotes, missing
}

func between(q account.Quote, one, other string) bool {
	pays, gets := q.Pays.Currency, q.Gets.Currency
	return pays == one && gets == other || pays == other && gets == one
}

func quoteOf(provider, currency string, offer quote.Offer) Quote {
	q := offer.Quote
	shown := Quote{
		Provider: provider, Price: Money{offer.Price, currency}, Pays: Money(q.Pays), Gets: Money(q.Gets),
		Fees: []Money{}, Bounds: boundsOf(q.Bounds),
		ExpiresAt: q.ExpiresAt,
	}
	if q.Rate != (money.Rate{}) {
		shown.Rate = &exchange{Money(q.Rate.From), Money(q.Rate.To)}
	}
	for _, fee := range q.Fees {
		shown.Fees = append(shown.Fees, Money(fee))
	}
	return shown
}
