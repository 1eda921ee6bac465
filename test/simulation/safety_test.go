package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/payment"
	"payrouter/host/ruleset"
	"payrouter/host/sandbox"
	dbs "payrouter/host/store/sqlite"
	"payrouter/test/chaos"
)

// ledger is what the journal has acknowledged, with what has left, what has arrived, and what the providers have done.
// It checks the promises. Its mutex guards all of it: the router's goroutines record their writes.
type ledger struct {
	w *world

	mutex    sync.Mutex
	payments map[string]payment.Payment
	attempts map[string]map[int]attempt.Attempt
	// states are the statuses that a payment has had, by version.
	states map[string]map[int64]payment.Status
	keys   map[string]string
	// callbacks are by id, and their ids by account and identity.
	callbacks  map[string]callback.Callback
	identities map[string]string
	// writes and arrivals are by attempt.
	writes, arrivals map[attempt.ID]int
	// opened are the attempts in the order in which they were written first.
	opened map[attempt.ID]int
	// moved and over are bookings that have moved money, or have been over without, at some time; by site and
	// reference.
	moved, over map[string]bool
	// turned are payments that have come to an end since the last look.
	turned []payment.Payment
	// changed: there is something to check.
	changed bool
	// news counts what was recorded. A result of a check holds while the count is the same.
	news, foundAt, dueAt int
	found                bool
	callbacksDue         time.Time
}

func newLedger(w *world) *ledger {
	return &ledger{
		w: w, payments: map[string]payment.Payment{}, attempts: map[string]map[int]attempt.Attempt{},
		states: map[string]map[int64]payment.Status{},
		keys:   map[string]string{}, callbacks: map[string]callback.Callback{}, identities: map[string]string{},
		writes: map[attempt.ID]int{}, arrivals: map[attempt.ID]int{},
		opened: map[attempt.ID]int{},
		moved:  map[string]bool{}, over: map[string]bool{},
	}
}

func (l *ledger) touch() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.changed = true
	l.news++
}

// created takes in a new payment with its key.
func (l *ledger) created(change payment.Change, key attempt.Key) {
	made := change
	if change.Payment.Version > 1 { // along with its first change
		made.Payment.Version, made.Payment.Status, made.Attempts = change.Payment.Version-1, payment.Created, nil
	}
	l.made(made, key)
	if change.Payment.Version > 1 {
		l.saved(change)
	}
}

func (l *ledger) made(change payment.Change, key attempt.Key) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	p := change.Payment
	if len(change.Entries) == 0 || change.Entries[0].Type != payment.EntryType("payment."+p.Status) {
		l.w.violated("%s is made %s and its timeline does not say so", p.ID, p.Status)
	}
	l.w.note("created %s of key %s", p.ID, key.Value)
	if other, taken := l.keys[key.Value]; taken {
		l.w.violated("double charge: key %s made %s and %s", key.Value, other, p.ID)
	}
	l.keys[key.Value] = p.ID
	l.payments[p.ID], l.attempts[p.ID] = p, map[int]attempt.Attempt{}
	l.states[p.ID] = map[int64]payment.Status{p.Version: p.Status}
	l.changed = true
	l.news++
}

