// Package storm finds out whether a router under load notices that its plugins and rules are changed: it takes payments
// at a fixed rate through a real router process, first without changes and then while plugins are swapped and rules are
// edited, and compares each payment with its rules and its plugin.
package storm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/honest"
	"payrouter/test/process"
)

// Settings of a run.
type Settings struct {
	// Binary is the router's; Plugins is the folder of its modules.
	Binary, Plugins string
	// Source is the project's folder: the plugin that is swapped is built from there.
	Source string
	// Dir is where journal, log, rules and compiled plugins go. It must be empty.
	Dir string
	// Rate is how many payments begin in a second.
	Rate float64
	// Warm, Quiet and Storm are how long payments come in before anything is measured, without changes (and once more
	// after those), and with them.
	Warm, Quiet, Storm time.Duration
	// Swaps and Edits are how many changes are made in the storm, evenly spread.
	Swaps, Edits int
	// InFlight bounds how many payments are waited for at a time; further ones are late, which their latency counts. 0
	// means 512.
	InFlight int
	// Progress gets lines about the progress; nil drops them.
	Progress io.Writer
}

func (s Settings) validate() error {
	var problems []error
	if s.Rate <= 0 {
		problems = append(problems, errors.New("rate: above 0 payments a second"))
	}
	if s.Storm <= 0 {
		problems = append(problems, errors.New("storm: above 0 seconds"))
	}
	if s.Swaps < 0 || s.Edits < 0 {
		problems = append(problems, errors.New("swaps and edits: at least 0"))
	}
	for _, file := range []string{s.Binary, s.Plugins, s.Source} {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

//go:embed routing.yaml
var accounts []byte

// run is one run on its way.
type run struct {
	settings Settings
	url      string
	router   *process.Process
	// rules is the router's routing file, folder its plugins'.
	rules, folder string
	environment   []string
	// digests are the versions of all builds that the router is given; empty for those that are not swapped.
	digests map[string]string
	swaps   *swaps
	edits   *edits
}

// Run makes one run and returns its report, which has the broken promises. The error is about the run itself.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	if settings.InFlight == 0 {
		settings.InFlight = 512
	}
	if settings.Progress == nil {
		settings.Progress = io.Discard
	}
	if err := settings.validate(); err != nil {
		return nil, err
	}
	r := &run{
		settings: settings, rules: filepath.Join(settings.Dir, "routing.yaml"),
		folder: filepath.Join(settings.Dir, "plugins"),
	}
	stop, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	return r.measure(ctx)
}

// build makes the builds that are swapped, and starts the providers and the router.
func (r *run) build(ctx context.Context) (stop func(), err error) {
	var builds [2]build
	for i, version := range []string{"1.0.1+1", "1.0.1+2"} {
		if builds[i], err = makeBuild(ctx, r.settings.Source, r.settings.Dir, version); err != nil {
			return nil, err
		}
	}
	if r.digests, err = copyModules(r.settings.Plugins, r.folder, builds[0]); err != nil {
		return nil, err
	}
	r.digests[builds[0].digest], r.digests[builds[1].digest] = builds[0].version, builds[1].version
	if err := os.WriteFile(r.rules, rulesOf(0), 0o600); err != nil {
		return nil, fmt.Errorf("write the rules: %w", err)
	}
	providers, silence, err := honest.Providers(ctx)
	if err != nil {
		return nil, err
	}
	r.environment = environmentOf(providers)
	if err := r.start(ctx); err != nil {
		silence()
		return nil, err
	}
	operator := &operatorClient{url: r.url, client: &http.Client{Timeout: effectTimeout}}
	r.swaps = &swaps{operatorClient: operator, folder: r.folder, builds: builds}
	r.edits = &edits{operatorClient: operator, file: r.rules, environ: r.environment}
	return func() {
		operator.client.CloseIdleConnections()
		r.router.Terminate()
		silence()
	}, nil
}

// start starts the router and waits until it takes payments. Its log goes to the run's folder.
func (r *run) start(ctx context.Context) error {
	router, address, err := process.Serve(ctx, r.settings.Binary, r.settings.Dir, r.environment,
		"--data", filepath.Join(r.settings.Dir, "data"), "--routing", r.rules, "--plugins", r.folder)
	if err != nil {
		return err
	}
	r.router, r.url = router, "http://"+address
	return nil
}

// environmentOf has the accounts of the rules here ask the sandbox.
func environmentOf(providers string) []string {
	credentials := sandbox.DefaultCredentials()
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "STORM_PAYGRAM_TOKEN=" + credentials.PayGramEU,
		"STORM_PAYPLAY_KEY=" + credentials.PayPlay,
	}
	for account, provider := range map[string]string{
		"PAYGRAM_A": sandbox.PayGram, "PAYGRAM_B": sandbox.PayGram,
		"PAYPLAY": sandbox.PayPlay,
	} {
		environment = append(environment, "ROUTER_PROVIDERS__"+account+"__BASE_URL="+providers+"/"+provider,
			"ROUTER_PROVIDERS__"+account+"__ALLOW_PRIVATE=true")
	}
	return environment
}

