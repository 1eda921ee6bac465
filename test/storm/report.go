package storm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"payrouter/test/report"
)

// Report is what a run came to.
type Report struct {
	Rate float64 `json:"rate"`
	// Warm is before anything counts, but failures; Quiet and Again are without changes, before and after the Storm,
	// which has them.
	Warm  Phase `json:"warm"`
	Quiet Phase `json:"quiet"`
	Storm Phase `json:"storm"`
	Again Phase `json:"again"`
	// Misrouted payments went against the rules of their decision, or by rules that were not active then.
	Misrouted int `json:"misrouted"`
	// Mixed attempts were made by more than one build, or by one that did not serve then.
	Mixed int `json:"mixed"`
	// Swaps were done; Editions are edits that took effect, Refused those that were not in order and had none.
	Swaps    int `json:"swaps"`
	Editions int `json:"edits_applied"`
	Refused  int `json:"edits_refused"`
	// EditEffect and SwapEffect are the milliseconds from a change until it is active; Cold is that of builds that the
	// router had not seen before.
	EditEffect report.Percentiles `json:"edit_to_effect_ms"`
	SwapEffect report.Percentiles `json:"swap_to_effect_ms"`
	Cold       report.Percentiles `json:"cold_swap_to_effect_ms"`
	// Slowdown is the storm's p99 latency over that of both quiet phases together: the journal grows all the while, and
	// a payment takes longer in a larger one.
	Slowdown float64 `json:"p99_storm_over_quiet"`
	Before   Levels  `json:"levels_before"`
	After    Levels  `json:"levels_after"`
	// Violations are what else was not as promised.
	Violations []string `json:"violations,omitempty"`
	// Examples are some of the payments that went wrong.
	Examples []string `json:"examples,omitempty"`
}

// Phase is one part of a run.
type Phase struct {
	Requests int `json:"requests"`
	// Failed were not answered with a payment that its provider took.
	Failed int `json:"failed"`
	// PerSecond is how many were answered in a second.
	PerSecond float64 `json:"per_second"`
	// Latency counts from when a request was to begin, in milliseconds.
	Latency report.Percentiles `json:"latency_ms"`
	// CPU is what the router used for one payment, user and system, in milliseconds.
	CPU float64 `json:"router_cpu_ms_per_payment"`
	// Failures are some of what went wrong.
	Failures []string `json:"-"`
}

const shownFailures = 10

func phaseOf(l *load, cpu time.Duration) Phase {
	p := Phase{Requests: len(l.shots)}
	if len(l.shots) == 0 {
		return p
	}
	var end time.Duration
	for i := range l.shots {
		one := &l.shots[i]
		end = max(end, one.due+one.took)
		if why := one.failure(); why != "" {
			p.Failed++
			if len(p.Failures) < shownFailures {
				p.Failures = append(p.Failures, one.key+": "+why)
			}
		}
	}
	p.Latency = report.PercentilesOf(l.latencies())
	p.PerSecond = float64(len(l.shots)) / end.Seconds()
	p.CPU = float64(cpu) / float64(time.Millisecond) / float64(len(l.shots))
	return p
}

// latencies are in milliseconds, in the shots' order.
func (l *load) latencies() []float64 {
	latencies := make([]float64, len(l.shots))
	for i := range l.shots {
		latencies[i] = float64(l.shots[i].took) / float64(time.Millisecond)
	}
	return latencies
}

// failure is the reason why a shot went wrong; empty if it did not.
func (s *shot) failure() string {
	if s.err != nil {
		return s.err.Error()
	}
	if s.status != http.StatusCreated {
		return fmt.Sprintf("answered %d: %.300s", s.status, s.body)
	}
	var p struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(s.body, &p); err != nil {
		return "answered with no payment: " + err.Error()
	}
	if p.Status != "requires_action" {
		return fmt.Sprintf("stands at %q: %.600s", p.Status, s.body)
	}
	return ""
}

func (p Phase) String() string {
	return fmt.Sprintf(
		"%d requests, %d failed, %.0f/s, p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.0f ms, router CPU %.2f ms a "+
			"payment",
		p.Requests, p.Failed, p.PerSecond, p.Latency.P50, p.Latency.P90, p.Latency.P99, p.Latency.Max, p.CPU)
}

const (
	// editWithin and coldWithin are how soon a change has to show, in milliseconds.
	editWithin = 1000
	coldWithin = 3000
)

