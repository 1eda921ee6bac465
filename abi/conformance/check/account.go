package check

import (
	"cmp"
	"slices"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// accountRoles are what an account can be asked, whatever its payments.
//
//nolint:gochecknoglobals // a table
var accountRoles = []abi.Role{
	abi.Role_ROLE_BALANCES, abi.Role_ROLE_RATES, abi.Role_ROLE_STATEMENT,
	abi.Role_ROLE_CATALOG,
}

// topics are what a catalog may list.
//
//nolint:gochecknoglobals // a table
var topics = []string{"operators", "currencies", "directions", "wallets"}

// Times in Unix milliseconds between which an entry of a statement may stand: 2000-01-01 and 2100-01-01. What lies
// outside was read in another unit.
const (
	earliestMS = 946_684_800_000
	latestMS   = 4_102_444_800_000
)

// actions holds what the account can be asked to what the host makes of it: one operation each, none of which changes
// anything.
func (f *findings) actions(m *abi.Manifest) {
	type query struct {
		role  abi.Role
		topic string
	}
	seen, listed := make(map[query]bool), make(map[string]bool)
	for _, action := range m.GetActions() {
		asked := query{action.GetRole(), action.GetTopic()}
		operation := find(m, action.GetOperation())
		f.require(slices.Contains(accountRoles, asked.role), "account: %s is no role of an account", asked.role)
		f.require(!seen[asked], "account: %s %s has one operation, not several", asked.role, asked.topic)
		f.require(operation != nil, "account: operation %q is not in the manifest", action.GetOperation())
		f.require(operation == nil || operation.GetIdempotency() == abi.Idempotency_IDEMPOTENCY_SAFE,
			"account: %s is asked for %s, and so has to be SAFE", action.GetOperation(), asked.role)
		catalog := asked.role == abi.Role_ROLE_CATALOG
		f.require(!catalog || slices.Contains(topics, asked.topic), "account: a catalog of %q; there are %v",
			asked.topic, topics)
		f.require(catalog || asked.topic == "", "account: %s has no topic", asked.role)
		f.require(!catalog || !listed[action.GetOperation()], "account: %s lists two topics: which would its items be?",
			action.GetOperation())
		seen[asked], listed[action.GetOperation()] = true, listed[action.GetOperation()] || catalog
	}
}

// account demands of what an account holds, whatever the provider stated, that amounts are amounts and entries have
// names.
func (f *findings) account(outcome *abi.Outcome) {
	for _, balance := range outcome.GetBalances() {
		f.balance(balance)
	}
	for _, rate := range outcome.GetRates() {
		f.positive("rate: from", rate.GetFrom())
		f.positive("rate: to", rate.GetTo())
		f.require(rate.GetFrom().GetCurrency() != rate.GetTo().GetCurrency(), "rate: from %s to itself",
			rate.GetFrom().GetCurrency())
	}
	for _, entry := range outcome.GetTransactions() {
		f.transaction(entry)
	}
	for _, item := range outcome.GetItems() {
		f.item(item)
	}
}

// Entries lists what is wrong with what an account holds where the provider's answer was a good one: entries that
// cannot be distinguished, and times that are none. In a bad answer the host finds them, and shows nothing.
func Entries(outcome *abi.Outcome) []string {
	var f findings
	distinct(&f, "balance of wallet", outcome.GetBalances(), func(b *abi.Balance) string {
		return cmp.Or(b.GetAvailable().GetCurrency(), b.GetHeld().GetCurrency()) + " " + b.GetWallet()
	})
	distinct(&f, "rate", outcome.GetRates(),
		func(r *abi.Rate) string { return r.GetFrom().GetCurrency() + " to " + r.GetTo().GetCurrency() })
	distinct(&f, "transaction", outcome.GetTransactions(), (*abi.Transaction).GetId)
	distinct(&f, "item", outcome.GetItems(), (*abi.Item).GetCode)
	for _, entry := range outcome.GetTransactions() {
		f.require(entry.GetAtMs() >= earliestMS && entry.GetAtMs() < latestMS,
			"transaction %q: at %d is no time in Unix milliseconds", entry.GetId(), entry.GetAtMs())
	}
	return f
}

// accountParts reports whether an outcome has entries about the account.
func accountParts(outcome *abi.Outcome) bool {
	return len(outcome.GetBalances())+len(outcome.GetRates())+len(outcome.GetTransactions())+len(outcome.GetItems()) > 0
}

func (f *findings) balance(balance *abi.Balance) {
	available, held := balance.GetAvailable(), balance.GetHeld()
	f.require(available != nil || held != nil, "balance: of what?")
	f.money("balance: available", available)
	f.money("balance: held", held)
	f.require(available == nil || held == nil || available.GetCurrency() == held.GetCurrency(),
		"balance: available in %s, held in %s", available.GetCurrency(), held.GetCurrency())
	f.text("balance: wallet", balance.GetWallet())
}

func (f *findings) transaction(entry *abi.Transaction) {
	f.require(entry.GetId() != "", "transaction: it has no id")
	f.require(entry.GetAmount() != nil, "transaction %q: how much?", entry.GetId())
	f.money("transaction: amount", entry.GetAmount())
	f.money("transaction: fee", entry.GetFee())
	f.require(!entry.GetFeeIncluded() || entry.GetFee() != nil, "transaction %q: which fee is included?", entry.GetId())
	f.text("transaction",
		entry.GetId()+entry.GetKind()+entry.GetStatus()+entry.GetReference()+entry.GetProviderReference())
}

func (f *findings) item(item *abi.Item) {
	f.require(item.GetCode() != "", "item %q: under which code?", item.GetName())
	f.text("item", item.GetCode()+item.GetName()+item.GetCategory())
	for _, currency := range []string{item.GetCurrency(), item.GetCurrencyOut()} {
		f.require(currency == "" || currencyPattern.MatchString(currency), "item %q: currency %q", item.GetCode(),
			currency)
	}
	f.require(item.GetCurrencyOut() == "" || item.GetCurrency() != "", "item %q: out of it comes %s; and what goes in?",
		item.GetCode(), item.GetCurrencyOut())
	for _, bound := range item.GetBounds() {
		f.itemBound(item, bound)
	}
}

func (f *findings) itemBound(item *abi.Item, bound *abi.Bound) {
	f.require(currencyPattern.MatchString(bound.GetCurrency()), "item %q: bound of %q", item.GetCode(),
		bound.GetCurrency())
	low, lowErr := decimal.Parse(cmp.Or(bound.GetMin(), "0"))
	high, highErr := decimal.Parse(cmp.Or(bound.GetMax(), "0"))
	f.require(lowErr == nil && highErr == nil, "item %q: its bounds are not decimals", item.GetCode())
	f.require(bound.GetMin() != "" || bound.GetMax() != "", "item %q: a bound that bounds nothing", item.GetCode())
	f.require(bound.GetMin() == "" || bound.GetMax() == "" || low.Cmp(high) <= 0,
		"item %q: its bounds are the wrong way round", item.GetCode())
}

// distinct demands that entries can be distinguished.
func distinct[E any](f *findings, what string, entries []E, name func(E) string) {
	seen := make(map[string]bool, len(entries))
	for _, entry := range entries {
		f.require(!seen[name(entry)], "%s %q stands twice", what, name(entry))
		seen[name(entry)] = true
	}
}
