package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/report"
)

// Report is what a run came to.
type Report struct {
	Seed     uint64  `json:"seed"`
	Payments int     `json:"payments"`
	Seconds  float64 `json:"seconds"`
	// HealSeconds is the time from the end of all faults until nothing was left that a look-up could settle.
	HealSeconds float64        `json:"heal_seconds"`
	Kills       int            `json:"kills"`
	KillsAt     map[string]int `json:"kills_at"`
	Stops       map[string]int `json:"stops"`
	Drains      int            `json:"drains"`
	// Faults are the providers', by kind.
	Faults   map[string]int `json:"faults"`
	Statuses map[string]int `json:"statuses"`
	// Runs are the native runs, by operation and status.
	Runs map[string]int `json:"runs"`
	// Answers are what clients got, by status.
	Answers map[string]int `json:"answers"`
	// LongestInFlight is how long a key was answered 409 on end, in seconds.
	LongestInFlight float64 `json:"longest_in_flight_seconds"`
	Attempts        int     `json:"attempts"`
	Bookings        int     `json:"bookings"`
	// Abandoned are attempts that were left behind.
	Abandoned int                `json:"abandoned"`
	Doubles   int                `json:"double_charges"`
	Lost      int                `json:"lost_payments"`
	Lies      int                `json:"lies"`
	Unsettled int                `json:"unsettled"`
	Unknown   map[string]int     `json:"unknown_left"`
	Settle    report.Percentiles `json:"settle_seconds"`
	// Conflicts are payments that show money against their status, Resolved those that an operator settled.
	Conflicts int   `json:"money_conflicts"`
	Resolved  int64 `json:"resolved_by_hand"`
	// LostInTails are payments that only a lost tail of the journal knew.
	LostInTails int `json:"lost_in_tails"`
	// Callbacks are what came to the router's addresses for providers.
	Callbacks letters `json:"callbacks"`
	// Webhooks are the events sent to the merchant; Repeated of them came more than once, which is allowed. Unannounced
	// are payments that ended without a webhook by the end of the run.
	Webhooks    int         `json:"webhooks"`
	Repeated    int         `json:"webhooks_repeated"`
	Unannounced int         `json:"unannounced"`
	Violations  []Violation `json:"violations,omitempty"`
}

// longRun is how many payments it takes until every call of every provider can be expected to be made, and to be
// struck.
const longRun = 250

// shownViolations bounds how many violations a report spells out.
const shownViolations = 50

func (r *run) conclude(payments []shownPayment, runs []RunEntry, bookings []sandbox.Booking,
	announced map[string][]string,
) *Report {
	long := r.settings.Payments >= longRun
	ledgers := r.ledgers(payments, bookings, r.clients.ledger())
	ledgers.Announced = announced
	violations, unknown := Audit(ledgers)
	ofRuns, unknownRuns := AuditRuns(r.natives.ledger(), runs, bookings)
	violations = append(violations, ofRuns...)
	r.losses.mutex.Lock()
	violations = append(violations, r.losses.broken...)
	tails, lost := r.losses.times, len(r.losses.gone)
	r.losses.mutex.Unlock()
	maps.Copy(unknown, unknownRuns)
	for _, complaint := range r.post.complaints() {
		violations = append(violations, Violation{Kind: Lost, Detail: complaint})
	}
	// What is spelt out is bounded: what is worst comes first.
	slices.SortStableFunc(violations, func(a, b Violation) int {
		worst := []string{Double, Lost, Lie, Unsettled}
		return cmp.Compare(slices.Index(worst, a.Kind), slices.Index(worst, b.Kind))
	})
	concluded := &Report{
		Seed: r.settings.Seed, Payments: len(payments), Kills: r.counts.kills(), KillsAt: r.counts.crashes,
		Stops: r.counts.stops, Drains: r.counts.drains,
		Faults: r.faults.fired(long), Statuses: map[string]int{}, Answers: r.clients.answers,
		LongestInFlight: r.clients.longest.Seconds(),
		Runs:            map[string]int{}, Bookings: len(bookings), Unknown: unknown,
		Violations: violations[:min(len(violations), shownViolations)],
	}
	for _, one := range runs {
		concluded.Runs[one.Operation+" "+one.Status]++
	}
	var waits []float64
	for _, p := range payments {
		concluded.Statuses[p.Status]++
		concluded.Attempts += len(p.Tries)
		if p.MoneyConflict {
			concluded.Conflicts++
		}
		for _, try := range p.Tries {
			if try.Abandoned {
				concluded.Abandoned++
			}
		}
		if !terminal(p.Status) {
			continue
		}
		from := p.CreatedAt
		if at := r.payers.drivenAt(SiteOf(p.Provider), p.ProviderReference); at.After(from) {
			from = at
		}
		if wait := p.UpdatedAt.Sub(from); wait < time.Since(r.began) { // times by a wrong clock are ignored
			waits = append(waits, max(wait, 0).Seconds())
		}
	}
	concluded.Settle = report.PercentilesOf(waits)
	concluded.Webhooks, concluded.Repeated = r.hooks.counts()
	concluded.Callbacks = r.post.carried()
	concluded.Faults["callback repeated byte for byte"] = concluded.Callbacks.Replayed
	concluded.Faults["callback forged"] = concluded.Callbacks.Forged
	if long || concluded.Callbacks.Insisting > 0 {
		concluded.Faults["callback repeated 19 times"] = concluded.Callbacks.Insisting
	}
	maps.Copy(concluded.Faults, r.payers.struck(long))
	if tails > 0 || long && r.settings.with("tail") {
		concluded.Faults[tailLost] = tails
	}
	concluded.LostInTails = lost
	maps.Copy(concluded.Faults, r.counts.wrongClocks(long && r.settings.with("clock")))
	concluded.Resolved = r.operator.resolved.Load()
	concluded.Unannounced = len(unannounced(payments, r.hooks.announced()))
	for _, v := range violations {
		switch v.Kind {
		case Double:
			concluded.Doubles++
		case Lost:
			concluded.Lost++
		case Lie:
			concluded.Lies++
		case Unsettled:
			concluded.Unsettled++
		}
	}
	return concluded
}

