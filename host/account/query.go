package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
	"payrouter/host/money"
)

// QueryKind is what an account can be asked, whatever its payments.
type QueryKind string

// The subjects. The last four are a provider's catalogs.
const (
	Balances   QueryKind = "balances"
	Rates      QueryKind = "rates"
	Statement  QueryKind = "statement"
	Operators  QueryKind = "operators"
	Currencies QueryKind = "currencies"
	Directions QueryKind = "directions"
	Wallets    QueryKind = "wallets"
)

// role is the subject in the contract's words.
func (s QueryKind) role() (role abi.Role, topic string) {
	switch s {
	case Balances:
		return abi.Role_ROLE_BALANCES, ""
	case Rates:
		return abi.Role_ROLE_RATES, ""
	case Statement:
		return abi.Role_ROLE_STATEMENT, ""
	case Operators, Currencies, Directions, Wallets:
		return abi.Role_ROLE_CATALOG, string(s)
	}
	return abi.Role_ROLE_UNSPECIFIED, ""
}

// Query narrows what an account is asked. A zero member leaves it open; what a provider knows nothing of, the engine
// narrows itself.
type Query struct {
	// From is included, Until is not. They are a statement's.
	From, Until time.Time
	// Country is the payer's, ISO 3166-1 alpha-2.
	Country string
	// Currency is that of balances, of transactions and of what goes into a rate.
	Currency string
	// Limit is the most entries on a page, as far as the provider heeds it.
	Limit int
	// Cursor is where a walk through pages goes on: a former Result.Cursor.
	Cursor string
}

// Result is what an account reports: the part that was asked for. All amounts are plain decimal text.
type Result struct {
	Balances []Balance
	Rates    []money.Rate
	// Transactions are the newest first, as far as they stand on one page.
	Transactions []Transaction
	Items        []Item
	// Cursor is where the next page starts; empty on the last.
	Cursor string
	// Alert is what the plugin had to leave out; empty as a rule.
	Alert string
}

// Balance is what an account holds of a currency. One of its two amounts may be none: the provider does not say. They
// may be below zero.
type Balance struct {
	Available, Held money.Money
	// Wallet is the provider's name, where there are several of a currency.
	Wallet string
}

// Transaction is one entry of an account's statement.
type Transaction struct {
	// ID is the provider's, unique within the account.
	ID string
	At time.Time
	// Amount is what it changed: below zero where money left the account. Fee is a part of it where FeeIncluded; no fee
	// is none that is result.
	Amount      money.Money
	Fee         money.Money
	FeeIncluded bool
	// Kind and Status are the provider's words. Status is empty where only what is done is listed.
	Kind, Status string
	// Reference is ours, where the provider repeats it.
	Reference, ProviderReference string
}

// Item is one entry of a catalog.
type Item struct {
	// Code is how a payment names it.
	Code, Name string
	// Category is the provider's word.
	Category string
	// Currency is what goes into a direction, and CurrencyOut what comes out; of anything else the currency that it is
	// in.
	Currency, CurrencyOut string
	Bounds                []money.Bound
}

// Able are the accounts of a fleet whose plugins can answer a kind of query, by name.
func Able(fleet *attempt.Fleet, kind QueryKind) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(fleet.Accounts)) {
		if operationFor(fleet, name, kind) != "" {
			names = append(names, name)
		}
	}
	return names
}

// operationFor is the operation of an account that answers a kind of query; empty where it has none.
func operationFor(fleet *attempt.Fleet, provider string, kind QueryKind) string {
	account, known := fleet.Accounts[provider]
	if !known {
		return ""
	}
	role, topic := kind.role()
	for _, action := range account.Plugin("").Manifest().GetActions() {
		if action.GetRole() == role && action.GetTopic() == topic {
			return action.GetOperation()
		}
	}
	return ""
}

