// Package simulator is what every simulated provider is made of. Provider is what a provider's package implements, and
// Backend is what that package is given: a clock, identifiers, a ledger of what was booked, and a courier for
// callbacks. Requests, answers, amounts and payers' pages are values here. Nothing in this package is about one
// provider.
package simulator

import (
	"errors"
)

// ErrUnknown means that there is no such provider, payment, event or operation.
var ErrUnknown = errors.New("unknown")

// ErrRefused means that the payment cannot do this in its status.
var ErrRefused = errors.New("refused")

// ErrInvalid means that what was asked for makes no sense.
var ErrInvalid = errors.New("invalid")

// PayLate is the event of money that comes although the provider has closed the payment: what was received changes, and
// the status stays.
const PayLate = "pay_late"

// PayerPage is what a payer sees who opens a payment's link: what is asked, and buttons for what may become of it.
type PayerPage struct {
	Provider  string
	Reference string
	Amount    string
	Currency  string
	Status    string
	Events    []string
}

// Provider is one provider's behaviour and state. Its methods are called under one lock, the provider's. Routes, Events
// and LoggedPath are not: they depend on no state.
type Provider interface {
	API
	BackOffice
}

// API is what a provider's callers see.
type API interface {
	// Routes are the provider's calls; the first that matches is taken.
	Routes() []Route
	// Admit checks credentials: nil, or the refusal.
	Admit(r *Request) *Answer
	// Missing answers a request that no route matches.
	Missing(r *Request) Answer
	// Maintenance is the provider's own temporary refusal, before processing anything.
	Maintenance() Answer
	// Page shows a payment to a visitor of its link: false if the path is no payment's page.
	Page(path string) (PayerPage, bool)
	// LoggedPath is a request's path as it is counted and shown: without a credential. Other calls may run meanwhile.
	LoggedPath(path string) string
}

// BackOffice is what a provider's staff and payers do without a call of its API.
type BackOffice interface {
	// Options is a pointer to what the provider does where its document leaves a choice, a struct that JSON can write
	// and read. What is changed there holds from the next request on.
	Options() any
	// Events are what Drive can do to a payment there.
	Events() []string
	// Drive moves the payment found by ref, theirs or ours, on; amount may be empty.
	Drive(ref, event, amount string) error
	// Fund sets a balance: of account, where the provider has balances of several.
	Fund(account, currency string, amount Money) error
	// Open makes an account of a name, if the provider has none of it and the simulation has several accounts, and
	// returns its secrets by their names in the contract.
	Open(account string) map[string]string
}
