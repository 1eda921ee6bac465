// Package router builds the router in the order of its dependencies, runs it, and takes it down in reverse.
package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"payrouter/host/access"
	"payrouter/host/account"
	"payrouter/host/api"
	"payrouter/host/attempt"
	"payrouter/host/audit"
	"payrouter/host/callback"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/health"
	"payrouter/host/inbound"
	"payrouter/host/live"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/plugin/faults"
	"payrouter/host/plugin/oci"
	"payrouter/host/plugin/signature"
	"payrouter/host/quote"
	"payrouter/host/store/sqlite"
	"payrouter/host/wasm"
	"payrouter/host/webhook"
)

// Settings of a router. What is zero takes the default of the package that it is for.
type Settings struct {
	// Listen serves the API, and Admin its administrative part beside the rest: Listen is without that part then.
	Listen, Admin Listener
	// PublicURL is where providers reach the router; empty where they cannot.
	PublicURL string
	// Routing is the routing file, and Environ overrides it: "NAME=value". Watch takes edits of it, of the files of
	// secrets that it names, and of the folder of plugins.
	Routing string
	Environ []string
	Watch   bool
	// EnvFile is a file of variables with secrets; see config.Sources. Empty is none.
	EnvFile string
	// Hangups has the routing file, the secrets and the TLS certificates read again, watched or not, at each value. Nil
	// is none.
	Hangups <-chan os.Signal
	// Plugins is the folder of modules, and Compiled the one of compiled modules; empty is one in Data.
	Plugins, Compiled string
	// PluginKeys are those whose signatures of plugins are believed; RequireSignature takes signed plugins only.
	PluginKeys       signature.Keys
	RequireSignature bool
	// Isolation decides how plugins' calls are kept apart.
	Isolation plugin.IsolationSettings
	// GuestMemory is how many bytes the memories of all plugins' guests may have together; see wasm.Options.
	GuestMemory int64
	// PluginCPU, AccountCPU and Quarantine are plugin.Settings' CPU, AccountCPU and Quarantine.
	PluginCPU, AccountCPU float64
	Quarantine            faults.Settings
	// RequireCheck takes plugins with vectors only, and plays them.
	RequireCheck bool
	// KeepPlugins, RecordCalls and RecordFor are plugin.Settings' Keep, Record and RecordFor.
	KeepPlugins, RecordCalls int
	RecordFor                time.Duration
	// Data is the folder of the journal, and Witness the file that holds its last commit; empty is one in Data.
	Data, Witness string
	// CreateTimeout is how long a create waits for its first settled step, and Grace how long a shutdown waits.
	CreateTimeout, Grace time.Duration
	// Clients are the limits of clients' connections. Whole follows from CreateTimeout.
	Clients inbound.Settings
	// SendWithin is how long after it was journalled a request may still leave.
	SendWithin time.Duration
	// RecoverEvery is how often what a failed write left behind is resumed. It has no default.
	RecoverEvery time.Duration
	Reconciler   payment.ReconcilerSettings
	// CallbackLookups is how many look-ups the callbacks of one account may cause in a second.
	CallbackLookups int
	WebhookLifetime time.Duration
	// WebhooksToPrivate sends webhooks to private addresses too, and without TLS.
	WebhooksToPrivate bool

	// Sandbox is the simulated providers that every account is pointed at; nil for the real ones.
	Sandbox Sandbox
	Version string
	// Now is the clock. It has no default.
	Now    func() time.Time
	Logger *slog.Logger
	// Reached is a hook of tests: it receives each moment at which a crash is worst, by name. Nil is none.
	Reached func(moment string)
}

// Sandbox is the simulated providers beside a router.
type Sandbox interface {
	// Simulate points an account at the simulated provider of its plugin.
	Simulate(account, plugin string) (config.Simulated, error)
	// Report has the simulated providers report to a fleet's accounts.
	Report(fleet *payment.Fleet, addresses callback.Addresses) error
}

// Router is a router that is built. Run runs it; Close gives back what it took.
type Router struct {
	settings Settings
	log      *slog.Logger
	// closers are called in reverse.
	closers []func() error

	journal    *sqlite.DB
	keys       *access.Keys
	audit      *audit.Log
	registry   *plugin.Registry
	machine    *egress.Machine
	health     *health.Statistics
	driver     *attempt.Driver
	fleets     *payment.Fleets
	reader     *account.Reader
	quotes     *quote.Cache
	manager    *live.Manager
	addresses  callback.Addresses
	engine     *payment.Engine
	operations *operation.Service
	inbox      *callback.Inbox
	// ports are public and, if there is one, admin.
	ports         []*port
	public, admin *port
}