// Fetch asks an account one query, for one page. Nothing is journalled; it ends with ctx. What a provider answers is
// shown whole or not at all: where an amount, a currency, a time or an id in it does not hold, the error is
// ErrUnanswered. Otherwise the errors are Read's, and ErrUnsupported where the account has no such operation.
func (r *Reader) Fetch(ctx context.Context, provider string, kind QueryKind, q Query) (Result, error) {
	fleet, release := r.fleets.Hold()
	operation := operationFor(fleet, provider, kind)
	release()
	if operation == "" {
		return Result{}, fmt.Errorf("%s has no operation for %s: %w", provider, kind, attempt.ErrUnsupported)
	}
	outcome, _, err := r.Read(ctx, provider, Operation{Operation: operation, Query: q.query(), Cursor: q.Cursor})
	if err != nil {
		return Result{}, err
	}
	result, err := resultOf(kind, outcome, r.driver.Now())
	if err != nil {
		return Result{}, fmt.Errorf("%s at %s: %w: %w", operation, provider, err, attempt.ErrUnanswered)
	}
	return result.narrow(q), nil
}

func (q Query) query() *abi.Query {
	//nolint:gosec // G115: a page's length
	query := &abi.Query{Country: q.Country, Currency: q.Currency, Limit: uint32(max(q.Limit, 0))}
	if !q.From.IsZero() {
		query.FromMs = q.From.UnixMilli()
	}
	if !q.Until.IsZero() {
		query.UntilMs = q.Until.UnixMilli()
	}
	return query
}

// narrow leaves out what was not asked for, where the provider did not.
func (t Result) narrow(q Query) Result {
	other := func(code string) bool { return q.Currency != "" && code != q.Currency }
	t.Balances = slices.DeleteFunc(t.Balances,
		func(b Balance) bool { return other(cmp.Or(b.Available.Currency, b.Held.Currency)) })
	t.Rates = slices.DeleteFunc(t.Rates, func(r money.Rate) bool { return other(r.From.Currency) })
	t.Transactions = slices.DeleteFunc(t.Transactions, func(one Transaction) bool {
		early, late := one.At.Before(q.From), !q.Until.IsZero() && !one.At.Before(q.Until)
		return early || late || other(one.Amount.Currency)
	})
	t.Items = slices.DeleteFunc(t.Items,
		func(i Item) bool { return i.Currency != "" && other(i.Currency) && other(i.CurrencyOut) })
	return t
}

// Bounds of what an account may tell: an entry's texts in bytes, entries on a page.
const (
	longestText = 255
	mostEntries = 20_000
)

// A transaction happened in this century, and no later than clocks and zones may be apart.
const aheadOfUs = 26 * time.Hour

//nolint:gochecknoglobals // a constant
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// resultOf reads the part of an outcome that answers a kind of query. Its error is what of it is wrong.
func resultOf(s QueryKind, outcome *abi.Outcome, now time.Time) (result Result, err error) {
	result = Result{Cursor: outcome.GetCursor(), Alert: outcome.GetAlert()}
	switch s {
	case Balances:
		result.Balances, err = each(outcome.GetBalances(), balanceOf, Balance.name)
	case Rates:
		result.Rates, err = each(outcome.GetRates(), rateOf, money.Rate.Name)
	case Statement:
		result.Transactions, err = each(outcome.GetTransactions(),
			func(t *abi.Transaction) (Transaction, error) { return transactionOf(t, now) },
			func(t Transaction) string { return t.ID })
		slices.SortStableFunc(result.Transactions, func(a, b Transaction) int { return b.At.Compare(a.At) })
	case Operators, Currencies, Directions, Wallets:
		result.Items, err = each(outcome.GetItems(), itemOf, func(i Item) string { return i.Code })
	}
	return result, err
}

// each reads entries that have to be result apart by their names.
func each[E, T any](entries []E, read func(E) (T, error), name func(T) string) ([]T, error) {
	if len(entries) > mostEntries {
		return nil, fmt.Errorf("%d entries are too many", len(entries))
	}
	all, seen := make([]T, 0, len(entries)), make(map[string]bool, len(entries))
	for _, entry := range entries {
		one, err := read(entry)
		if err != nil {
			return nil, err
		}
		if seen[name(one)] {
			return nil, fmt.Errorf("%q stands twice", invalid.Clip(name(one)))
		}
		seen[name(one)] = true
		all = append(all, one)
	}
	return all, nil
}

