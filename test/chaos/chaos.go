// Package chaos checks whether the router keeps its promises when it is killed, stopped and given wrong data: it runs a
// real router process between clients that repeat requests and providers that misbehave, and compares the clients'
// answers, the journal and the providers' bookings.
//
// A seed fixes the plan (orders, payers, faults, kills), not the run: processes and sockets have their own timing.
package chaos

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/callback"
	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygrt"
	"payrouter/test/process"
)

// Settings of a run.
type Settings struct {
	// Binary is the router's; Plugins is the folder of its modules.
	Binary, Plugins string
	// Dir is where journal, log and compiled plugins go. It must be empty.
	Dir string
	// Payments and Kills are how many there will be.
	Payments, Kills int
	// Rate is how many payments begin in a second.
	Rate float64
	Seed uint64
	// SettleTimeout is how long payments may take to settle once every fault is over. 0 means 2 min.
	SettleTimeout time.Duration
	// Nudge has clients ask for what is not settled at the end, instead of leaving it to the router's own schedule.
	Nudge bool
	// Without are faults to leave out, to look for the one that breaks something: kinds of the sandbox's, "late money",
	// "clock", "tail".
	Without []string
	// Progress gets lines about the progress; nil drops them.
	Progress io.Writer
}

// with reports whether a fault is included.
func (s Settings) with(fault string) bool { return !slices.Contains(s.Without, fault) }

func (s Settings) validate() error {
	var problems []error
	if s.Payments < 1 {
		problems = append(problems, errors.New("payments: at least 1"))
	}
	if s.Kills < 0 {
		problems = append(problems, errors.New("kills: at least 0"))
	}
	if s.Rate <= 0 {
		problems = append(problems, errors.New("rate: above 0 payments a second"))
	}
	for _, file := range []string{s.Binary, s.Plugins} {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

//go:embed routing.yaml
var routing []byte

// run is one run on its way.
type run struct {
	settings Settings
	sandbox  *sandbox.Server
	router   *router
	clients  *clients
	natives  *natives
	payers   *payers
	faults   *faults
	hooks    *hooks
	post     *post
	operator operator
	began    time.Time
	counts   counts
	losses   losses
}

// Run makes one run and returns its report, which has the broken promises. The error is about the run itself.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	if settings.SettleTimeout == 0 {
		settings.SettleTimeout = 2 * time.Minute
	}
	if settings.Progress == nil {
		settings.Progress = io.Discard
	}
	if err := settings.validate(); err != nil {
		return nil, err
	}
	r := &run{settings: settings, began: time.Now()}
	stop, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := r.migrations(ctx); err != nil {
		return nil, err
	}
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	if err := r.storm(ctx); err != nil {
		return nil, err
	}
	return r.settle(ctx)
}

// dice are the run's randomness for one purpose.
func (r *run) dice(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.settings.Seed, purpose))
}