func (r *Report) conclude(run *run, loads []*load, found verdict) {
	r.Misrouted, r.Mixed = len(found.misrouted), len(found.mixed)
	r.Swaps, r.Editions, r.Refused = len(run.swaps.took)-1, run.edits.applied, run.edits.refused
	r.EditEffect, r.SwapEffect, r.Cold = report.PercentilesOf(millis(run.edits.effects)), report.PercentilesOf(
		millis(run.swaps.effects)), report.PercentilesOf(millis(run.swaps.cold))
	r.Slowdown = slowdown(loads)
	r.Violations = slices.Concat(run.swaps.violations, run.edits.violations)
	if r.After.Generations > r.Before.Generations || r.After.Fleets > r.Before.Fleets {
		r.Violations = append(r.Violations,
			fmt.Sprintf("%d generations and %d fleets are open, and were %d and %d", r.After.Generations,
				r.After.Fleets,
				r.Before.Generations, r.Before.Fleets))
	}
	for _, wrong := range [][]string{
		r.Warm.Failures, r.Quiet.Failures, r.Storm.Failures, r.Again.Failures,
		found.misrouted, found.mixed,
	} {
		r.Examples = append(r.Examples, wrong[:min(len(wrong), shownFailures)]...)
	}
}

// slowdown is 0 where nothing was measured without changes.
func slowdown(loads []*load) float64 {
	var unchanged, changed []float64
	for _, l := range loads {
		switch l.name {
		case quiet, again:
			unchanged = append(unchanged, l.latencies()...)
		case storm:
			changed = append(changed, l.latencies()...)
		}
	}
	if len(unchanged) == 0 {
		return 0
	}
	return report.PercentilesOf(changed).P99 / report.PercentilesOf(unchanged).P99
}

func millis(durations []time.Duration) []float64 {
	values := make([]float64, len(durations))
	for i, d := range durations {
		values[i] = float64(d) / float64(time.Millisecond)
	}
	return values
}

// Err is nil where no promise was broken. How fast anything was is none: see Findings.
func (r *Report) Err() error {
	var broken []error
	for _, count := range []struct {
		name string
		n    int
	}{
		{"requests failed", r.Warm.Failed + r.Quiet.Failed + r.Storm.Failed + r.Again.Failed},
		{"payments were misrouted", r.Misrouted},
		{"attempts mixed generations", r.Mixed},
		{"changes went wrong", len(r.Violations)},
	} {
		if count.n > 0 {
			broken = append(broken, fmt.Errorf("%d %s", count.n, count.name))
		}
	}
	return errors.Join(broken...)
}

// Findings are what was slower than it should be. They depend on what else the machine does.
func (r *Report) Findings() []string {
	var found []string
	for _, bound := range []struct {
		name       string
		value, top float64
	}{
		{"slowest edit, ms", r.EditEffect.Max, editWithin},
		{"slowest swap, ms", r.SwapEffect.Max, coldWithin},
		{"slowest cold swap, ms", r.Cold.Max, coldWithin},
		{"p99 in the storm over p99 without changes", r.Slowdown, 2},
	} {
		if bound.value > bound.top {
			found = append(found, fmt.Sprintf("%s: %.1f, above %.0f", bound.name, bound.value, bound.top))
		}
	}
	return found
}

// Print writes the report for people, and as its last line the same as JSON.
func (r *Report) Print(w io.Writer) error {
	effect := func(p report.Percentiles) string {
		return fmt.Sprintf("p50 %.0f ms, p99 %.0f ms, max %.0f ms", p.P50, p.P99, p.Max)
	}
	lines := []report.Line{
		{Name: "warm", Value: r.Warm},
		{Name: "quiet", Value: r.Quiet},
		{Name: "storm", Value: r.Storm},
		{Name: "again", Value: r.Again},
		{Name: "p99 storm/quiet", Value: fmt.Sprintf("%.2f", r.Slowdown)},
		{Name: "misrouted", Value: r.Misrouted},
		{Name: "mixed", Value: r.Mixed},
		{Name: "swaps", Value: fmt.Sprintf("%d: %s; cold %s", r.Swaps, effect(r.SwapEffect), effect(r.Cold))},
		{Name: "edits", Value: fmt.Sprintf("%d applied: %s; %d refused", r.Editions, effect(r.EditEffect), r.Refused)},
		{Name: "before", Value: r.Before},
		{Name: "after", Value: r.After},
	}
	for _, finding := range r.Findings() {
		lines = append(lines, report.Line{Name: "slow", Value: finding})
	}
	return report.Print(w, lines, slices.Concat(r.Violations, r.Examples), r)
}

func (l Levels) String() string {
	return fmt.Sprintf("%d generations open with %d instances, %d fleets, %d MiB resident", l.Generations, l.Instances,
		l.Fleets, l.Resident)
}
