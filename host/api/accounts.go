package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/routing"
)

// AccountError is the reason why data of an account is missing in an answer.
type AccountError struct {
	Provider string `json:"provider"`

	Code string `json:"code" doc:"Problem type; incomplete: a part of the data is missing" example:"provider-unanswered"`

	Detail string `json:"detail"`
	// Failure is set where the provider declined.
	Failure *attempt.Failure `json:"failure,omitempty"`
	Cursor  string           `json:"cursor,omitempty" doc:"Goes on with this account alone, where a statement broke off"`
}

// incomplete is the code for an account with more data than the answer shows.
const incomplete = "incomplete"

func accountErrorOf(provider string, err error) AccountError {
	p := classify(err)
	shown := AccountError{
		Provider: provider, Code: strings.TrimPrefix(p.Type, problemPrefix), Detail: p.Detail,
		Failure: p.Failure,
	}
	if errors.Is(err, account.ErrIncomplete) {
		shown.Code, shown.Detail = incomplete, err.Error()
	}
	if shown.Detail == "" {
		shown.Detail = p.Title
	}
	return shown
}

func accountErrors(absent []account.Error) []AccountError {
	shown := make([]AccountError, len(absent))
	for i, one := range absent {
		shown[i] = accountErrorOf(one.Provider, one.Err)
		shown[i].Cursor = one.Cursor
	}
	return shown
}

// Balance is what an account holds of a currency.
type Balance struct {
	Provider string `json:"provider"`

	Available *Money `json:"available,omitempty" doc:"What can be spent; may be negative; omitted if not reported"`

	Held   *Money `json:"held,omitempty" doc:"What is held back"`
	Wallet string `json:"wallet,omitempty" doc:"The provider's name, where the account has several of one currency"`
}

// Rate is at what an account exchanges: so much for so much, so that nothing is rounded.
type Rate struct {
	Provider string `json:"provider"`
	From     Money  `json:"from"`
	To       Money  `json:"to"`
}

// Item is something that a provider offers.
type Item struct {
	Provider string `json:"provider"`
	Code     string `json:"code" doc:"The value for a payment: destination.operator, a currency or a direction_id"`
	Name     string `json:"name,omitempty"`
	Category string `json:"category,omitempty" doc:"The provider's word" example:"Mobile"`

	Currency string `json:"currency,omitempty" doc:"Of the item; of a direction, the currency paid in"`

	CurrencyOut string  `json:"currency_out,omitempty" doc:"What comes out of a direction"`
	Bounds      []bound `json:"bounds,omitempty"`
}

type bound struct {
	Currency string `json:"currency"`
	Min      string `json:"min,omitempty" doc:"Included; open where it is left out"`
	Max      string `json:"max,omitempty" doc:"Included; open where it is left out"`
}

func boundsOf(bounds []money.Bound) []bound {
	var shown []bound
	for _, b := range bounds {
		shown = append(shown, bound(b))
	}
	return shown
}

func (a *api) registerAccounts(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, refused ...int) huma.Operation {
		const partly = " Accounts that cannot answer now are in errors, and the rest in data: a partial answer " +
			"is a 200."
		o := a.endpoint(id, method, path, summary, description+partly)
		refuses(&o, registry, append(refused, http.StatusUnprocessableEntity)...)
		return o
	}
	huma.Register(described,
		endpoint("list-balances", http.MethodGet, "/v1/balances", "Ask accounts what they hold", "",
			http.StatusForbidden), a.balances)
	huma.Register(described,
		endpoint("list-rates", http.MethodGet, "/v1/rates", "Ask accounts at what they exchange", "",
			http.StatusForbidden), a.rates)
	huma.Register(described,
		endpoint("list-statement", http.MethodGet, "/v1/statements", "Ask accounts what happened to their money",
			"The newest first, all accounts together.", http.StatusForbidden), a.statement)
	huma.Register(described,
		endpoint("list-catalog", http.MethodGet, "/v1/catalog/{topic}", "Ask accounts what they offer", ""), a.catalog)
	huma.Register(described,
		endpoint("create-quotes", http.MethodPost, "/v1/quotes", "Ask what a payment would come to",
			"At each provider that can quote, the cheapest first. Creates no payment.", http.StatusBadRequest),
		a.quotes)
}

func (a *api) aggregator() account.Aggregator {
	return account.Aggregator{Fetcher: a.settings.Accounts}
}

