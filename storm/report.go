package storm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Report is what a run came to.
type Report struct {
	Rate  float64 `json:"rate"`
	Calm  Phase   `json:"calm"`
	Storm Phase   `json:"storm"`
}

// Phase is one part of a run.
type Phase struct {
	Requests int `json:"requests"`
	// Failed were not answered with a payment that its provider took.
	Failed int `json:"failed"`
	// PerSecond is how many were answered in a second.
	PerSecond float64 `json:"per_second"`
	// Latency counts from when a request was to begin, in milliseconds.
	Latency Percentiles `json:"latency_ms"`
	// CPU is what the router used for one payment, user and system, in milliseconds.
	CPU float64 `json:"router_cpu_ms_per_payment"`
	// Failures are some of what went wrong.
	Failures []string `json:"failures,omitempty"`
}

// Percentiles of some figure.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

const shownFailures = 10

func phaseOf(l *load, cpu time.Duration) Phase {
	p := Phase{Requests: len(l.shots)}
	if len(l.shots) == 0 {
		return p
	}
	latencies := make([]float64, len(l.shots))
	var end time.Duration
	for i := range l.shots {
		one := &l.shots[i]
		latencies[i] = float64(one.took) / float64(time.Millisecond)
		end = max(end, one.due+one.took)
		if why := one.failure(); why != "" {
			p.Failed++
			if len(p.Failures) < shownFailures {
				p.Failures = append(p.Failures, one.key+": "+why)
			}
		}
	}
	p.Latency = percentilesOf(latencies)
	p.PerSecond = float64(len(l.shots)) / end.Seconds()
	p.CPU = float64(cpu) / float64(time.Millisecond) / float64(len(l.shots))
	return p
}

// failure says why a shot was not answered as it should; empty where it was.
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

func percentilesOf(values []float64) Percentiles {
	if len(values) == 0 {
		return Percentiles{}
	}
	slices.Sort(values)
	at := func(share float64) float64 {
		return values[min(int(share*float64(len(values))), len(values)-1)]
	}
	return Percentiles{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: at(1)}
}

func (p Phase) String() string {
	return fmt.Sprintf("%d requests, %d failed, %.0f/s, p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.0f ms, router CPU %.2f ms a payment",
		p.Requests, p.Failed, p.PerSecond, p.Latency.P50, p.Latency.P90, p.Latency.P99, p.Latency.Max, p.CPU)
}

// Err is nil where no promise was broken.
func (r *Report) Err() error {
	var broken []error
	if n := r.Calm.Failed + r.Storm.Failed; n > 0 {
		broken = append(broken, fmt.Errorf("%d requests failed", n))
	}
	return errors.Join(broken...)
}

// Print writes the report for people, and as its last line the same as JSON.
func (r *Report) Print(w io.Writer) error {
	for _, line := range []struct {
		name  string
		value any
	}{{"calm", r.Calm}, {"storm", r.Storm}} {
		if _, err := fmt.Fprintf(w, "%-16s %v\n", line.name, line.value); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	for _, failure := range append(r.Calm.Failures, r.Storm.Failures...) {
		if _, err := fmt.Fprintln(w, "!", failure); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}
