package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/identity"
	"payrouter/host/money"
	"payrouter/host/payment"
)

// quoteWithin bounds the asking for a quote, all its round trips together.
const quoteWithin = 10 * time.Second

// Quote is what a payment would cost at a provider. Its amounts are plain decimal text above zero.
type Quote struct {
	// Pays leaves whoever pays, and Gets reaches whoever is paid, all fees between. One of them at least is in the
	// order's currency.
	Pays money.Money `json:"pays"`
	Gets money.Money `json:"gets"`
	// Rate is before fees; the zero Rate where none is results, which is so between amounts of one currency only.
	Rate money.Rate `json:"rate,omitzero"`
	// Fees are in their own currencies, not below zero; empty where the provider does not separate them from the rate.
	Fees   []money.Money `json:"fees,omitempty"`
	Bounds []money.Bound `json:"bounds,omitempty"`
	// ExpiresAt is the zero time where the provider does not say.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Quote asks a provider what an order would come to. No payment is made of it, and nothing is journalled; the provider
// learns kind, amount, currency, country, method, operator and network, and its own options, and nothing of the payer.
// It takes 10 s at most, and is tried once. The error is ErrUnsupported where the provider has no quotes for such an
// order, a *DeclinedError where it would not take it, and ErrUnavailable or ErrUnanswered where it could not be asked
// or made no sense.
func (r *Reader) Quote(ctx context.Context, provider string, o payment.Order) (Quote, error) {
	if err := r.driver.Enter(); err != nil {
		return Quote{}, err
	}
	defer r.driver.Leave()
	fleet, release := r.fleets.Hold()
	defer release()
	account, known := fleet.Accounts[provider]
	if !known {
		return Quote{}, fmt.Errorf("provider %q is not configured: %w", provider, attempt.ErrUnsupported)
	}
	at, able := account.Plan("", o.Kind.ABI(), abi.Role_ROLE_QUOTE, "")
	if !able {
		return Quote{}, fmt.Errorf("%s has no quotes of a %s: %w", provider, o.Kind, attempt.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, quoteWithin)
	defer cancel()
	return r.quote(ctx, at, quotable(o))
}

// quotable is what a provider learns of an order that may never come to it.
func quotable(o payment.Order) payment.Order {
	return payment.Order{
		Kind: o.Kind, Amount: o.Amount, Currency: o.Currency, Country: o.Country, Method: o.Method, Options: o.Options,
		Destination: payment.Destination{Operator: o.Destination.Operator, Network: o.Destination.Network},
	}
}

// quote asks for a quote, and believes one that is about this order, and adds up.
func (r *Reader) quote(ctx context.Context, at attempt.Plan, o payment.Order) (Quote, error) {
	now := r.driver.Now()
	flow := &attempt.Flow{
		Driver: r.driver, Plan: at, Once: true,
		Call: &abi.Call{
			Operation: at.Operation.GetName(), Payment: o.Contract("", at.Connector.Manifest().GetName()),
			Settings: at.Account.Settings, NowMs: now.UnixMilli(),
			Seed: identity.Seed(strconv.FormatInt(now.UnixNano(), 10), at.Account.Name, at.Operation.GetName()),
		},
		Matches: o.Contradiction,
	}
	end, err := flow.Run(ctx)
	if err != nil {
		return Quote{}, err
	}
	var quote Quote
	if end.Event == attempt.Accepted {
		quote, err = quoteOf(end.Outcome.GetQuote())
		if err == nil {
			err = quote.check(o, r.driver.Now())
		}
		if err != nil {
			end.Event, end.Why = attempt.Unanswered, err.Error()
		}
	}
	flow.LogQuestion(ctx, "asked for a quote", end)
	if end.Event != attempt.Accepted {
		return Quote{}, end.Err()
	}
	return quote, nil
}

func quoteOf(in *abi.Quote) (quote Quote, err error) {
	var pays, gets error
	quote.Pays, pays = money.Exact(in.GetPays())
	quote.Gets, gets = money.Exact(in.GetGets())
	if err := errors.Join(pays, gets); err != nil {
		return Quote{}, err
	}
	if !quote.Pays.Positive() || !quote.Gets.Positive() {
		return Quote{}, errors.New("the quote lacks what is paid or what is got")
	}
	if rate := in.GetRate(); rate != nil {
		if quote.Rate, err = endsOf(rate); err != nil {
			return Quote{}, fmt.Errorf("the quote's rate: %w", err)
		}
	}
	for _, fee := range in.GetFees() {
		exact, err := money.Exact(fee)
		if err != nil {
			return Quote{}, fmt.Errorf("a fee of the quote: %w", err)
		}
		if sign, ok := money.Compare(exact.Amount, "0"); !ok || sign < 0 {
			return Quote{}, errors.New("a fee of the quote is below zero, or none")
		}
		quote.Fees = append(quote.Fees, exact)
	}
	if quote.Bounds, err = boundsOf(in.GetBounds()); err != nil {
		return Quote{}, fmt.Errorf("the quote's bounds: %w", err)
	}
	if in.GetExpiresMs() > 0 {
		quote.ExpiresAt = time.UnixMilli(in.GetExpiresMs()).UTC()
	}
	return quote, nil
}

// check holds a quote to the order that was asked about: the payer pays no less than that, or the other end gets no
// more.
func (q Quote) check(o payment.Order, now time.Time) error {
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