// build starts the providers, and prepares the router without starting it.
func (r *run) build(ctx context.Context) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the providers: %w", err)
	}
	r.sandbox, err = sandbox.New(sandbox.Options{
		Seed: r.settings.Seed + 1, Paygrt: paygrt.Options{Balance: "1000000000"},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	serving, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { _ = r.sandbox.Serve(serving, listener) })
	hooks, closed, err := newHooks(serving)
	if err != nil {
		cancel()
		work.Wait()
		return nil, err
	}
	r.hooks = hooks
	stop = func() {
		if r.router != nil {
			r.router.kill()
		}
		cancel()
		<-closed
		work.Wait()
		if r.post != nil {
			<-r.post.closed
		}
	}
	if err := r.prepare(serving, "http://"+listener.Addr().String()); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func (r *run) prepare(ctx context.Context, providers string) error {
	if err := r.sandbox.Fund(sandbox.PayPlay, "", "USDT", "1000000000"); err != nil {
		return fmt.Errorf("fund payouts: %w", err)
	}
	rules := filepath.Join(r.settings.Dir, "routing.yaml")
	if err := os.WriteFile(rules, routing, 0o600); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	environment := append(environmentOf(providers), "ROUTER_CALLBACK_SECRET="+callbackSecret,
		"PAYPLAY_WEBHOOK_TOKEN="+payPlayToken)
	var err error
	if r.router, err = newRouter(ctx, r.settings, rules, environment); err != nil {
		return err
	}
	if r.post, err = newPost(ctx, r.router.url(), r.dice(5)); err != nil {
		return err
	}
	r.router.public = r.post.url
	if err := r.subscribe(); err != nil {
		return err
	}
	r.payers = newPayers(r.sandbox, r.dice(1), r.settings)
	r.clients = newClients(r.router.url(), r.payers, r.settings, r.dice(2))
	r.natives = newNatives(r.clients, r.settings)
	r.faults = newFaults(r.sandbox, r.dice(3), r.settings)
	return nil
}

const (
	// callbackSecret is made up; with it the harness knows the router's addresses for callbacks.
	callbackSecret = "a-secret-made-up-for-chaos-of-40-bytes-+"
	// payPlayToken is made up; PayPlay signs with it, so that its word is believed without asking.
	payPlayToken = "a-token-made-up-for-chaos-0123456789"
)

// subscribe has every provider report to the router, as a person sets it up at real ones.
func (r *run) subscribe() error {
	addresses, err := callback.NewAddresses(r.post.url, []byte(callbackSecret))
	if err != nil {
		return fmt.Errorf("make the callbacks' addresses: %w", err)
	}
	for _, account := range []string{"paygram-eu", "cryptogram", "payplay", "exchanger", "paygrt"} {
		if err := r.sandbox.Report(SiteOf(account),
			sandbox.Callback{URL: addresses.Account(account), Secret: payPlayToken}); err != nil {
			return fmt.Errorf("have %s report: %w", account, err)
		}
	}
	return nil
}

// listen has the router send its webhooks here.
func (r *run) listen(ctx context.Context) error {
	answer := r.clients.send(ctx, http.MethodPost, "/v1/webhook-endpoints", "", fmt.Sprintf(`{"url": %q}`, r.hooks.url),
		10*time.Second)
	if answer.status != http.StatusCreated {
		return fmt.Errorf("add a webhook endpoint: answered %d: %.200s", answer.status, answer.body)
	}
	return nil
}

// environmentOf leaves out of the sandbox's environment the accounts that the rules here do not have.
func environmentOf(providers string) []string {
	environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, variable := range sandbox.Environment(providers) {
		if !strings.Contains(variable, "PAYGRAM_ASIA") {
			environment = append(environment, variable)
		}
	}
	return environment
}

// migrations kills the router inside each of its migrations, until there is none left to kill it in.
func (r *run) migrations(ctx context.Context) error {
	for n := 1; ; n++ {
		died, err := r.router.startArmed(ctx, "migrating", fmt.Sprintf("migrating:%d:kill", n))
		if err != nil {
			return err
		}
		if !died {
			return nil
		}
		r.counts.crash("migrating")
		// What the crash left must open again, at the version before.
		if n > 20 {
			return errors.New("the router has more migrations than are plausible")
		}
	}
}

// storm lets clients, payers, faults and kills loose on the router, until every order is placed and every kill done.
func (r *run) storm(ctx context.Context) error {
	storming, calm := context.WithCancel(ctx)
	defer calm()
	var weather sync.WaitGroup
	weather.Go(func() { r.payers.work(storming) })
	weather.Go(func() { r.faults.work(storming) })
	weather.Go(func() { r.operate(storming) })
	weather.Go(func() { r.progress(storming) })
	crashed := make(chan error, 1)
	go func() { crashed <- r.crash(ctx) }() // it ends with its last kill, or with ctx, and leaves the router running
	var runs sync.WaitGroup
	runs.Go(func() { r.natives.place(ctx, r.span()) })
	r.clients.place(ctx)
	r.clients.wait()
	runs.Wait()
	err := <-crashed
	calm()
	weather.Wait()
	r.faults.end()
	return errors.Join(err, ctx.Err())
}

// span is how long orders are placed.
func (r *run) span() time.Duration {
	return time.Duration(float64(r.settings.Payments) / r.settings.Rate * float64(time.Second))
}

func (r *run) progress(ctx context.Context) {
	for process.Wait(ctx, 5*time.Second) {
		_, _ = fmt.Fprintf(r.settings.Progress,
			"%5.0fs  %d of %d payments answered, %d on their way, %d of %d kills, %d callbacks under way\n",
			time.Since(r.began).Seconds(), r.clients.answered(), r.settings.Payments, r.clients.underway(),
			r.counts.kills(), r.settings.Kills, r.post.underway())
	}
}
