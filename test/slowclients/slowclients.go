// Package slowclients measures what slow connections cost those beside them: honest clients pay at a fixed rate through
// a real router process, alone and beside a crowd that sends headers or bodies slowly or accepts answers slowly, in
// turn.
package slowclients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"payrouter/test/honest"
	"payrouter/test/process"
	"payrouter/test/report"
)

// Settings of a run.
type Settings struct {
	// Binary is the router's, Plugins the folder of its modules, and Routing its accounts and rules.
	Binary, Plugins, Routing string
	// Dir is where the journal and the log go. It must be empty.
	Dir string
	// Rate is how many payments begin in a second, and Slow how many slow connections there are.
	Rate, Slow int
	// Rounds is how often a phase of the length Phase is measured without slow connections, and one beside them.
	Rounds int
	Phase  time.Duration
	// Limit is the router's limit of headers, bodies, answers and idle connections.
	Limit time.Duration
	// Progress gets lines about the progress.
	Progress io.Writer
}

func (s Settings) validate() error {
	var problems []error
	if s.Rate < 1 || s.Slow < 3 || s.Rounds < 1 {
		problems = append(problems, errors.New("rate and rounds: at least 1; slow: at least 3"))
	}
	if s.Phase <= 0 || s.Limit <= 0 {
		problems = append(problems, errors.New("phase and limit: above 0 seconds"))
	}
	for _, file := range []string{s.Binary, s.Plugins, s.Routing} {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// Report is what a run found. Times are in milliseconds.
type Report struct {
	Alone, Beside []report.Percentiles
	// Ratio is the median p99 beside slow connections to that alone.
	Ratio float64
	// Payments were begun, and Failed of them not answered 201.
	Payments, Failed int
	// Ended slow connections were ended by the router, and Longest is how long the last of them lived.
	Ended   map[string]int
	Longest map[string]time.Duration
	// Left slow connections outlived their limit.
	Left          int
	Before, After process.Usage
	// AloneCPU and BesideCPU are what the router used in all phases of a kind.
	AloneCPU, BesideCPU time.Duration
}

const (
	// equal is a difference of two p99 that is none, in milliseconds, and mostRatio how much higher the one beside may
	// be otherwise.
	equal     = 20.0
	mostRatio = 1.5
)

// Run makes one run. The error is about the run itself.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	if err := settings.validate(); err != nil {
		return nil, err
	}
	router, address, err := start(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer router.Terminate()
	r := &Report{Ended: map[string]int{}, Longest: map[string]time.Duration{}}
	clients := &honest.Clients{Address: address, Rate: settings.Rate}
	defer clients.Close()
	if _, err := clients.Fire(ctx, settings.Phase/4); err != nil { // warms everything up
		return nil, err
	}
	// The first crowd makes what later ones use again: pools and heap.
	if err := r.beside(ctx, settings, address, func() error { return nil }); err != nil {
		return nil, err
	}
	r.Before = router.Usage()
	for round := range settings.Rounds {
		began := router.Usage().CPU
		alone, err := clients.Fire(ctx, settings.Phase)
		if err != nil {
			return nil, err
		}
		r.AloneCPU += router.Usage().CPU - began
		var beside report.Percentiles
		err = r.beside(ctx, settings, address, func() error {
			began := router.Usage().CPU
			beside, err = clients.Fire(ctx, settings.Phase)
			r.BesideCPU += router.Usage().CPU - began
			return err
		})
		if err != nil {
			return nil, err
		}
		r.Alone, r.Beside = append(r.Alone, alone), append(r.Beside, beside)
		_, _ = fmt.Fprintf(settings.Progress, "round %d: alone p50 %.1f ms, p99 %.1f ms; beside p50 %.1f ms, p99 %.1f ms\n",
			round+1, alone.P50, alone.P99, beside.P50, beside.P99)
	}
	r.After = router.Usage()
	r.Payments, r.Failed = clients.Begun, clients.Failed
	r.Ratio = median(r.Beside, p99) / median(r.Alone, p99)
	return r, nil
}

// beside has a crowd there while something is measured, and waits for the router to end all of it.
func (r *Report) beside(ctx context.Context, settings Settings, address string, measure func() error) error {
	c := newCrowd(ctx, address, settings.Slow, settings.Limit)
	err := measure()
	c.stop()
	// Headers and bodies end with their limit. An answer gets another second for each 64 KiB.
	if !c.ends(ctx, 20*settings.Limit) {
		r.Left += c.hangUp()
	}
	for way, lived := range c.lived {
		r.Ended[way] += len(lived)
		r.Longest[way] = max(r.Longest[way], slices.Max(lived))
	}
	return err
}

// start starts a sandboxed router and waits until it takes payments.
func start(ctx context.Context, s Settings) (*process.Process, string, error) {
	limit := s.Limit.String()
	return process.Serve(ctx, s.Binary, s.Dir, os.Environ(),
		"--sandbox", "--sandbox-listen", "127.0.0.1:0", "--data", filepath.Join(s.Dir, "data"), "--routing", s.Routing,
		"--plugins", s.Plugins, "--header-timeout", limit, "--body-timeout", limit, "--write-timeout", limit,
		"--idle-timeout", limit)
}

func p99(p report.Percentiles) float64 { return p.P99 }
func p50(p report.Percentiles) float64 { return p.P50 }

func median(phases []report.Percentiles, of func(report.Percentiles) float64) float64 {
	values := make([]float64, len(phases))
	for i, phase := range phases {
		values[i] = of(phase)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Print implements report.Result.
func (r *Report) Print(w io.Writer) error {
	const mebi = 1 << 20
	return report.Print(w, []report.Line{
		{Name: "payments", Value: fmt.Sprintf("%d, of which %d failed", r.Payments, r.Failed)},
		{Name: "alone", Value: fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", median(r.Alone, p50), median(r.Alone, p99))},
		{Name: "beside", Value: fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", median(r.Beside, p50), median(r.Beside, p99))},
		{Name: "p99", Value: fmt.Sprintf("%.2f times the one alone", r.Ratio)},
		{Name: "router's CPU", Value: fmt.Sprintf("alone %s, beside %s", r.AloneCPU, r.BesideCPU)},
		{Name: "ended", Value: r.Ended},
		{Name: "lived at most", Value: r.Longest},
		{Name: "left", Value: r.Left},
		{Name: "open files", Value: fmt.Sprintf("%d before, %d after", r.Before.Files, r.After.Files)},
		{
			Name:  "memory",
			Value: fmt.Sprintf("%d MiB before, %d MiB after", r.Before.Resident/mebi, r.After.Resident/mebi),
		},
	}, nil, r)
}

// Err implements report.Result.
func (r *Report) Err() error {
	var problems []error
	if r.Left > 0 {
		problems = append(problems, fmt.Errorf("%d slow connections outlived their limit", r.Left))
	}
	if r.Failed > 0 {
		problems = append(problems, fmt.Errorf("%d of %d payments failed", r.Failed, r.Payments))
	}
	if alone, beside := median(r.Alone, p99), median(r.Beside, p99); beside-alone > equal && r.Ratio > mostRatio {
		problems = append(problems, fmt.Errorf("p99 is %.2f times the one alone: at most %.1f", r.Ratio, mostRatio))
	}
	return errors.Join(problems...)
}
