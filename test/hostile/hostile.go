// Package hostile measures what a hostile plugin costs those beside it: honest clients pay at a fixed rate through a
// real router process, alone and beside payments at a plugin that misbehaves, for each way of misbehaving in turn.
package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/test/honest"
	"payrouter/test/process"
	"payrouter/test/report"
)

// Settings of a run.
type Settings struct {
	// Binary is the router's, and Plugins the folder of its modules.
	Binary, Plugins string
	// Dir is where modules, journals and logs go. It must be empty.
	Dir string
	// Rate is how many honest payments begin in a second, and Hostile how many at the hostile plugin.
	Rate, Hostile int
	// Rounds is how often each shape is measured, with a router of its own, for the length Phase alone and beside.
	Rounds int
	Phase  time.Duration
	// Only are the names of the shapes; empty means all.
	Only []string
	// Progress gets lines about the progress.
	Progress io.Writer
}

func (s Settings) validate() error {
	var problems []error
	if s.Rate < 1 || s.Hostile < 1 || s.Rounds < 1 || s.Phase <= 0 {
		problems = append(problems, errors.New("rate, hostile and rounds: at least 1; phase: above 0 seconds"))
	}
	for _, name := range s.Only {
		if !slices.ContainsFunc(shapes, func(known shape) bool { return known.name == name }) {
			problems = append(problems, fmt.Errorf("no shape is called %q", name))
		}
	}
	for _, file := range []string{s.Binary, s.Plugins} {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// Round is what one router showed. Times are in milliseconds, memory in bytes.
type Round struct {
	Alone, Beside report.Percentiles
	// Payments were begun by honest clients, and Failed of them not answered 201.
	Payments, Failed int
	// Before is the memory before the hostile payments, Most the most beside them.
	Before, Most int64
	CPU          time.Duration
	// Outcomes are those of hostile payments or callbacks.
	Outcomes map[string]int
	// Quarantined is how long after the first hostile payment the quarantine began, and Reason what it is for; 0 where
	// there was none.
	Quarantined time.Duration
	Reason      string
}

// Finding is what one shape came to.
type Finding struct {
	Shape, What string
	fails       bool
	Rounds      []Round
}

// Report is what a run found.
type Report struct{ Findings []Finding }

// Run makes one run. The error is about the run itself.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	if err := settings.validate(); err != nil {
		return nil, err
	}
	guest, err := build(ctx, settings.Dir)
	if err != nil {
		return nil, err
	}
	honestURL, stop, err := honest.Providers(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	hostile := longAnswers()
	defer hostile.Close()
	r := &Report{}
	for _, shape := range shapes {
		if len(settings.Only) > 0 && !slices.Contains(settings.Only, shape.name) {
			continue
		}
		module, err := guest.of(shape)
		if err != nil {
			return nil, err
		}
		found := Finding{Shape: shape.name, What: shape.what, fails: shape.fails}
		for n := range settings.Rounds {
			dir := filepath.Join(settings.Dir, fmt.Sprintf("%s-%d", shape.name, n+1))
			opened, err := open(ctx, settings, honestURL, hostile.URL, dir, module)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", shape.name, err)
			}
			round, err := measure(ctx, settings, opened, shape)
			opened.close()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", shape.name, err)
			}
			found.Rounds = append(found.Rounds, round)
		}
		_, _ = fmt.Fprintln(settings.Progress, found)
		r.Findings = append(r.Findings, found)
	}
	return r, nil
}

// measure runs one router: honest payments alone, and then beside hostile ones.
func measure(ctx context.Context, s Settings, opened *site, of shape) (round Round, err error) {
	clients := &honest.Clients{Address: opened.address, Rate: s.Rate}
	defer clients.Close()
	if _, err := clients.Fire(ctx, s.Phase/4); err != nil { // warms everything up
		return round, err
	}
	if round.Alone, err = clients.Fire(ctx, s.Phase); err != nil {
		return round, err
	}
	before := opened.router.Usage()
	round.Before = before.Resident

	beside, cancel := context.WithCancel(ctx)
	defer cancel()
	var others sync.WaitGroup
	attack := newAttack(opened, of, s.Hostile)
	others.Go(func() { attack.run(beside) })
	others.Go(func() { round.watch(beside, opened, attack.began) })
	round.Beside, err = clients.Fire(ctx, s.Phase)
	cancel()
	others.Wait()
	round.CPU = opened.router.Usage().CPU - before.CPU
	round.Outcomes = attack.outcomes
	round.Payments, round.Failed = clients.Begun, clients.Failed
	return round, err
}

// watch looks for the most memory, and for the quarantine, until ctx ends.
func (r *Round) watch(ctx context.Context, opened *site, began time.Time) {
	const often = 50 * time.Millisecond
	for process.Wait(ctx, often) {
		r.Most = max(r.Most, opened.router.Usage().Resident)
		if r.Quarantined > 0 {
			continue
		}
		if shown, err := opened.plugin(ctx); err == nil && shown.quarantine() != "" {
			r.Quarantined, r.Reason = time.Since(began), shown.quarantine()
		}
	}
}

