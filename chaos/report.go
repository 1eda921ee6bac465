package chaos

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox"
)

// Report is what a run came to.
type Report struct {
	Seed     uint64  `json:"seed"`
	Payments int     `json:"payments"`
	Seconds  float64 `json:"seconds"`
	// HealSeconds is how long it took, once every fault was over, until nothing was left that a provider could tell.
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
	// Abandoned are bookings left behind, that no payer was told of.
	Abandoned int            `json:"abandoned"`
	Doubles   int            `json:"double_charges"`
	Lost      int            `json:"lost_payments"`
	Lies      int            `json:"lies"`
	Unsettled int            `json:"unsettled"`
	Unknown   map[string]int `json:"unknown_left"`
	Settle    Percentiles    `json:"settle_seconds"`
	// Conflicts are payments that show money where their status says otherwise, Resolved those that an operator
	// settled.
	Conflicts int   `json:"money_conflicts"`
	Resolved  int64 `json:"resolved_by_hand"`
	// LostInTails are payments that only a lost tail of the journal knew.
	LostInTails int `json:"lost_in_tails"`
	// Callbacks are what came to the router's addresses for providers.
	Callbacks letters `json:"callbacks"`
	// Webhooks are the events that the merchant was sent; Repeated of them came more than once, which they may.
	// Unannounced are payments that have ended and of which no webhook has told so by the end of the run.
	Webhooks    int         `json:"webhooks"`
	Repeated    int         `json:"webhooks_repeated"`
	Unannounced int         `json:"unannounced"`
	Violations  []Violation `json:"violations,omitempty"`
}

// Percentiles are of the seconds from a provider's last word until the journal had it.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// longRun is how many payments it takes until every call of every provider can be expected to be made, and to be
// struck.
const longRun = 250

// shownViolations bounds how many violations a report spells out.
const shownViolations = 50

func (r *run) report(payments []shownPayment, runs []RunEntry, bookings []sandbox.Booking) *Report {
	long := r.settings.Payments >= longRun
	ledgers := r.ledgers(payments, bookings, r.clients.ledger())
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
	report := &Report{
		Seed: r.settings.Seed, Payments: len(payments), Kills: r.counts.kills(), KillsAt: r.counts.crashes,
		Stops: r.counts.stops, Drains: r.counts.drains,
		Faults: r.faults.fired(long), Statuses: map[string]int{}, Answers: r.clients.answers,
		LongestInFlight: r.clients.longest.Seconds(),
		Runs:            map[string]int{}, Bookings: len(bookings), Unknown: unknown,
		Violations: violations[:min(len(violations), shownViolations)],
	}
	for _, one := range runs {
		report.Runs[one.Operation+" "+one.Status]++
	}
	var waits []time.Duration
	for _, p := range payments {
		report.Statuses[p.Status]++
		report.Attempts += len(p.Tries)
		if p.MoneyConflict {
			report.Conflicts++
		}
		for _, try := range p.Tries {
			if try.Abandoned {
				report.Abandoned++
			}
		}
		if !terminal(p.Status) {
			continue
		}
		from := p.CreatedAt
		if at := r.payers.drivenAt(siteOf(p.Provider), p.ProviderReference); at.After(from) {
			from = at
		}
		if wait := p.UpdatedAt.Sub(from); wait < time.Since(r.began) { // what a wrong clock wrote says nothing
			waits = append(waits, max(wait, 0))
		}
	}
	report.Settle = percentilesOf(waits)
	report.Webhooks, report.Repeated = r.hooks.counts()
	report.Callbacks = r.post.carried()
	report.Faults["callback repeated byte for byte"] = report.Callbacks.Replayed
	report.Faults["callback forged"] = report.Callbacks.Forged
	if long || report.Callbacks.Insisting > 0 {
		report.Faults["callback repeated 19 times"] = report.Callbacks.Insisting
	}
	maps.Copy(report.Faults, r.payers.struck(long))
	if tails > 0 || long && r.settings.with("tail") {
		report.Faults[tailLost] = tails
	}
	report.LostInTails = lost
	maps.Copy(report.Faults, r.counts.wrongClocks(long && r.settings.with("clock")))
	report.Resolved = r.operator.resolved.Load()
	report.Unannounced = len(unannounced(payments, r.hooks.announced()))
	for _, v := range violations {
		switch v.Kind {
		case Double:
			report.Doubles++
		case Lost:
			report.Lost++
		case Lie:
			report.Lies++
		case Unsettled:
			report.Unsettled++
		}
	}
	return report
}

func percentilesOf(waits []time.Duration) Percentiles {
	if len(waits) == 0 {
		return Percentiles{}
	}
	slices.Sort(waits)
	at := func(share float64) float64 {
		return waits[min(int(share*float64(len(waits))), len(waits)-1)].Seconds()
	}
	return Percentiles{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1)}
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
		{"payments unsettled that a provider could tell of", r.Unsettled},
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
	lines := []struct {
		name  string
		value any
	}{
		{"seed", r.Seed},
		{
			"payments",
			fmt.Sprintf("%d in %.0f s, %d attempts, %d bookings, %d attempts left behind", r.Payments, r.Seconds,
				r.Attempts, r.Bookings, r.Abandoned),
		},
		{"statuses", listed(r.Statuses)},
		{"native runs", listed(r.Runs)},
		{"kills", fmt.Sprintf("%d: %s", r.Kills, listed(r.KillsAt))},
		{"stops", listed(r.Stops)},
		{"drains", r.Drains},
		{"faults", listed(r.Faults)},
		{"answers", listed(r.Answers)},
		{"longest 409", fmt.Sprintf("%.1f s", r.LongestInFlight)},
		{"double charges", r.Doubles},
		{"lost payments", r.Lost},
		{"lies", r.Lies},
		{"unsettled", r.Unsettled},
		{"unknown left", listed(r.Unknown)},
		{
			"time to settle",
			fmt.Sprintf("p50 %.2f s, p90 %.2f s, p99 %.2f s, max %.2f s", r.Settle.P50, r.Settle.P90, r.Settle.P99,
				r.Settle.Max),
		},
		{"money conflicts", r.Conflicts},
		{"by an operator", r.Resolved},
		{"lost in tails", r.LostInTails},
		{
			"callbacks",
			fmt.Sprintf("%d, %d repetitions, %d forged", r.Callbacks.Genuine, r.Callbacks.Replayed,
				r.Callbacks.Forged),
		},
		{
			"webhooks",
			fmt.Sprintf("%d events, %d of them more than once; %d ended payments untold", r.Webhooks, r.Repeated,
				r.Unannounced),
		},
		{"calm to settled", fmt.Sprintf("%.1f s", r.HealSeconds)},
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%-16s %v\n", line.name, line.value); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	for _, v := range r.Violations {
		if _, err := fmt.Fprintf(w, "! %s: %s %s: %s\n  %s\n", v.Kind, v.Order, v.Payment, v.Detail,
			strings.Join(v.Trail, "\n  ")); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	bare := *r
	bare.Violations = slices.Clone(r.Violations)
	for i := range bare.Violations {
		bare.Violations[i].Trail = nil
	}
	text, err := json.Marshal(bare)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// listed is a count by name, most first.
func listed(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts),
		func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