// saved takes in a change, and looks whether the payment may change so.
func (l *ledger) saved(change payment.Change) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	p := change.Payment
	before, known := l.payments[p.ID]
	if !known {
		l.w.violated("%s is saved and was never created", p.ID)
	}
	if p.Version != before.Version+1 {
		l.w.violated("%s goes from version %d to %d", p.ID, before.Version, p.Version)
	}
	if before.Status.Terminal() && p.Status != before.Status {
		l.w.violated("%s goes from %s to %s", p.ID, before.Status, p.Status)
	}
	if p.Status == payment.Created && before.Status != payment.Created && before.Status != payment.AwaitingApproval {
		l.w.violated("%s goes back from %s to %s", p.ID, before.Status, p.Status)
	}
	if p.Approval != nil && !p.Approval.Is(approval.Approved) && len(change.Attempts) > 0 {
		l.w.violated("%s is about to be sent, and nobody approved it", p.ID)
	}
	if before.Approval != nil && before.Approval.Verdict != "" && p.Approval.Verdict != before.Approval.Verdict {
		l.w.violated("%s was %s, and now is %s", p.ID, before.Approval.Verdict, p.Approval.Verdict)
	}
	if before.MoneyConflict && !p.MoneyConflict {
		l.w.violated("%s takes its conflict about money back", p.ID)
	}
	if p.Status != before.Status &&
		!slices.ContainsFunc(change.Entries,
			func(e payment.Entry) bool { return e.Type == payment.EntryType("payment."+p.Status) }) {
		l.w.violated("%s turns %s and its timeline does not say so", p.ID, p.Status)
	}
	l.w.note("saved %s", describe(p, change.Attempts))
	for _, a := range change.Attempts {
		if old, known := l.attempts[p.ID][a.Number]; known && (old.ID != a.ID || !old.Open()) {
			l.w.violated("attempt %d of %s is written again", a.Number, p.ID)
		}
		l.attempts[p.ID][a.Number] = a
		if _, known := l.opened[a.ID]; !known {
			l.opened[a.ID] = len(l.opened)
		}
	}
	if p.Status.Terminal() && !before.Status.Terminal() {
		l.turned = append(l.turned, p)
	}
	l.payments[p.ID] = p
	l.states[p.ID][p.Version] = p.Status
	l.changed = true
	l.news++
}

func describe(p payment.Payment, attempts []attempt.Attempt) string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s version %d: %s at %s %s, next check %s", p.ID, p.Version, p.Status,
		cmp.Or(p.Provider, "-"), cmp.Or(p.ProviderReference, "-"), p.NextCheck.Format(time.RFC3339Nano))
	if p.MoneyConflict {
		text.WriteString(", money conflict")
	}
	if p.Failure != nil {
		_, _ = fmt.Fprintf(&text, ", %s", p.Failure.Code)
	}
	for _, a := range attempts {
		_, _ = fmt.Fprintf(&text, "; %s #%d %s %s at %s: %s", a.ID, a.Number, a.Role, a.Operation, a.Provider,
			cmp.Or(string(a.Event), "open"))
		if a.Abandoned {
			text.WriteString(", left behind")
		}
		if a.Error != "" {
			_, _ = fmt.Fprintf(&text, " (%s)", a.Error)
		}
	}
	return text.String()
}

// kept takes in a callback, or its repetition: callback.Store has the rules.
func (l *ledger) kept(c callback.Callback) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.w.note("callback %s is %s: %s %s", c.ID, c.State, c.PaymentID, c.Note)
	l.news++
	identity := c.Account + " " + c.Identity
	earlier, repeated := l.callbacks[l.identities[identity]]
	if !repeated {
		l.callbacks[c.ID], l.identities[identity] = c, c.ID
		return
	}
	earlier.Repeats++
	if c.State == callback.Pending && (!earlier.Vouched || earlier.State != callback.Settled) {
		earlier.State = callback.Pending
	}
	l.callbacks[earlier.ID] = earlier
}

// concluded takes in what became of a callback; one that was repeated meanwhile stays pending, unless the provider's
// word is settled.
func (l *ledger) concluded(c callback.Callback) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.w.note("callback %s is %s: %s %s", c.ID, c.State, c.PaymentID, c.Note)
	l.news++
	known := l.callbacks[c.ID]
	if known.ID == "" {
		l.w.violated("callback %s is settled and was never kept", c.ID)
	}
	if known.Repeats == c.Repeats || known.Vouched && c.State == callback.Settled {
		known.State = c.State
		l.callbacks[c.ID] = known
	}
}

