package payment

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
	"payrouter/host/routing"
)

// NoRouteError means that no account can take an order; no payment was made.
type NoRouteError struct {
	Decision routing.Decision
	// Missing are the members that would let a provider take it, as JSON pointers.
	Missing []string
	// TooFine is set where the amount has more decimals than any candidate takes.
	TooFine *invalid.Error
}

func (e *NoRouteError) Error() string {
	if len(e.Missing) > 0 {
		return "missing " + strings.Join(e.Missing, ", ")
	}
	if e.TooFine != nil {
		return e.TooFine.Error()
	}
	return e.Decision.Reason
}

// missingError is why an account is skipped: the order lacks a member that its plugin needs.
type missingError struct {
	fields []string
}

func (e *missingError) Error() string {
	return "needs " + strings.Join(e.fields, ", ")
}

// Health is how providers did lately, and how much of their limits rules have used, as health.Statistics knows it. Safe
// for concurrent use.
type Health interface {
	Record(provider string, now time.Time) routing.Record
	Used(rule string, now time.Time) routing.Use
	// Take counts a payment against a rule's limits, unless it would go over one of them; GiveBack undoes that.
	Take(rule string, limits routing.Limits, amount string, now time.Time) bool
	GiveBack(rule string, amount string, now time.Time)
}

// standing answers for the accounts while one order is routed.
type standing struct {
	fleet *Fleet
	id    string
	order Order
	now   time.Time
	// missing are the members for want of which accounts are unavailable; down that one is for another reason.
	missing []string
	down    bool
	// price is made when the first one is wanted.
	price func(provider string) (string, bool)
}

func (s *standing) Unavailable(provider string) error {
	account, known := s.fleet.Accounts[provider]
	if !known {
		s.down = true
		return errors.New(cmp.Or(s.fleet.Out[provider].Reason, "it is not configured"))
	}
	if fields := missing(account, s.id, s.order); len(fields) > 0 {
		s.missing = append(s.missing, fields...)
		return &missingError{fields: fields}
	}
	err := account.Available(s.id)
	s.down = s.down || err != nil
	return err
}

func (s *standing) Record(provider string) routing.Record {
	if s.fleet.Health == nil {
		return routing.Record{}
	}
	return s.fleet.Health.Record(provider, s.now)
}

func (s *standing) Price(provider string, _ routing.Facts) (string, bool) {
	if s.fleet.Prices == nil {
		return "", false
	}
	if s.price == nil {
		s.price = s.fleet.Prices(s.order, s.fleet.Quoters(s.order))
	}
	return s.price(provider)
}

func (s *standing) Used(rule string) routing.Use {
	if s.fleet.Health == nil {
		return routing.Use{}
	}
	return s.fleet.Health.Used(rule, s.now)
}

// decide routes an order, and takes nothing of a rule's limits. Its error is a *NoRouteError, or joins *invalid.Error.
func (f *Fleet) decide(merchant string, id attempt.OwnerID, o Order, now time.Time) (routing.Decision, error) {
	s := &standing{fleet: f, id: string(id), order: o, now: now}
	decision := f.Rules.Decide(facts(merchant, id, o, now), s)
	if decision.Outcome == routing.Unavailable && len(s.missing) > 0 && !s.down {
		decision.Outcome, decision.Reason = routing.Unsupported, "every candidate needs more of the payment than "+
			"it says"
	}
	if len(o.Options) > 0 && len(decision.Candidates) > 0 {
		if err := f.checkOptions(decision, o); err != nil {
			return decision, err
		}
	}
	if decision.Outcome != routing.Routed {
		return decision, &NoRouteError{Decision: decision, Missing: s.missing, TooFine: f.tooFine(decision, o)}
	}
	return decision, nil
}