// Err is nil where every promise was kept, and every kind of fault struck.
func (r *Report) Err() error {
	var broken []error
	for _, count := range []struct {
		name string
		n    int
	}{
		{"double charges", r.Doubles},
		{"lost payments", r.Lost},
		{"lies", r.Lies},
		{"payments unsettled that a look-up could settle", r.Unsettled},
		{"ended payments without a webhook", r.Unannounced},
	} {
		if count.n > 0 {
			broken = append(broken, fmt.Errorf("%d %s", count.n, count.name))
		}
	}
	for _, fault := range slices.Sorted(maps.Keys(r.Faults)) {
		if r.Faults[fault] == 0 {
			broken = append(broken, fmt.Errorf("the fault %s never struck", fault))
		}
	}
	return errors.Join(broken...)
}

// Print writes the report for people, and as its last line the same as JSON.
func (r *Report) Print(w io.Writer) error {
	lines := []report.Line{
		{Name: "seed", Value: r.Seed},
		{
			Name: "payments",
			Value: fmt.Sprintf("%d in %.0f s, %d attempts, %d bookings, %d attempts abandoned", r.Payments,
				r.Seconds, r.Attempts, r.Bookings, r.Abandoned),
		},
		{Name: "statuses", Value: report.Counts(r.Statuses)},
		{Name: "native runs", Value: report.Counts(r.Runs)},
		{Name: "kills", Value: fmt.Sprintf("%d: %s", r.Kills, report.Counts(r.KillsAt))},
		{Name: "stops", Value: report.Counts(r.Stops)},
		{Name: "drains", Value: r.Drains},
		{Name: "faults", Value: report.Counts(r.Faults)},
		{Name: "answers", Value: report.Counts(r.Answers)},
		{Name: "longest 409", Value: fmt.Sprintf("%.1f s", r.LongestInFlight)},
		{Name: "double charges", Value: r.Doubles},
		{Name: "lost payments", Value: r.Lost},
		{Name: "lies", Value: r.Lies},
		{Name: "unsettled", Value: r.Unsettled},
		{Name: "unknown left", Value: report.Counts(r.Unknown)},
		{Name: "time to settle", Value: fmt.Sprintf("p50 %.2f s, p90 %.2f s, p99 %.2f s, max %.2f s", r.Settle.P50,
			r.Settle.P90, r.Settle.P99, r.Settle.Max)},
		{Name: "money conflicts", Value: r.Conflicts},
		{Name: "by an operator", Value: r.Resolved},
		{Name: "lost in tails", Value: r.LostInTails},
		{Name: "callbacks", Value: fmt.Sprintf("%d, %d repetitions, %d forged", r.Callbacks.Genuine,
			r.Callbacks.Replayed, r.Callbacks.Forged)},
		{Name: "webhooks", Value: fmt.Sprintf("%d events, %d of them more than once; %d ended payments without one",
			r.Webhooks, r.Repeated, r.Unannounced)},
		{Name: "calm to settled", Value: fmt.Sprintf("%.1f s", r.HealSeconds)},
	}
	bare := *r
	bare.Violations = slices.Clone(r.Violations)
	var notes []string
	for i, v := range r.Violations {
		notes = append(notes, fmt.Sprintf("%s: %s %s: %s\n  %s", v.Kind, v.Order, v.Payment, v.Detail,
			strings.Join(v.Trail, "\n  ")))
		bare.Violations[i].Trail = nil
	}
	return report.Print(w, lines, notes, bare)
}
