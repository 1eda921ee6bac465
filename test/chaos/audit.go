package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox"
)

// The kinds of violation.
const (
	// Double: more than one thing at the providers takes, took, or can take money for one payment.
	Double = "double charge"
	// Lost: a client or provider has a payment or a booking that the journal does not have or explain.
	Lost = "lost payment"
	// Lie: a client got a wrong answer.
	Lie = "lie"
	// Unsettled: the provider could be asked, and the router still does not know.
	Unsettled = "unsettled"
)

// Violation is one broken promise.
type Violation struct {
	Kind    string `json:"kind"`
	Payment string `json:"payment,omitempty"`
	Order   string `json:"order,omitempty"`
	Detail  string `json:"detail"`
	// Trail is the payment's history, to find the cause.
	Trail []string `json:"trail,omitempty"`
}

// ClientView is all that the clients of one order received.
type ClientView struct {
	// Order is the merchant's reference.
	Order string
	// IDs are the payments that answers named; more than one is a second payment under one key.
	IDs []string
	// Final are the terminal statuses in answers.
	Final []string
	// Offers are "provider reference" of everything that payers were asked to pay.
	Offers []string
	// Complaints are what was wrong with answers by themselves.
	Complaints []string
}

// Entry is a payment as the journal has it, with its attempts.
type Entry struct {
	ID                string `json:"id"`
	Order             string `json:"reference"`
	Kind              string `json:"kind"`
	Status            string `json:"status"`
	Provider          string `json:"provider"`
	ProviderReference string `json:"provider_reference"`
	MoneyConflict     bool   `json:"money_conflict"`
	Alert             string `json:"alert"`

	CreatedAt time.Time `json:"created_at"`
	Tries     []Tried   `json:"-"`
}

// Tried is an attempt as the journal has it.
type Tried struct {
	Provider    string `json:"provider"`
	Role        string `json:"role"`
	Operation   string `json:"operation"`
	Idempotency string `json:"idempotency"`
	Reference   string `json:"reference"`
	Event       string `json:"event"`
	Sent        bool   `json:"sent"`
	Abandoned   bool   `json:"abandoned"`
	Error       string `json:"error"`
}

// Ledgers are the three accounts of one run.
type Ledgers struct {
	Clients  []ClientView
	Journal  []Entry
	Bookings []sandbox.Booking
	// Rewound are payments of the journal as a lost tail of it had them, Gone those that only a lost tail had.
	Rewound, Gone []Entry
	// Announced are the terminal statuses in webhooks, by payment.
	Announced map[string][]string
	// OrderOf returns the order of a booking without a reference of ours; empty if it is none.
	OrderOf func(sandbox.Booking) string
	// Began is the time of the run's begin by a clock that is right. A payment that was created before it was created
	// by a wall clock that was behind.
	Began time.Time
	// SiteOf returns an account's provider.
	SiteOf func(account string) string
}

// sideEffects are the bookings that may move money, or notify the payer, as soon as they are made, with the statuses in
// which they ended without effect. The others can only be paid by a payer who got the link from the router.
//
//nolint:gochecknoglobals // a table
var sideEffects = map[string][]string{
	sandbox.PayPlay + " withdraw":     {"DECLINED", "CANCELLED"},
	sandbox.Exchanger + " create_bid": {"cancel", "delete"},
	sandbox.Paygrt + " recharge":      {"Fail"},
}

// stands reports whether a booking with side effects has not ended without effect.
func stands(b sandbox.Booking) bool {
	over, known := sideEffects[b.Provider+" "+b.Operation]
	return known && !slices.Contains(over, b.Status)
}

// closedWords are providers' statuses for objects that ended without money. They stay if money came nevertheless.
//
//nolint:gochecknoglobals // a table
var closedWords = map[string][]string{
	sandbox.PayGram: {"3", "5", "7"}, sandbox.Cryptogram: {"canceled"}, sandbox.PayPlay: {"CANCELED", "DECLINED"},
}

const closedWithMoney = "money came for what its provider has closed, and an alert shows it: a person settles it"

func closed(b sandbox.Booking) bool { return slices.Contains(closedWords[b.Provider], b.Status) }

// Audit compares the three ledgers. It is pure: the same ledgers give the same violations, in the same order.
func Audit(l Ledgers) (violations []Violation, unknown map[string]int) {
	a := newAudit(l)
	for _, view := range l.Clients {
		a.client(view)
	}
	for i := range a.entries {
		a.entry(a.entries[i])
	}
	for _, b := range a.orphans {
		a.find(Lost, "", b.Reference, "%s booked %s %s, and the journal has no attempt for it", b.Provider, b.Operation,
			b.ProviderReference)
	}
	return a.violations, a.unknown
}

// waiting reports whether something is unsettled that a look-up could settle.
func waiting(l Ledgers) bool {
	a := newAudit(l)
	a.violations = nil
	for _, p := range a.entries {
		a.truth(p)
	}
	return slices.ContainsFunc(a.violations, func(v Violation) bool { return v.Kind == Unsettled })
}

