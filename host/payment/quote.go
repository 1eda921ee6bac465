package payment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/money"
)

// quoteWithin bounds the asking for a quote, all its round trips together.
const quoteWithin = 10 * time.Second

// Quote is what a provider says a payment would come to. Its amounts are plain decimal text above zero.
type Quote struct {
	// Pays leaves whoever pays, and Gets reaches whoever is paid, all fees between. One of them at least is in the
	// order's currency.
	Pays money.Money `json:"pays"`
	Gets money.Money `json:"gets"`
	// Rate is before fees; the zero Rate where none is told, which is so between amounts of one currency only.
	Rate money.Rate `json:"rate,omitzero"`
	// Fees are in their own currencies, not below zero; empty where the provider does not tell them from the rate.
	Fees   []money.Money `json:"fees,omitempty"`
	Bounds []money.Bound `json:"bounds,omitempty"`
	// ExpiresAt is the zero time where the provider does not say.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Prices gives what an order costs at these providers, for one decision on one goroutine, as quote.Book does: a
// provider's price is decimal text in the order's currency, or it is not known. It may wait for providers, within
// bounds of its own.
type Prices func(o Order, providers []string) func(provider string) (price string, ok bool)

// Quoters are the accounts that may have quotes of such orders, by name: those whose plugins have an operation for it.
func (f *Fleet) Quoters(o Order) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Accounts)) {
		account := f.Accounts[name]
		_, able := account.plan("", o.Kind.ABI(), abi.Role_ROLE_QUOTE, "")
		currencies := flowOf(account.Plugin("").Manifest(), o.Kind.ABI()).GetCurrencies()
		if able && (len(currencies) == 0 || slices.Contains(currencies, o.Currency)) {
			names = append(names, name)
		}
	}
	return names
}

// Quote asks a provider what an order would come to. No payment is made of it, and nothing is journalled; the provider
// learns kind, amount, currency, country, method, operator and network, and its own options, and nothing of the payer.
// It takes 10 s at most, and is tried once. The error is ErrUnsupported where the provider has no quotes for such an
// order, a *DeclinedError where it would not take it, and ErrUnavailable or ErrUnanswered where it could not be asked
// or made no sense.
func (e *Engine) Quote(ctx context.Context, provider string, o Order) (Quote, error) {
	if err := e.enter(); err != nil {
		return Quote{}, err
	}
	defer e.running.Done()
	fleet, release := e.Hold()
	defer release()
	account, known := fleet.Accounts[provider]
	if !known {
		return Quote{}, fmt.Errorf("provider %q is not configured: %w", provider, ErrUnsupported)
	}
	asked := Payment{Order: quotable(o)}
	at, able := account.plan(asked.ID, asked.Kind.ABI(), abi.Role_ROLE_QUOTE, "")
	if !able {
		return Quote{}, fmt.Errorf("%s has no quotes of a %s: %w", provider, o.Kind, ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, quoteWithin)
	defer cancel()
	q := &inquiry{talk: conversation{
		engine: e, about: &heldPayment{payment: asked}, plan: at,
		call: e.quoteCall(asked, at, e.now()),
	}, once: true}
	quote, err := q.quote(ctx, asked.Order)
	q.log(ctx, "asked for a quote")
	return quote, err
}

// quotable is what a provider is told of an order that may never come to it.
func quotable(o Order) Order {
	return Order{
		Kind: o.Kind, Amount: o.Amount, Currency: o.Currency, Country: o.Country, Method: o.Method, Options: o.Options,
		Destination: Destination{Operator: o.Destination.Operator, Network: o.Destination.Network},
	}
}

func (e *Engine) quoteCall(p Payment, at plan, now time.Time) *abi.Call {
	plugin := at.connector.Manifest().GetName()
	return &abi.Call{
		Operation: at.operation.GetName(), Payment: contractPayment(p, plugin), Settings: at.account.Settings,
		NowMs: now.UnixMilli(),
		Seed:  seed(strconv.FormatInt(now.UnixNano(), 10), at.account.Name, at.operation.GetName()),
	}
}

// quote asks for a quote, and believes one that is about this order, and adds up.
func (q *inquiry) quote(ctx context.Context, o Order) (Quote, error) {
	outcome, err := q.run(ctx)
	if err != nil {
		return Quote{}, err
	}
	quote, err := quoteOf(outcome.GetQuote())
	if err == nil {
		err = quote.check(o, q.talk.engine.now())
	}
	if err != nil {
		return Quote{}, q.ended(trial{event: Unanswered, why: err.Error()})
	}
	return quote, nil
}

func quoteOf(said *abi.Quote) (Quote, error) {
	quote := Quote{Pays: money.Of(said.GetPays()), Gets: money.Of(said.GetGets())}
	if !quote.Pays.Positive() || !quote.Gets.Positive() {
		return Quote{}, errors.New("the quote lacks what is paid or what is got")
	}
	if rate := said.GetRate(); rate != nil {
		quote.Rate = money.Rate{From: money.Of(rate.GetFrom()), To: money.Of(rate.GetTo())}
		if !quote.Rate.From.Positive() || !quote.Rate.To.Positive() {
			return Quote{}, errors.New("the quote's rate is none")
		}
	}
	for _, fee := range said.GetFees() {
		quote.Fees = append(quote.Fees, money.Of(fee))
	}
	for _, bound := range said.GetBounds() {
		quote.Bounds = append(quote.Bounds,
			money.Bound{Currency: bound.GetCurrency(), Min: bound.GetMin(), Max: bound.GetMax()})
	}
	if said.GetExpiresMs() > 0 {
		quote.ExpiresAt = time.UnixMilli(said.GetExpiresMs()).UTC()
	}
	return quote, nil
}

// check holds a quote to the order that was asked about: the payer pays no less than that, or the other end gets no
// more.
func (q Quote) check(o Order, now time.Time) error {
	from, to := q.Rate.From.Currency, q.Rate.To.Currency
	switch {
	case q.Rate == money.Rate{} && q.Pays.Currency != q.Gets.Currency:
		return errors.New("the quote is between two currencies, and has no rate")
	case q.Rate != money.Rate{} && (from != q.Pays.Currency || to != q.Gets.Currency):
		return errors.New("the quote's rate is between other currencies")
	case !q.ExpiresAt.IsZero() && !q.ExpiresAt.After(now):
		return errors.New("the quote is out of date")
	}
	paid, paidOK := money.Compare(q.Pays.Amount, o.Amount)
	got, gotOK := money.Compare(q.Gets.Amount, o.Amount)
	about := q.Pays.Currency == o.Currency && paidOK && paid >= 0 || q.Gets.Currency == o.Currency && gotOK && got <= 0
	if !about {
		return fmt.Errorf("the quote is about %s %s and %s %s, not %s %s", q.Pays.Amount, q.Pays.Currency,
			q.Gets.Amount, q.Gets.Currency, o.Amount, o.Currency)
	}
	return nil
}