// accountsFor are the accounts to query: the named ones, or all that support the query.
func (a *api) accountsFor(ctx context.Context, named []string, s account.QueryKind) ([]string, error) {
	fleet := a.engine.Fleet()
	able := slices.DeleteFunc(account.Able(&fleet.Fleet, s), func(name string) bool { return !a.uses(ctx, name) })
	if len(named) == 0 {
		return able, nil
	}
	for _, name := range named {
		if _, known := fleet.Accounts[name]; !known || !a.uses(ctx, name) {
			return nil, invalidRequest.problem("there is no provider "+name,
				fieldError{Parameter: "query provider", Detail: fmt.Sprintf("%q is not configured", name)})
		}
		if !slices.Contains(able, name) {
			return nil, unsupported.problem(fmt.Sprintf("%s does not support %s", name, s),
				fieldError{Parameter: "query provider", Detail: name + " does not support it"})
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(named))), nil
}

// aggregate asks for a subject.
func (a *api) aggregate(ctx context.Context, named []string, s account.QueryKind,
	q account.Query,
) ([]account.Answer, []AccountError, error) {
	providers, err := a.accountsFor(ctx, named, s)
	if err != nil {
		return nil, nil, err
	}
	answers, absent := a.aggregator().Fetch(ctx, providers, s, q)
	return answers, accountErrors(absent), nil
}

type balancesInput struct {
	Provider []string `query:"provider" doc:"Accounts, comma-separated; by default all that support it"`
	Currency string   `query:"currency" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency's code" example:"EUR"`
}

type balancesOutput struct {
	Body struct {
		Data   []Balance      `json:"data"`
		Errors []AccountError `json:"errors"`
	}
}

func (a *api) balances(ctx context.Context, in *balancesInput) (*balancesOutput, error) {
	answers, missing, err := a.aggregate(ctx, in.Provider, account.Balances, account.Query{Currency: in.Currency})
	if err != nil {
		return nil, err
	}
	out := &balancesOutput{}
	out.Body.Data, out.Body.Errors = []Balance{}, missing
	for _, answer := range answers {
		for _, b := range answer.Balances {
			out.Body.Data = append(out.Body.Data,
				Balance{answer.Provider, moneyOf(b.Available), moneyOf(b.Held), b.Wallet})
		}
	}
	return out, nil
}

type ratesInput struct {
	Provider []string `query:"provider" doc:"Accounts, comma-separated; by default all that support it"`
	From     string   `query:"from" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency's code" example:"BTC"`
	To       string   `query:"to" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency's code" example:"USDT"`
}

type ratesOutput struct {
	Body struct {
		Data   []Rate         `json:"data"`
		Errors []AccountError `json:"errors"`
	}
}

func (a *api) rates(ctx context.Context, in *ratesInput) (*ratesOutput, error) {
	answers, missing, err := a.aggregate(ctx, in.Provider, account.Rates, account.Query{Currency: in.From})
	if err != nil {
		return nil, err
	}
	out := &ratesOutput{}
	out.Body.Data, out.Body.Errors = []Rate{}, missing
	for _, answer := range answers {
		for _, r := range answer.Rates {
			if in.To == "" || r.To.Currency == in.To {
				out.Body.Data = append(out.Body.Data, Rate{answer.Provider, Money(r.From), Money(r.To)})
			}
		}
	}
	return out, nil
}

type catalogInput struct {
	Topic    string   `path:"topic" enum:"operators,currencies,directions,wallets"`
	Provider []string `query:"provider" doc:"Accounts, comma-separated; by default all that support it"`

	Country string `query:"country" pattern:"^[A-Z]{2}$" patternDescription:"an ISO 3166-1 alpha-2 code" example:"IN"`

	Currency string `query:"currency" pattern:"^[A-Z0-9]{2,16}$" patternDescription:"a currency's code" example:"USDT"`
}

type catalogOutput struct {
	Body struct {
		Data   []Item         `json:"data"`
		Errors []AccountError `json:"errors"`
	}
}

func (a *api) catalog(ctx context.Context, in *catalogInput) (*catalogOutput, error) {
	if mend := routing.CheckCountry(in.Country); in.Country != "" && mend != "" {
		field := fieldError{Parameter: "query country", Detail: fmt.Sprintf("%q is not a country: %s", in.Country, mend)}
		return nil, invalidRequest.problem(field.Parameter+" "+field.Detail, field)
	}
	answers, missing, err := a.aggregate(ctx, in.Provider, account.QueryKind(in.Topic),
		account.Query{Country: in.Country, Currency: in.Currency})
	if err != nil {
		return nil, err
	}
	out := &catalogOutput{}
	out.Body.Data, out.Body.Errors = []Item{}, missing
	for _, answer := range answers {
		for _, i := range answer.Items {
			out.Body.Data = append(out.Body.Data,
				Item{answer.Provider, i.Code, i.Name, i.Category, i.Currency, i.CurrencyOut, boundsOf(i.Bounds)})
		}
	}
	return out, nil
}