// Open builds a router. It listens, and serves nothing before Run.
func Open(ctx context.Context, settings Settings) (r *Router, err error) {
	if settings.Reached == nil {
		settings.Reached = func(string) {}
	}
	ctx = context.WithoutCancel(ctx) // what is built outlives the caller's wait for it
	r = &Router{settings: settings, log: settings.Logger, machine: &egress.Machine{}, fleets: &payment.Fleets{}}
	for _, step := range []func(context.Context) error{
		r.openJournal, r.openAccess, r.loadPlugins, r.buildDriver, r.openConfiguration, r.listen, r.buildServices,
		r.buildServer,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// URLs are where the router serves its API; admin is empty without a listener for administration.
func (r *Router) URLs() (public, admin string) {
	if r.admin != nil {
		admin = r.admin.base()
	}
	return r.public.base(), admin
}

// Close gives back what Open took.
func (r *Router) Close() error {
	var problems []error
	for _, give := range slices.Backward(r.closers) {
		problems = append(problems, give())
	}
	r.closers = nil
	return errors.Join(problems...)
}

func (r *Router) onClose(give func() error) { r.closers = append(r.closers, give) }

func (r *Router) openJournal(ctx context.Context) (err error) {
	s := r.settings
	mode := sqlite.Real
	if s.Sandbox != nil {
		mode = sqlite.Sandbox
	}
	r.journal, err = sqlite.Open(ctx, s.Data, sqlite.WhileMigrating(func(int64) { s.Reached("migrating") }),
		sqlite.InMode(mode), sqlite.WitnessAt(s.Witness), sqlite.Now(s.Now), sqlite.Logger(s.Logger))
	if err == nil {
		r.onClose(r.journal.Close)
	}
	return err
}

// openAccess reads the API keys. A router without one is open to all, and so must be on loopback.
func (r *Router) openAccess(ctx context.Context) (err error) {
	s := r.settings
	if r.keys, err = access.Load(ctx, r.journal, access.Settings{Now: s.Now, Logger: s.Logger}); err != nil {
		return err
	}
	r.audit = audit.New(r.journal, s.Now, s.Logger)
	if r.keys.Any() {
		return nil
	}
	return errors.Join(onLoopback(s.Listen.Address), onLoopback(s.Admin.Address))
}

// HasKeys reports whether requests need an API key.
func (r *Router) HasKeys() bool { return r.keys.Any() }

func (r *Router) loadPlugins(ctx context.Context) error {
	s := r.settings
	cache := cmp.Or(s.Compiled, filepath.Join(s.Data, "compiled"))
	registry, unload, err := newRegistry(cache, wasm.Options{Logger: s.Logger, Memory: s.GuestMemory}, plugin.Settings{
		Policies: s.policies(), Isolation: s.Isolation, Keys: s.PluginKeys, RequireSignature: s.RequireSignature,
		RequireCheck: s.RequireCheck, Keep: s.KeepPlugins, Record: s.RecordCalls, RecordFor: s.RecordFor,
		CPU: s.PluginCPU, AccountCPU: s.AccountCPU, Quarantine: s.Quarantine,
		Quarantined: r.noteQuarantine,
		Dir:         filepath.Join(s.Data, "plugins"), Now: s.Now, Logger: s.Logger,
	})
	if err != nil {
		return err
	}
	r.registry = registry
	r.onClose(func() error { return unload(context.WithoutCancel(ctx)) })
	switch err := registry.LoadDir(ctx, s.Plugins); {
	case errors.Is(err, plugin.ErrNoModules):
		return err
	case err != nil:
		r.log.Error("plugins are missing: the others serve", slog.Any("problems", err))
	}
	return nil
}

// policies are what the routing file names of plugins, for the start: an account's plugin must be there before the
// configuration can be active. A file with mistakes has none; openConfiguration reports it.
func (s Settings) policies() map[string]plugin.Policy {
	named, err := config.Load(s.Routing, s.Environ)
	if err != nil {
		return nil
	}
	policies := map[string]plugin.Policy{}
	for name := range named.Plugins {
		policies[name] = live.PolicyOf(named, name)
	}
	return policies
}

// LoadPlugins compiles every module of a folder, and takes all of them or none. unload closes the registry and the
// compiler.
func LoadPlugins(ctx context.Context, dir, cache string, settings plugin.Settings, log *slog.Logger) (
	registry *plugin.Registry, unload func(context.Context) error, err error,
) {
	registry, unload, err = newRegistry(cache, wasm.Options{Logger: log}, settings)
	if err != nil {
		return nil, nil, err
	}
	if err := registry.LoadDir(ctx, dir); err != nil {
		return nil, nil, errors.Join(err, unload(ctx))
	}
	return registry, unload, nil
}

func newRegistry(cache string, options wasm.Options, settings plugin.Settings) (
	registry *plugin.Registry, unload func(context.Context) error, err error,
) {
	compiler, err := wasm.New(cache, options)
	if err != nil {
		return nil, nil, err
	}
	registry = plugin.NewRegistry(compiler, settings)
	return registry, func(ctx context.Context) error {
		return errors.Join(registry.Close(ctx), compiler.Close(ctx))
	}, nil
}

// exhausted is nil, or why this machine cannot make connections now.
func (r *Router) exhausted() error { return r.machine.Check(r.settings.Now()) }

func (r *Router) buildDriver(context.Context) error {
	s, statistics := r.settings, &health.Statistics{}
	r.driver = attempt.NewDriver(r.journal, attempt.Settings{
		SendWithin: s.SendWithin, Exhausted: r.exhausted, Now: s.Now, Logger: s.Logger,
		Hold: r.journal.Hold, Doubtful: r.journal.Doubtful, Clock: r.journal.Clock,
		Moment:  func(m attempt.Moment) { s.Reached(string(m)) },
		Observe: statistics.Observe,
		Ended:   r.observe,
	})
	r.reader = account.NewReader(r.driver, payment.Accounts{Fleets: r.fleets})
	r.quotes = quote.New(quote.Settings{Ask: r.reader.Quote, Now: s.Now, Logger: s.Logger})
	r.onClose(func() error { r.quotes.Close(); return nil })
	r.health = statistics
	return nil
}

func (r *Router) openConfiguration(context.Context) (err error) {
	s := r.settings
	settings := live.Settings{
		File: s.Routing, Environ: s.Environ, EnvFile: s.EnvFile, History: filepath.Join(s.Data, "routing"), Health: r.health,
		Prices: r.quotes.Prices, Machine: r.machine, Now: s.Now, Logger: s.Logger,
		SecretsReloaded: r.noteSecrets, FileApplied: r.noteEdit,
	}
	if s.Sandbox != nil {
		settings.Simulate = s.Sandbox.Simulate
	}
	if r.manager, err = live.Open(settings, r.registry.ActiveSet()); err != nil {
		return err
	}
	r.onClose(func() error { r.manager.Close(); return nil })
	r.registry.Bind(r.manager)
	return nil
}

func (r *Router) listen(ctx context.Context) (err error) {
	s := r.settings
	if r.public, err = r.openPort(ctx, s.Listen); err != nil {
		return err
	}
	if r.admin, err = r.openPort(ctx, s.Admin); err != nil {
		return fmt.Errorf("listen for administration: %w", err)
	}
	public := s.PublicURL
	if public == "" && s.Sandbox != nil {
		public = r.public.base()
	}
	r.addresses, err = Addresses(public, s.Data, s.Environ)
	return err
}

// buildServices binds what acts on payments and accounts to the active fleet, and to those that follow.
func (r *Router) buildServices(context.Context) error {
	reporter := &reporter{r}
	if err := reporter.report(r.manager.Fleet()); err != nil {
		return err
	}
	r.fleets.Serve(r.manager.Fleet())
	r.manager.Bind(reporter, r.fleets, &forgetter{r.quotes})
	r.engine = payment.NewEngine(r.driver, r.journal, r.fleets, payment.Settings{
		CallbackURL: r.addresses.Payment, Snapshot: api.Snapshot, Answer: api.Answer,
	})
	r.operations = operation.New(r.driver, r.journal, r.journal, payment.Accounts{Fleets: r.fleets},
		operation.Settings{Answer: api.RunAnswer, Approval: r.fleets.RunApproval})
	r.inbox = callback.NewInbox(r.journal, r.engine, callback.Settings{
		Addresses: r.addresses, Accounts: func() (map[string]callback.Account, func()) { return Receivers(r.fleets) },
		OutOfService: func(account string) bool { _, out := r.fleets.Active().Out[account]; return out },
		Logger:       r.log, LookupsPerSecond: r.settings.CallbackLookups, Now: r.settings.Now,
	})
	return nil
}

func (r *Router) buildServer(context.Context) error {
	s := r.settings
	//nolint:contextcheck // requests have contexts of their own
	handler := api.New(r.engine, api.Settings{
		Keys: r.keys, Audit: r.audit, Proxies: s.Clients.Proxies,
		WaitTimeout: s.CreateTimeout, Version: s.Version, Logger: s.Logger,
		Ready:    func() error { return errors.Join(r.journal.Healthy(), r.exhausted()) },
		Warnings: r.warnings,
		Journal:  r.journal, Attempts: r.journal, Live: r.manager, Plugins: r.registry, Quotes: r.quotes,
		Modules:    oci.New(oci.Settings{Find: r.manager.Registry, MaxModule: plugin.MaxModule}),
		Operations: r.operations, Accounts: r.reader, Now: s.Now,
		Webhooks: webhook.NewEndpoints(r.journal.Webhooks(), r.journal.Webhooks(),
			webhook.EndpointsSettings{AllowHTTP: s.WebhooksToPrivate, Now: s.Now}),
	})
	r.handlers(WithCallbacks(r.inbox, handler))
	return nil
}

// Run serves until ctx ends, and then waits for what is in flight.
func (r *Router) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	for _, run := range r.background() {
		background.Go(func() { run(work) })
	}
	failed := make(chan error, len(r.ports))
	for _, p := range r.ports {
		background.Go(func() { failed <- p.serve() })
	}
	select {
	case <-ctx.Done():
		r.log.Info("shutting down", slog.Duration("grace", r.settings.Grace))
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	}
	graceful, done := context.WithTimeout(work, r.settings.Grace)
	defer done()
	problems := r.shutDown(graceful)
	r.quotes.Close() // a payment in flight is waited for, and a price is not
	return errors.Join(problems, r.driver.Shutdown(graceful))
}

// background is what runs beside the server, each until its context ends.
func (r *Router) background() []func(context.Context) {
	s := r.settings
	sender := webhook.NewSender(r.journal.Webhooks(), webhook.Settings{
		AllowPrivate: s.WebhooksToPrivate, KeepFor: s.WebhookLifetime, Now: s.Now, Logger: s.Logger,
		Answered: func() { s.Reached("webhook") },
	})
	all := []func(context.Context){
		r.keys.Run, r.keepRecovering, payment.NewReconciler(r.engine, s.Reconciler).Run, r.inbox.Run, sender.Run,
		r.keepReloading, r.registry.KeepRecordings,
	}
	if s.Watch {
		all = append(all, r.manager.Run, r.watchPlugins)
	} else {
		all = append(all, r.admitPlugins)
	}
	for _, p := range r.ports {
		if p.certificate != nil { // also without Watch: a certificate that is not renewed ends
			all = append(all, p.certificate.Run)
		}
	}
	return all
}

// keepReloading reads again what a hangup asks for.
func (r *Router) keepReloading(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.settings.Hangups:
		}
		switch err := errors.Join(r.manager.Reload(ctx), r.reloadCertificates()); {
		case ctx.Err() != nil:
		case err != nil:
			r.log.Error("reload by SIGHUP: what has problems stays as it was", slog.Any("problems", err))
		default:
			r.log.Info("reload by SIGHUP: the routing file, its secrets and the TLS certificates are active")
		}
	}
}

func (r *Router) watchPlugins(ctx context.Context) {
	if err := r.registry.Watch(ctx, r.settings.Plugins, plugin.WatchSettings{Installed: r.noteInstall}); err != nil {
		r.log.Error("watch the plugins' folder", slog.Any("error", err))
	}
}

// admitPlugins is the first part of watchPlugins, where nothing is watched: the folder may have changed while the
// router was down.
func (r *Router) admitPlugins(ctx context.Context) {
	r.registry.Admit(ctx, r.settings.Plugins, plugin.WatchSettings{Installed: r.noteInstall})
}

// keepRecovering resumes what a crash, and later what a failed write, left behind.
func (r *Router) keepRecovering(ctx context.Context) {
	ticker := time.NewTicker(r.settings.RecoverEvery)
	defer ticker.Stop()
	for {
		err := errors.Join(r.engine.Recover(ctx), r.operations.Recover(ctx))
		if err != nil && ctx.Err() == nil && !errors.Is(err, attempt.ErrShuttingDown) {
			r.log.Error("resume payments left behind", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