type audit struct {
	ledgers    Ledgers
	entries    []*audited
	byID       map[string]*audited
	orphans    []sandbox.Booking
	violations []Violation
	unknown    map[string]int
}

// audited is a payment with what providers booked for it, and what clients were offered.
type audited struct {
	Entry

	bookings []sandbox.Booking
	offers   []string
	// rewound: a lost tail of the journal knew more; gone: only that knew of it.
	rewound, gone bool
}

func newAudit(l Ledgers) *audit {
	a := &audit{ledgers: l, byID: map[string]*audited{}, unknown: map[string]int{}}
	type ours struct{ site, reference string }
	byReference, byOrder := map[ours]*audited{}, map[string]*audited{}
	for _, entry := range l.Journal {
		one := &audited{Entry: entry}
		a.entries = append(a.entries, one)
		a.byID[entry.ID] = one
		if first := byOrder[entry.Order]; first != nil {
			a.find(Double, entry.ID, entry.Order, "the order has a second payment beside %s", first.ID)
		}
		byOrder[entry.Order] = one
	}
	a.lose(byOrder)
	for _, one := range a.entries {
		for _, try := range one.Tries {
			if try.Role == "create" && try.Reference != "" {
				byReference[ours{l.SiteOf(try.Provider), try.Reference}] = one
			}
		}
	}
	for _, b := range l.Bookings {
		one := byReference[ours{b.Provider, b.Reference}]
		if order := l.OrderOf(b); order != "" {
			one = byOrder[order]
		}
		if one == nil {
			a.orphans = append(a.orphans, b)
			continue
		}
		one.bookings = append(one.bookings, b)
	}
	return a
}

// lose takes in what lost tails of the journal knew: attempts, and whole payments.
func (a *audit) lose(byOrder map[string]*audited) {
	for _, lost := range a.ledgers.Rewound {
		one := a.byID[lost.ID]
		if one == nil {
			continue // this is about other payments
		}
		one.rewound, one.Tries = true, slices.Clone(one.Tries)
		for _, try := range lost.Tries {
			same := func(t Tried) bool {
				return t.Provider == try.Provider && t.Operation == try.Operation && t.Reference == try.Reference
			}
			if !slices.ContainsFunc(one.Tries, same) {
				one.Tries = append(one.Tries, try)
			}
		}
	}
	for _, lost := range a.ledgers.Gone {
		one := &audited{Entry: lost, gone: true}
		a.entries = append(a.entries, one)
		a.byID[lost.ID] = one
		if second := byOrder[lost.Order]; second != nil {
			a.find(Double, second.ID, lost.Order, "the order has a second payment beside %s, which the journal lost",
				lost.ID)
		}
		byOrder[lost.Order] = one
	}
}

func (a *audit) find(kind, payment, order, format string, args ...any) {
	a.violations = append(a.violations,
		Violation{Kind: kind, Payment: payment, Order: order, Detail: fmt.Sprintf(format, args...)})
}

// client compares the answers to one order with the journal.
func (a *audit) client(t ClientView) {
	for _, complaint := range t.Complaints {
		a.find(Lie, "", t.Order, "%s", complaint)
	}
	if len(t.IDs) > 1 {
		a.find(Double, t.IDs[0], t.Order, "one key was answered with %d payments: %v", len(t.IDs), t.IDs)
	}
	for _, id := range t.IDs {
		one := a.byID[id]
		if one == nil {
			a.find(Lost, id, t.Order, "a client has the id, and the journal does not")
			continue
		}
		one.offers = append(one.offers, t.Offers...)
		for _, status := range t.Final {
			if status != one.Status && !one.rewound && !one.gone {
				a.find(Lie, id, t.Order, "a client got %s, and it is %s", status, one.Status)
			}
		}
	}
}

// entry compares one payment with what providers booked.
func (a *audit) entry(p *audited) {
	for _, status := range a.ledgers.Announced[p.ID] {
		if status != p.Status && !p.rewound && !p.gone {
			a.find(Lie, p.ID, p.Order, "a webhook had %s, and it is %s", status, p.Status)
		}
	}
	a.charges(p)
	a.covered(p)
	a.truth(p)
}

// charges counts what takes, took or can take money for a payment: what moved money, what has side effects, and
// whatever a payer was offered.
func (a *audit) charges(p *audited) {
	charges := slices.Clone(p.offers)
	for _, b := range p.bookings {
		if b.MovedMoney || stands(b) {
			charges = append(charges, b.Provider+" "+b.ProviderReference)
		}
	}
	slices.Sort(charges)
	if charges = slices.Compact(charges); len(charges) > 1 {
		a.find(Double, p.ID, p.Order, "%d can take money: %v", len(charges), charges)
	}
}