func (b Balance) name() string {
	return cmp.Or(b.Available.Currency, b.Held.Currency) + " " + b.Wallet
}

func balanceOf(in *abi.Balance) (b Balance, err error) {
	b.Wallet = in.GetWallet()
	var available, held error
	b.Available, available = money.Exact(in.GetAvailable())
	b.Held, held = money.Exact(in.GetHeld())
	switch {
	case in.GetAvailable() == nil && in.GetHeld() == nil:
		return b, errors.New("a balance has no amount")
	case in.GetAvailable() != nil && in.GetHeld() != nil && b.Available.Currency != b.Held.Currency:
		return b, errors.New("a balance is in two currencies")
	}
	return b, errors.Join(available, held, bounded(b.Wallet))
}

func rateOf(in *abi.Rate) (money.Rate, error) {
	r, err := endsOf(in)
	if err == nil && r.From.Currency == r.To.Currency {
		err = errors.New("a rate is none")
	}
	return r, err
}

// endsOf are both ends of a rate. A quote may have one of one currency.
func endsOf(in *abi.Rate) (r money.Rate, err error) {
	var from, to error
	r.From, from = money.Exact(in.GetFrom())
	r.To, to = money.Exact(in.GetTo())
	if err := errors.Join(from, to); err != nil {
		return r, err
	}
	if !r.From.Positive() || !r.To.Positive() {
		return r, errors.New("a rate is none")
	}
	return r, nil
}

func transactionOf(in *abi.Transaction, now time.Time) (t Transaction, err error) {
	t = Transaction{
		ID: in.GetId(), At: time.UnixMilli(in.GetAtMs()).UTC(), FeeIncluded: in.GetFeeIncluded(),
		Kind: in.GetKind(), Status: in.GetStatus(),
		Reference: in.GetReference(), ProviderReference: in.GetProviderReference(),
	}
	switch {
	case t.ID == "":
		return t, errors.New("a transaction has no id")
	case t.At.Before(earliest) || t.At.After(now.Add(aheadOfUs)):
		return t, fmt.Errorf("transaction %q is of no sane time", invalid.Clip(t.ID))
	case in.GetAmount() == nil:
		return t, fmt.Errorf("transaction %q has no amount", invalid.Clip(t.ID))
	}
	var amount, fee error
	t.Amount, amount = money.Exact(in.GetAmount())
	t.Fee, fee = money.Exact(in.GetFee())
	return t, errors.Join(amount, fee, bounded(t.ID, t.Kind, t.Status, t.Reference, t.ProviderReference))
}

func itemOf(in *abi.Item) (i Item, err error) {
	i = Item{
		Code: in.GetCode(), Name: in.GetName(), Category: in.GetCategory(), Currency: in.GetCurrency(),
		CurrencyOut: in.GetCurrencyOut(),
	}
	if i.Code == "" {
		return i, errors.New("an entry has no code")
	}
	for _, code := range []string{i.Currency, i.CurrencyOut} {
		if code != "" && !money.IsTicker(code) {
			return i, fmt.Errorf("%q is no currency", invalid.Clip(code))
		}
	}
	if i.Bounds, err = boundsOf(in.GetBounds()); err != nil {
		return i, fmt.Errorf("the bounds of %q: %w", invalid.Clip(i.Code), err)
	}
	return i, bounded(i.Code, i.Name, i.Category)
}

func boundsOf(in []*abi.Bound) (bounds []money.Bound, err error) {
	for _, bound := range in {
		one := money.Bound{Currency: bound.GetCurrency(), Min: bound.GetMin(), Max: bound.GetMax()}
		if !one.Sound() {
			return nil, fmt.Errorf("from %q to %q %q is no range",
				invalid.Clip(one.Min), invalid.Clip(one.Max), invalid.Clip(one.Currency))
		}
		bounds = append(bounds, one)
	}
	return bounds, nil
}

func bounded(texts ...string) error {
	for _, text := range texts {
		if len(text) > longestText || !utf8.ValidString(text) {
			return fmt.Errorf("%q is no text of at most %d bytes", invalid.Clip(text), longestText)
		}
	}
	return nil
}