// pending returns the ids of the callbacks that the router has to act on, in order.
func (l *ledger) pending() []string {
	var ids []string
	for id, c := range l.callbacks {
		if c.State == callback.Pending {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// pendingCallbacks returns when the next callback is due that the router has to act on, by its clock. It reads the
// journal past the scheduler, and requires that it lists what was acknowledged as pending, and nothing else.
func (l *ledger) pendingCallbacks() (next time.Time, any bool) {
	if l.w.life == nil {
		return time.Time{}, false
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.dueAt == l.news+1 {
		return l.callbacksDue, !l.callbacksDue.IsZero()
	}
	defer func() { l.dueAt, l.callbacksDue = l.news+1, next }()
	const all = 10_000
	ages := l.w.clock.Wall().Add(24 * 365 * time.Hour)
	var listed []string
	for account := range l.w.life.engine.Fleet().Accounts {
		for _, vouched := range []bool{true, false} {
			due, err := l.w.life.journal.db.DueCallbacks(context.Background(), account, vouched, ages, all)
			if err != nil {
				l.w.violated("list the callbacks that are due at %s: %v", account, err)
			}
			for _, c := range due {
				listed = append(listed, c.ID)
				if !any || c.Due.Before(next) {
					next, any = c.Due, true
				}
			}
		}
	}
	slices.Sort(listed)
	if pending := l.pending(); !slices.Equal(listed, pending) {
		l.w.violated("lost: the journal lists the callbacks %v as pending, and %v are", listed, pending)
	}
	return next, any
}

// left is asked about a request that is leaving: which open attempt it is of, and whether it may leave now.
func (l *ledger) left(site, key string, wall time.Time) (attempt.Attempt, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var of *attempt.Attempt
	for _, id := range slices.Sorted(maps.Keys(l.attempts)) {
		// The newest is the one under way: what a crash has left open may be of the same contents.
		a := l.attempts[id][len(l.attempts[id])]
		if a.ID == "" || !a.Open() || chaos.SiteOf(a.Provider) != site || journalKey(a) != key {
			continue
		}
		if of == nil ||
			cmp.Or(cmp.Compare(l.writes[a.ID], l.writes[of.ID]), cmp.Compare(l.opened[of.ID], l.opened[a.ID])) < 0 {
			of = &a
		}
	}
	if of == nil {
		return attempt.Attempt{}, false
	}
	if p := l.payments[string(of.Owner)]; p.Approval != nil && !p.Approval.Is(approval.Approved) {
		l.w.violated("%s leaves, and nobody approved it", p.ID)
	}
	l.writes[of.ID]++
	if of.Idempotency != "safe" && l.writes[of.ID] > 1 {
		l.w.violated("double charge: attempt %s was written %d times", of.ID, l.writes[of.ID])
	}
	if !of.SendBefore.IsZero() && wall.After(of.SendBefore) {
		l.w.violated("attempt %s leaves at %s, and was to leave before %s", of.ID, wall, of.SendBefore)
	}
	return *of, true
}

// journalKey is an attempt's requestKey.
func journalKey(a attempt.Attempt) string {
	var request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
		Body   string `json:"body"`
	}
	if json.Unmarshal(a.Request, &request) != nil {
		return ""
	}
	_, rest, _ := strings.Cut(request.URL, "://")
	_, path, _ := strings.Cut(rest, "/")
	return requestKey(chaos.SiteOf(a.Provider), request.Method, "/"+path, []byte(request.Body))
}

// arrived counts a request that a provider has got.
func (l *ledger) arrived(x *exchange) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.arrivals[x.attempt.ID]++
}

// observe takes in what the providers have done.
func (l *ledger) observe() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, b := range l.w.providers.Ledger("") {
		key := b.Provider + " " + b.ProviderReference
		if b.MovedMoney {
			l.moved[key] = true
		} else if slices.Contains(overStatuses, b.Status) {
			l.over[key] = true
		}
	}
	l.changed = true
	l.news++
}

// overStatuses are the providers' words for what has ended without money.
var overStatuses = []string{"DECLINED", "CANCELLED", "CANCELED", "cancel", "delete", "Fail"}

// awaited reports whether a booking's payment does not have it yet.
func (l *ledger) awaited(about string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, p := range l.payments {
		if chaos.SiteOf(p.Provider)+" "+p.ProviderReference == about {
			return false
		}
	}
	return true
}

// heard compares an answer to a client with the journal.
func (l *ledger) heard(o *order, s shown) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, known := l.payments[s.ID]; !known {
		l.w.violated("lost payment: %s got %s, which the journal does not have", o.reference, s.ID)
		return
	}
	if l.keys[o.key] != s.ID {
		l.w.violated("lie: %s got %s, and its payment is %s", o.reference, s.ID, l.keys[o.key])
	}
	if was := l.states[s.ID][s.Version]; string(was) != s.Status {
		l.w.violated("lie: %s got %s as %s at version %d, and it was %s", o.reference, s.ID, s.Status,
			s.Version, was)
	}
}

