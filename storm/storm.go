// Package storm finds out whether a router under load notices that its plugins and rules are changed: it takes payments at a fixed rate through
// a real router process, first in calm and then while plugins are swapped and rules edited, and compares what each payment got with what
// its rules and its plugin say.
package storm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"payrouter/host/sandbox"
)

// Settings of a run.
type Settings struct {
	// Binary is the router's; Plugins is the folder of its modules.
	Binary, Plugins string
	// Dir is where journal, log, rules and compiled plugins go. It must be empty.
	Dir string
	// Rate is how many payments begin in a second.
	Rate float64
	// Warm, Calm and Storm are how long payments come in before anything is measured, without changes, and with them.
	Warm, Calm, Storm time.Duration
	// InFlight bounds how many payments are waited for at a time; further ones are late, which their latency counts. 0 means 512.
	InFlight int
	// Progress is told how it goes; nil means nobody.
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
	for _, file := range []string{s.Binary, s.Plugins} {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

//go:embed routing.yaml
var firstRules []byte

// run is one run on its way.
type run struct {
	settings Settings
	router   *router
	rules    string
}

// Run makes one run and reports on it. The error says that the run itself could not be made; what went wrong in it is in the report.
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
	r := &run{settings: settings, rules: filepath.Join(settings.Dir, "routing.yaml")}
	stop, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	return r.measure(ctx)
}

// build starts the providers and the router.
func (r *run) build(ctx context.Context) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the providers: %w", err)
	}
	providers, err := sandbox.New(sandbox.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	serving, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { _ = providers.Serve(serving, listener) })
	stop = func() {
		if r.router != nil {
			_ = r.router.stop()
		}
		cancel()
		work.Wait()
	}
	if err := os.WriteFile(r.rules, firstRules, 0o600); err != nil {
		stop()
		return nil, fmt.Errorf("write the rules: %w", err)
	}
	r.router, err = startRouter(ctx, r.settings.Binary, r.settings.Dir, environmentOf("http://"+listener.Addr().String()),
		"--routing", r.rules, "--plugins", r.settings.Plugins)
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// environmentOf has the accounts of the rules here ask the sandbox.
func environmentOf(providers string) []string {
	credentials := sandbox.DefaultCredentials()
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "STORM_PAYGRAM_TOKEN=" + credentials.PayGramEU, "STORM_PAYPLAY_KEY=" + credentials.PayPlay,
	}
	for account, provider := range map[string]string{"PAYGRAM_A": sandbox.PayGram, "PAYGRAM_B": sandbox.PayGram, "PAYPLAY": sandbox.PayPlay} {
		environment = append(environment, "ROUTER_PROVIDERS__"+account+"__BASE_URL="+providers+"/"+provider, "ROUTER_PROVIDERS__"+account+"__ALLOW_PRIVATE=true")
	}
	return environment
}

func (r *run) measure(ctx context.Context) (*Report, error) {
	report := &Report{Rate: r.settings.Rate}
	for _, phase := range []struct {
		name   string
		length time.Duration
		into   *Phase
	}{{"warm", r.settings.Warm, nil}, {"calm", r.settings.Calm, &report.Calm}, {"storm", r.settings.Storm, &report.Storm}} {
		l := newLoad(r.router.address, phase.name, r.settings.Rate, phase.length, r.settings.InFlight)
		before := r.router.usage()
		if err := l.fire(ctx); err != nil {
			return nil, err
		}
		shown := phaseOf(l, r.router.usage().cpu-before.cpu)
		_, _ = fmt.Fprintf(r.settings.Progress, "%-6s %s\n", phase.name, shown)
		if phase.into != nil {
			*phase.into = shown
		}
	}
	return report, nil
}