// The names of the parts of a run.
const (
	warm  = "warm"
	quiet = "quiet"
	storm = "storm"
	again = "again"
)

// rounds is how many swaps there are before anything is measured: each build has served, and a former one is kept warm,
// as from then on.
const rounds = 2

func (r *run) measure(ctx context.Context) (*Report, error) {
	if err := errors.Join(r.swaps.begin(ctx), r.edits.begin(ctx)); err != nil {
		return nil, err
	}
	report := &Report{Rate: r.settings.Rate}
	var loads []*load
	for _, part := range []struct {
		name         string
		length       time.Duration
		swaps, edits int
		into         *Phase
	}{
		{warm, r.settings.Warm, rounds, 0, &report.Warm},
		{quiet, r.settings.Quiet, 0, 0, &report.Quiet},
		{storm, r.settings.Storm, r.settings.Swaps, r.settings.Edits, &report.Storm},
		{again, r.settings.Quiet, 0, 0, &report.Again},
	} {
		if part.name == storm {
			var err error
			if report.Before, err = r.levels(ctx); err != nil {
				return nil, err
			}
		}
		l := newLoad(strings.TrimPrefix(r.url, "http://"), part.name, r.settings.Rate, part.length, r.settings.InFlight)
		shown, err := r.load(ctx, l, part.length, part.swaps, part.edits)
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(r.settings.Progress, "%-6s %s\n", part.name, shown)
		*part.into = shown
		loads = append(loads, l)
	}
	if err := r.settle(ctx, report); err != nil {
		return nil, err
	}
	r.router.Terminate()
	found, err := r.judge(ctx, loads)
	if err != nil {
		return nil, err
	}
	report.conclude(r, loads, found)
	return report, nil
}

// load takes payments while swaps and edits are made.
func (r *run) load(ctx context.Context, l *load, length time.Duration, swaps, edits int) (Phase, error) {
	before := r.router.Usage()
	var changes sync.WaitGroup
	var swapping, editing error
	swapped, edited := r.swaps.made, r.edits.made
	changes.Go(func() {
		swapping = spread(ctx, length, swaps, func(n int) error { return r.swaps.swap(ctx, swapped+n) })
	})
	changes.Go(func() {
		editing = spread(ctx, length, edits,
			func(n int) error { return r.edits.edit(ctx, edited+n) })
	})
	err := l.fire(ctx)
	used := r.router.Usage().CPU - before.CPU
	changes.Wait()
	r.swaps.made, r.edits.made = swapped+swaps, edited+edits
	if err := errors.Join(err, swapping, editing); err != nil {
		return Phase{}, err
	}
	return phaseOf(l, used), nil
}

// spread does something a number of times, counted from 1, over a length of time; what takes longer than its share
// delays the others.
func spread(ctx context.Context, length time.Duration, times int, do func(n int) error) error {
	began := time.Now()
	for n := range times {
		if early := length*time.Duration(n)/time.Duration(times) - time.Since(began); early > 0 && !process.Wait(ctx, early) {
			return ctx.Err()
		}
		if err := do(n + 1); err != nil {
			return err
		}
	}
	return nil
}

// Levels are what the router holds.
type Levels struct {
	// Generations of the swapped plugin are open, with so many instances; Fleets are configurations that payments hold.
	Generations int `json:"generations"`
	Instances   int `json:"instances"`
	Fleets      int `json:"fleets"`
	// Resident is the process's memory, in MiB.
	Resident int64 `json:"resident_mib"`
}

func (r *run) levels(ctx context.Context) (Levels, error) {
	plugin, err := r.swaps.status(ctx)
	if err != nil {
		return Levels{}, err
	}
	rules, err := r.edits.status(ctx)
	if err != nil {
		return Levels{}, err
	}
	levels := Levels{
		Generations: len(plugin.Generations), Fleets: rules.Fleets,
		Resident: r.router.Usage().Resident >> 20,
	}
	for _, g := range plugin.Generations {
		levels.Instances += g.Instances
	}
	return levels, nil
}

// settle waits until what was swapped out is gone.
func (r *run) settle(ctx context.Context, report *Report) error {
	_, _, err := until(ctx, func(ctx context.Context) (done bool, err error) {
		report.After, err = r.levels(ctx)
		return report.After.Generations <= report.Before.Generations && report.After.Fleets <= report.Before.Fleets, err
	})
	return err
}