// due is when the next payment is to be looked up, by the router's clock.
func (l *ledger) due() (next time.Time, any bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, p := range l.payments {
		at, furthest := p.NextCheck, payment.FurthestCheck
		if p.Status.Terminal() {
			furthest = payment.FurthestLateCheck
		}
		if at.After(l.w.clock.Wall().Add(furthest)) { // planned by a clock that was ahead: it has come
			at = l.w.clock.Wall()
		}
		if !at.IsZero() && (!any || at.Before(next)) {
			next, any = at, true
		}
	}
	return next, any
}

// planned records that something is due at another time than was written.
func (l *ledger) planned() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.news++
}

// unfinished reports whether there may be something to recover.
func (l *ledger) unfinished() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for id, p := range l.payments {
		if p.Status == payment.Created || p.Status == payment.Processing {
			return true
		}
		for _, a := range l.attempts[id] {
			if a.Open() && !p.Status.Terminal() {
				return true
			}
		}
	}
	return false
}

// underway reports whether a plugin's call is in flight.
func (l *ledger) underway(plugin string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, attempts := range l.attempts {
		for _, a := range attempts {
			if a.Open() && a.Plugin == plugin {
				return true
			}
		}
	}
	return false
}

// safety looks whether anything is wrong now. Before everything has settled, a payment may be behind what its provider
// knows; it may never be ahead of it, and nothing may be there twice.
func (w *world) safety() {
	l := w.ledger
	l.mutex.Lock()
	turned, changed := l.turned, l.changed
	l.turned, l.changed = nil, false
	l.mutex.Unlock()
	if !changed {
		return
	}
	for _, p := range turned {
		l.ended(p)
	}
	violations, _ := chaos.Audit(l.ledgers())
	for _, v := range violations {
		if v.Kind == chaos.Double {
			w.violated("%s: %s %s", v.Kind, v.Payment, v.Detail)
		}
	}
}

// ended checks that a payment had reason to end: a provider must have reported it before.
func (l *ledger) ended(p payment.Payment) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	held := chaos.SiteOf(p.Provider) + " " + p.ProviderReference
	if p.Status == payment.Succeeded {
		if !l.moved[held] {
			l.w.violated("lie: %s succeeded, and no money has moved for %s", p.ID, held)
		}
		return
	}
	for _, number := range slices.Sorted(maps.Keys(l.attempts[p.ID])) {
		a := l.attempts[p.ID][number]
		if a.Role == "create" && (a.Idempotency == "none" || a.Idempotency == "keyed") &&
			l.writes[a.ID] > l.arrivals[a.ID] {
			if l.onItsWay(a.ID) {
				l.w.violated("lie: %s is %s, and a request of %s is on its way", p.ID, p.Status, a.ID)
			}
		}
	}
	for _, b := range l.bookingsOf(p) {
		key := b.Provider + " " + b.ProviderReference
		if habits[b.Provider+" "+b.Operation].hasSideEffects && !l.over[key] {
			l.w.violated("lie: %s is %s, and %s stands as %s", p.ID, p.Status, key, b.Status)
		}
	}
	if p.ProviderReference == "" || l.over[held] || l.w.people.ended[held] {
		return
	}
	const natural = 5 * time.Minute // what runs out by itself takes longer
	ranOut := p.Status == payment.Expired && l.w.strayed
	if time.Since(l.w.began) < natural && !ranOut {
		l.w.violated("lie: %s is %s, and nobody has ended %s", p.ID, p.Status, held)
	}
}

// onItsWay reports whether a request may still reach its provider.
func (l *ledger) onItsWay(id attempt.ID) bool {
	return slices.ContainsFunc(l.w.agenda, func(e *event) bool {
		return strings.HasPrefix(e.name, "request to ") && strings.Contains(e.name, string(id))
	})
}