// covered sees that every booking has an attempt of its own that may have made it, and that all but the payment's are
// marked as left behind.
func (a *audit) covered(p *audited) {
	booked := map[string][]sandbox.Booking{}
	for _, b := range p.bookings {
		booked[b.Provider] = append(booked[b.Provider], b)
	}
	for site, bookings := range booked {
		sent, left := 0, 0
		for _, try := range p.Tries {
			if a.ledgers.SiteOf(try.Provider) != site || !try.books() {
				continue
			}
			sent++
			if try.Abandoned || try.Event == "unanswered" || try.Event == "open" || try.refused() {
				left++
			}
		}
		if len(bookings) > sent && !p.rewound && !p.gone {
			a.find(Double, p.ID, p.Order, "%s booked %d times for %d journalled requests", site, len(bookings), sent)
		}
		others := slices.DeleteFunc(slices.Clone(bookings), func(b sandbox.Booking) bool {
			return b.ProviderReference == p.ProviderReference && site == a.ledgers.SiteOf(p.Provider)
		})
		if len(others) > left && !p.rewound && !p.gone {
			a.find(Lost, p.ID, p.Order,
				"%s booked %d beside the payment's own, and %d attempts are marked as left behind", site, len(others),
				left)
		}
	}
}

// refused reports whether the router may treat an attempt as not booked: no one can pay what it booked.
func (t Tried) refused() bool {
	return t.Idempotency == "abandonable" && (t.Event == "refused" || strings.HasPrefix(t.Event, "declined"))
}

// books reports whether an attempt may have booked.
func (t Tried) books() bool {
	return t.Role == "create" && t.Sent && t.Idempotency != "safe"
}

// truth compares a payment's status with what the providers did.
func (a *audit) truth(p *audited) {
	if p.gone {
		return // there is no more information
	}
	held := slices.IndexFunc(p.bookings, func(b sandbox.Booking) bool {
		return b.ProviderReference == p.ProviderReference && b.Provider == a.ledgers.SiteOf(p.Provider)
	})
	moved := slices.IndexFunc(p.bookings, func(b sandbox.Booking) bool { return b.MovedMoney })
	switch p.Status {
	case "succeeded":
		if (held < 0 || !p.bookings[held].MovedMoney) && !p.MoneyConflict {
			a.find(Lie, p.ID, p.Order, "it succeeded, and no money moved for %s %s", p.Provider, p.ProviderReference)
		}
	case "failed", "canceled", "expired":
		if moved >= 0 && !p.MoneyConflict {
			b := p.bookings[moved]
			a.find(Lie, p.ID, p.Order, "it is %s, and money moved for %s %s (%s)", p.Status, b.Provider,
				b.ProviderReference, b.Status)
		}
	case "unknown":
		if held >= 0 && p.Alert != "" && p.bookings[held].MovedMoney && closed(p.bookings[held]) {
			a.unknown[closedWithMoney]++
			return
		}
		a.unknownOne(p)
	default:
		if held >= 0 && p.Alert != "" && p.bookings[held].MovedMoney && closed(p.bookings[held]) {
			a.unknown[closedWithMoney]++
			return
		}
		if held >= 0 && p.Status == "requires_action" && p.CreatedAt.Before(a.ledgers.Began) &&
			!p.bookings[held].MovedMoney && a.ledgers.SiteOf(p.Provider) == sandbox.Cryptogram {
			a.unknown[expiresLater]++
			return
		}
		a.find(Unsettled, p.ID, p.Order, "it is %s at %s; bookings: %s", p.Status, cmp.Or(p.Provider, "no provider"),
			described(p.bookings))
	}
}

// expiresLater is why a payment is open that its provider has let expire: a payment's age counts from its creation, and
// Cryptogram reports an expiry as a time.
const expiresLater = "created while the wall clock was days behind: its expiry counts as later by as much"

// unknownOne returns why a payment is still unknown, and whether that is allowed.
func (a *audit) unknownOne(p *audited) {
	if p.rewound {
		a.unknown["a lost tail of the journal knew more of it: a person settles it"]++
		return
	}
	at := slices.IndexFunc(p.Tries, func(t Tried) bool { return t.books() && t.Provider == p.Provider })
	if at < 0 {
		a.find(Unsettled, p.ID, p.Order, "it is unknown, and nothing was sent to %s", p.Provider)
		return
	}
	operation := p.Tries[at].Operation
	site := a.ledgers.SiteOf(p.Provider)
	here := slices.IndexFunc(p.bookings, func(b sandbox.Booking) bool { return b.Provider == site })
	switch {
	case site == sandbox.PayPlay && p.Kind == "payout":
		a.unknown[operation+" has no look-up: a callback or a person settles it"]++
	case here >= 0 && slices.ContainsFunc(p.Tries, tooMany):
		a.unknown["created while the wall clock was days behind, and more orders lie in that time than one "+
			"look-up reads"]++
	case here >= 0:
		a.find(Unsettled, p.ID, p.Order, "it is unknown, and %s can be asked about %s", p.Provider,
			p.bookings[here].ProviderReference)
	default:
		a.unknown["the provider does not know it, and "+operation+" may have moved money: a person settles it"]++
	}
}

// tooMany reports whether a look-up in Exchanger's list could not be read to its end: the list begins when the payment
// was created.
func tooMany(t Tried) bool {
	return strings.Contains(t.Error, "lists more orders than one look-up reads")
}

func described(bookings []sandbox.Booking) string {
	var text []string
	for _, b := range bookings {
		text = append(text, b.Provider+" "+b.ProviderReference+" "+b.Status)
	}
	return fmt.Sprint(text)
}