// attack is the hostile payments of one round, which begin at a fixed rate.
type attack struct {
	opened *site
	do     func(ctx context.Context, key string) string
	rate   int
	began  time.Time

	mutex    sync.Mutex
	outcomes map[string]int
}

func newAttack(opened *site, of shape, rate int) *attack {
	a := &attack{opened: opened, do: opened.pay, rate: rate, began: time.Now(), outcomes: map[string]int{}}
	if of.callbacks {
		a.do = opened.report
	}
	return a
}

// run begins payments until ctx ends, and returns when all were answered or given up.
func (a *attack) run(ctx context.Context) {
	var payments sync.WaitGroup
	defer payments.Wait()
	for n := 0; process.Wait(ctx, time.Until(a.began.Add(time.Duration(n)*time.Second/time.Duration(a.rate)))); n++ {
		payments.Go(func() {
			outcome := a.do(ctx, fmt.Sprintf("hostile-%d", n))
			if ctx.Err() != nil {
				outcome = "not waited for"
			}
			a.mutex.Lock()
			defer a.mutex.Unlock()
			a.outcomes[outcome]++
		})
	}
}

// What must hold: see docs/performance.md.
const (
	mostRatio = 2.0
	// equal is a difference of two p99 that is none, in milliseconds.
	equal = 20.0
	// mostMemory is above that of before, in bytes.
	mostMemory = 200 << 20
	// mostServing is how long a plugin that always fails may be sent payments.
	mostServing = 2 * time.Second
)

func (f Finding) alone(of func(report.Percentiles) float64) float64 {
	return f.median(func(r Round) float64 { return of(r.Alone) })
}

func (f Finding) beside(of func(report.Percentiles) float64) float64 {
	return f.median(func(r Round) float64 { return of(r.Beside) })
}

func (f Finding) memory() int64 {
	return int64(f.median(func(r Round) float64 { return float64(r.Most - r.Before) }))
}

func (f Finding) quarantined() time.Duration {
	return time.Duration(f.median(func(r Round) float64 { return float64(r.Quarantined) }))
}

func (f Finding) median(of func(Round) float64) float64 {
	values := make([]float64, len(f.Rounds))
	for i, round := range f.Rounds {
		values[i] = of(round)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func p50(p report.Percentiles) float64 { return p.P50 }
func p99(p report.Percentiles) float64 { return p.P99 }

// outcomes are those of all rounds.
func (f Finding) outcomes() map[string]int {
	all := map[string]int{}
	for _, round := range f.Rounds {
		for outcome, n := range round.Outcomes {
			all[outcome] += n
		}
	}
	return all
}

// String is the finding as a row of the table.
func (f Finding) String() string {
	quarantine := "no quarantine"
	if took := f.quarantined(); took > 0 {
		quarantine = fmt.Sprintf("quarantine after %s (%s)", took.Round(time.Millisecond), f.Rounds[0].Reason)
	}
	return fmt.Sprintf("%-18s p50 %.1f → %.1f ms, p99 %.1f → %.1f ms, %+d MiB, %s; %s", f.Shape, f.alone(p50),
		f.beside(p50), f.alone(p99), f.beside(p99), f.memory()>>20, quarantine, report.Counts(f.outcomes()))
}

// Err is nil if the shape harmed nobody more than it may. least is the p99 beside as many harmless payments, 0 where
// that is not known: what the load itself costs is no harm of a shape.
func (f Finding) Err(least float64) error {
	var problems []error
	for _, round := range f.Rounds {
		if round.Failed > 0 {
			problems = append(problems, fmt.Errorf("%d of %d honest payments failed", round.Failed, round.Payments))
		}
	}
	if alone, beside := max(f.alone(p99), least), f.beside(p99); beside-alone > equal && beside > mostRatio*alone {
		problems = append(problems, fmt.Errorf("p99 is %.1f times the one alone: at most %.1f", beside/alone, mostRatio))
	}
	if above := f.memory(); above > mostMemory {
		problems = append(problems, fmt.Errorf("%d MiB more memory than alone: at most %d", above>>20, mostMemory>>20))
	}
	if took := f.quarantined(); f.fails && (took == 0 || took > mostServing) {
		problems = append(problems, fmt.Errorf("quarantine after %s (0: never): at most %s", took, mostServing))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s: %s", f.Shape, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// Print implements report.Result.
func (r *Report) Print(w io.Writer) error {
	lines := make([]report.Line, len(r.Findings))
	for i, f := range r.Findings {
		lines[i] = report.Line{Name: f.Shape, Value: strings.TrimSpace(strings.TrimPrefix(f.String(), f.Shape))}
	}
	return report.Print(w, lines, nil, r)
}

// Err implements report.Result.
func (r *Report) Err() error {
	problems := make([]error, len(r.Findings))
	least := 0.0
	for i, f := range r.Findings {
		if f.Shape == harmless {
			least = f.beside(p99)
			continue
		}
		problems[i] = f.Err(least)
	}
	return errors.Join(problems...)
}