// tooFine is what is wrong with an order's amount where no account takes so many decimals: nil where that is not why,
// or a candidate may take it later.
func (f *Fleet) tooFine(decision routing.Decision, o Order) *invalid.Error {
	amount, err := decimal.Parse(o.Amount)
	if err != nil || decision.Outcome != routing.Unsupported {
		return nil
	}
	most, limited := 0, false
	for _, candidate := range decision.Candidates {
		account, known := f.Accounts[candidate.Provider]
		if !known {
			continue
		}
		decimals, has := abi.DecimalsOf(abi.FlowOf(account.Plugin("").Manifest(), o.Kind.ABI()), o.Currency)
		if has && amount.Scale() > decimals {
			most, limited = max(most, decimals), true
		}
	}
	if !limited {
		return nil
	}
	return &invalid.Error{
		Field:  "/amount",
		Reason: fmt.Sprintf("must have at most %d decimals in %s; got %q", most, o.Currency, invalid.Clip(o.Amount)),
	}
}

// claim routes an order for a payment that is about to be made, and takes its part of the rule's limits. Of payments
// that are routed at the same moment no more are let through than the limits say: who comes too late is routed again,
// past that rule.
func (f *Fleet) claim(merchant string, id attempt.OwnerID, o Order, now time.Time) (routing.Decision, error) {
	const races = 1000 // more than can be lost: each is lost to a payment that was taken
	for range races {
		decision, err := f.decide(merchant, id, o, now)
		if limits := f.Rules.Limits(decision.Rule); err != nil || f.Health == nil || !limits.Any() ||
			f.Health.Take(decision.Rule, limits, o.Amount, now) {
			return decision, err
		}
	}
	return routing.Decision{},
		fmt.Errorf("route an order of %s: its rule's limits were taken by others %d times", merchant, races)
}

// giveBack undoes claim at a time for a payment that was not made, or not approved, after all.
func (f *Fleet) giveBack(p Payment, at time.Time) {
	if f.Health != nil && f.Rules.Limits(p.Decision.Rule).Any() {
		f.Health.GiveBack(p.Decision.Rule, p.Amount, at)
	}
}

func facts(merchant string, id attempt.OwnerID, o Order, now time.Time) routing.Facts {
	return routing.Facts{
		PaymentID: string(id), At: now, Kind: string(o.Kind), Amount: o.Amount, Currency: o.Currency, Country: o.Country,
		Method:   o.Method,
		Merchant: merchant, Metadata: o.Metadata, Payer: payerKey(o.Payer), Provider: o.Pinned,
	}
}

// Facts are what rules looked at when the payment was made, or approved.
func (p Payment) Facts() routing.Facts {
	at, _ := p.Approval.SendableSince(p.CreatedAt, p.MadeClock)
	order := p.Order
	if p.Decision.Metadata != nil {
		order.Metadata = p.Decision.Metadata
	}
	return facts(p.Merchant, p.OwnerID(), order, at)
}

// payerKey identifies a payer, however the address is written; empty where the order has too little of one.
func payerKey(p Payer) string {
	return cmp.Or(strings.ToLower(strings.TrimSpace(p.Email)), strings.ReplaceAll(p.Phone, " ", ""))
}

// missing are the members that the flow of an account's plugin requires and the order lacks.
func missing(a *attempt.Account, id string, o Order) []string {
	present := map[string]bool{
		"/country": o.Country != "", "/method": o.Method != "", "/reference": o.Reference != "",
		"/description": o.Description != "",
		"/return_url":  o.ReturnURL != "", "/expires_at": !o.ExpiresAt.IsZero(),
		"/payer/name": o.Payer.Name != "", "/payer/email": o.Payer.Email != "", "/payer/phone": o.Payer.Phone != "",
		"/payer/ip":             o.Payer.IP != "",
		"/destination/operator": o.Destination.Operator != "", "/destination/number": o.Destination.Number != "",
		"/destination/account": o.Destination.Account != "", "/destination/address": o.Destination.Address != "",
		"/destination/network": o.Destination.Network != "", "/destination/memo": o.Destination.Memo != "",
	}
	var lacking []string
	for _, field := range abi.FlowOf(a.Plugin(id).Manifest(), o.Kind.ABI()).GetRequired() {
		if !present[field] {
			lacking = append(lacking, field)
		}
	}
	return lacking
}