func (l *ledger) bookingsOf(p payment.Payment) []sandbox.Booking {
	var of []sandbox.Booking
	for _, b := range l.w.providers.Ledger("") {
		for _, a := range l.attempts[p.ID] {
			if chaos.SiteOf(a.Provider) == b.Provider && a.Role == "create" && a.Reference != "" &&
				a.Reference == b.Reference {
				of = append(of, b)
				break
			}
		}
	}
	return of
}

// ledgers are the three accounts, as package chaos compares them.
func (l *ledger) ledgers() chaos.Ledgers {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	// testing/synctest begins every bubble at this time.
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	all := chaos.Ledgers{Bookings: l.w.providers.Ledger(""), SiteOf: chaos.SiteOf, OrderOf: chaos.OrderOf, Began: began}
	for _, o := range l.w.people.orders {
		all.Clients = append(all.Clients, o.view)
	}
	for _, id := range slices.Sorted(maps.Keys(l.payments)) {
		p := l.payments[id]
		entry := chaos.Entry{
			ID: id, Order: p.Reference, Kind: string(p.Kind), Status: string(p.Status), Provider: p.Provider,
			ProviderReference: p.ProviderReference,
			MoneyConflict:     p.MoneyConflict, Alert: p.Alert, CreatedAt: p.CreatedAt,
		}
		for _, number := range slices.Sorted(maps.Keys(l.attempts[id])) {
			a := l.attempts[id][number]
			entry.Tries = append(entry.Tries, chaos.Tried{
				Provider: a.Provider, Role: string(a.Role), Operation: a.Operation, Idempotency: string(a.Idempotency),
				Reference: a.Reference,
				Event:     cmp.Or(string(a.Event), "open"), Sent: a.Sent, Abandoned: a.Abandoned, Error: a.Error,
			})
		}
		all.Journal = append(all.Journal, entry)
	}
	return all
}

// settled reports whether nothing is left to report.
func (l *ledger) settled() bool {
	l.mutex.Lock()
	known, found, pending := l.foundAt == l.news+1, l.found, l.pending()
	l.mutex.Unlock()
	if len(pending) > 0 {
		return false
	}
	if known {
		return found
	}
	violations, _ := chaos.Audit(l.ledgers())
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.foundAt = l.news + 1
	l.found = !slices.ContainsFunc(violations, func(v chaos.Violation) bool {
		// Money that came after a payment's end is shown by a later look-up.
		late := v.Kind == chaos.Lie && !l.payments[v.Payment].NextCheck.IsZero()
		return v.Kind == chaos.Unsettled || late
	})
	return l.found
}

// compare compares a journal that a router has just opened with what was acknowledged before.
func (l *ledger) compare(db *dbs.DB) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	rules := ruleset.New(db)
	for _, id := range slices.Sorted(maps.Keys(l.payments)) {
		found, err := db.Payment(context.Background(), id)
		if err != nil || found.Version != l.payments[id].Version || found.Status != l.payments[id].Status {
			l.w.violated("lost: the journal has %s at version %d, %s; version %d, %s was written (%v)",
				id, found.Version, found.Status, l.payments[id].Version, l.payments[id].Status, err)
		}
		if whole, err := rules.Whole(context.Background(), nil, found.Decision, found.Facts()); err != nil ||
			whole.Incomplete != "" {
			l.w.violated("the decision on %s lost its trace: %s (%v)", id, whole.Incomplete, err)
		}
		attempts, err := db.Attempts(context.Background(), id)
		if err != nil || len(attempts) != len(l.attempts[id]) {
			l.w.violated("lost: the journal has %d attempts of %s, and %d were written (%v)", len(attempts), id,
				len(l.attempts[id]), err)
		}
		for _, a := range attempts {
			if want := l.attempts[id][a.Number]; a.ID != want.ID || a.Event != want.Event ||
				!reflect.DeepEqual(a.Request, want.Request) {
				l.w.violated("lost: the journal has attempt %d of %s otherwise than it was written", a.Number, id)
			}
		}
	}
}
