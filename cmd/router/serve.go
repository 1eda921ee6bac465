package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"payrouter/host/api"
	"payrouter/host/callback"
	"payrouter/host/egress"
	"payrouter/host/health"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
	"payrouter/host/quote"
	"payrouter/host/webhook"
)

type serveCommand struct {
	Listen            string        `default:"127.0.0.1:8080" help:"Address to listen on."`
	Routing           string        `default:"routing.yaml" type:"path" help:"Provider accounts and rules."`
	Watch             bool          `default:"true" negatable:"" help:"Take edits of the routing file, of the files of secrets that it names, and of the plugins' folder, while the router runs."`
	Plugins           string        `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`
	PluginKey         []string      `name:"plugin-key" help:"A minisign public key, or a file with one, whose signatures of plugins are believed. May be given several times."`
	RequireSignature  bool          `help:"Take only plugins that are signed with a --plugin-key."`
	KeepPlugins       int           `default:"1" help:"Former generations of each plugin that are kept for a rollback; -1 for none."`
	RecordCalls       int           `default:"100" help:"Conversations of each operation of a plugin that a new version of it is held against; -1 for none."`
	Data              string        `default:"data" type:"path" help:"Folder of the journal, of uploaded plugins, and of compiled ones."`
	Witness           string        `type:"path" help:"File that holds the journal's last commit, where it is not to be in the data's folder: on another volume it outlives the journal."`
	Compiled          string        `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins, where it is not to be in the data's. Its code is run as it is."`
	APIKeys           string        `name:"api-keys" type:"path" help:"File of API keys: a line \"merchant: key\" each. Without one every request is the merchant \"default\", and only loopback is listened on."`
	WaitTimeout       time.Duration `default:"30s" help:"How long a create waits for its first settled step."`
	SendWithin        time.Duration `default:"10s" help:"How long after it was journalled a request to a provider may still leave."`
	Grace             time.Duration `default:"40s" help:"How long a shutdown waits for payments on their way."`
	RecoverEvery      time.Duration `default:"15s" help:"How often payments that a failed write left behind are taken up again."`
	Sandbox           bool          `help:"Run the simulated providers too, and point every account at them."`
	ReconcileEvery    time.Duration `default:"1s" help:"How often the journal is asked which payments are due for a look-up."`
	LookupsPerSecond  int           `default:"10" help:"Look-ups of payments on their way that one provider is asked for in a second, at most."`
	CallbackLookups   int           `name:"callback-lookups-per-second" default:"5" help:"Look-ups that the callbacks of one account may cause in a second, at most."`
	UnknownAlert      time.Duration `default:"1h" help:"How long a payment may be unknown before it is shown as a person's matter."`
	KeyLifetime       time.Duration `default:"168h" help:"How long after its payment has ended an Idempotency-Key is remembered."`
	WebhookLifetime   time.Duration `default:"720h" help:"How long a delivery is remembered that a webhook endpoint has taken."`
	Operators         []string      `help:"Merchants of the file of API keys that may settle payments by hand."`
	PublicURL         string        `name:"public-url" help:"Where the world reaches the router (https://pay.example.com), for providers that take a callback's address along with a request."`
	WebhooksToPrivate bool          `help:"Send webhooks to loopback and private addresses too, and without TLS: for development."`
	SandboxListen     string        `default:"127.0.0.1:8081" help:"Address of the simulated providers."`
}

func (s *serveCommand) Run(h *host) error {
	keys, err := readKeys(s.APIKeys, s.Listen)
	if err != nil {
		return err
	}
	for _, operator := range s.Operators {
		if _, known := keys[operator]; !known {
			return fmt.Errorf("operator %q has no line in the file of API keys", operator)
		}
	}
	if !s.Sandbox {
		return s.serve(h, h.environ, keys, nil)
	}
	simulated, stop, err := startSandbox(h, s.SandboxListen)
	if err != nil {
		return err
	}
	defer stop()
	return s.serve(h, h.environ, keys, simulated)
}

// serve builds the router from the ground up, serves until the process is told to stop, and takes it down in reverse.
func (s *serveCommand) serve(h *host, environ []string, keys map[string]string, simulated *simulation) (err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.ctx))
	defer cancel()
	armed, err := armFailpoint(environ, h.stdout)
	if err != nil {
		return err
	}
	if h, err = withClock(h, environ); err != nil {
		return err
	}
	db, err := s.openJournal(ctx, h, armed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var keeper *live.Manager // its first active is what the registry finds at start; only later ones are to be adopted
	trusted, err := s.trusted()
	if err != nil {
		return err
	}
	registry, unload, err := loadPlugins(ctx, s.Plugins, cmp.Or(s.Compiled, filepath.Join(s.Data, "compiled")),
		plugin.Settings{
			Adopt:  func(ctx context.Context, active plugin.ActiveSet) error { return keeper.Adopt(ctx, active) },
			Pinned: func(name, digest string) bool { return keeper == nil || keeper.Pinned(name, digest) },
			Keys:   trusted, RequireSignature: s.RequireSignature, Keep: s.KeepPlugins, Record: s.RecordCalls,
			Dir: filepath.Join(s.Data, "plugins"), Now: h.now, Logger: h.log,
		}, h.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload(context.WithoutCancel(ctx))) }()
	var engine *payment.Engine // it decides by prices that it asks for itself
	prices := quote.New(quote.Settings{
		Ask: func(ctx context.Context, provider string, o payment.Order) (payment.Quote, error) {
			return engine.Quote(ctx, provider, o)
		},
		Now: h.now, Logger: h.log,
	})
	defer prices.Close()
	lately, machine := &health.Book{}, &egress.Machine{}
	exhausted := func() error { return machine.Check(h.now()) }
	keeper, err = live.Open(live.Settings{
		File: s.Routing, Environ: environ, History: filepath.Join(s.Data, "routing"), Health: lately,
		Prices:  prices.Prices,
		Machine: machine, Now: h.now, Logger: h.log, Simulate: simulated.simulator(),
	}, registry.ActiveSet())
	if err != nil {
		return err
	}
	defer keeper.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return err
	}
	public := s.PublicURL
	if public == "" && simulated != nil {
		public = "http://" + listener.Addr().String()
	}
	addresses, err := newAddresses(public, s.Data, environ)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := simulated.report(keeper.Fleet(), addresses); err != nil {
		return errors.Join(err, listener.Close())
	}
	engine = payment.NewEngine(db, keeper.Fleet(), payment.Settings{
		CallbackURL: addresses.Payment, Logger: h.log, Snapshot: api.Snapshot, Answer: api.Answer,
		SendWithin: s.SendWithin,
		Runs:       db, RunAnswer: api.RunAnswer, Exhausted: exhausted,
		Now: h.now, Hold: db.Hold, Doubtful: db.Doubtful, Clock: db.Clock,
		Moment: func(m payment.Moment) { armed.reach(string(m)) },
		Observe: func(a payment.Attempt) {
			lately.Observe(a)
			registry.Observe(sampleOf(a))
		},
	})
	keeper.Bind(&priced{Engine: engine, prices: prices, report: func(fleet *payment.Fleet) {
		if err := simulated.report(fleet, addresses); err != nil {
			h.log.Error("have the simulated providers report to an account", slog.Any("error", err))
		}
	}})
	book := webhook.NewEndpoints(db.Webhooks(), db.Webhooks(),
		webhook.EndpointsSettings{AllowHTTP: s.WebhooksToPrivate, Now: h.now})
	handler := api.New(engine,
		api.Settings{
			Keys: keys, Operators: s.Operators, WaitTimeout: s.WaitTimeout, Version: version, Logger: h.log,
			Ready: func() error { return errors.Join(db.Healthy(), exhausted()) }, Journal: db, Webhooks: book,
			Live: keeper, Plugins: registry, Quotes: prices, Attempts: db, Now: h.now,
		})

	inbox := callback.NewInbox(db, engine, callback.Settings{
		Addresses: addresses, Accounts: func() (map[string]callback.Account, func()) { return receivers(engine) },
		Logger:           h.log,
		LookupsPerSecond: s.CallbackLookups, Now: h.now,
	})
	server := &http.Server{
		Handler: withCallbacks(inbox, handler), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	if s.Watch {
		background.Go(func() { keeper.Run(ctx) })
		background.Go(func() {
			if err := registry.Watch(ctx, s.Plugins, plugin.WatchSettings{}); err != nil {
				h.log.Error("watch the plugins' folder", slog.Any("error", err))
			}
		})
	}
	background.Go(func() { s.keepRecovering(ctx, engine, h.log) })
	reconciler := payment.NewReconciler(engine, payment.ReconcilerSettings{
		Every: s.ReconcileEvery, PerSecond: s.LookupsPerSecond, Overdue: s.UnknownAlert, KeyLifetime: s.KeyLifetime,
	})
	background.Go(func() { reconciler.Run(ctx) })
	background.Go(func() { inbox.Run(ctx) })
	sender := webhook.NewSender(db.Webhooks(), webhook.Settings{
		AllowPrivate: s.WebhooksToPrivate, KeepFor: s.WebhookLifetime, Now: h.now, Logger: h.log,
		Answered: func() { armed.reach("webhook") },
	})
	background.Go(func() { sender.Run(ctx) })

	failed := make(chan error, 1)
	background.Go(func() { failed <- server.Serve(listener) })
	s.announce(h, listener.Addr(), keys)
	if h.listening != nil {
		h.listening(listener.Addr())
	}
	select {
	case <-h.ctx.Done():
		h.log.Info("shutting down", slog.Duration("grace", s.Grace))
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	}
	graceful, done := context.WithTimeout(ctx, s.Grace)
	defer done()
	err = server.Shutdown(graceful)
	prices.Close() // a payment on its way is waited for, and a price is not
	return errors.Join(err, engine.Shutdown(graceful))
}

// priced is an engine whose prices do not outlive the accounts that they are of.
type priced struct {
	*payment.Engine
	prices *quote.Book
	// report is told of a fleet before it serves.
	report func(*payment.Fleet)
}

// Serve lets a fleet take over.
func (p *priced) Serve(next *payment.Fleet) {
	p.report(next)
	p.Engine.Serve(next)
	p.prices.Forget()
}

// trusted reads the keys whose signatures of plugins are believed.
func (s *serveCommand) trusted() (signature.Keys, error) {
	keys, err := signature.ReadKeys(s.PluginKey)
	if err == nil && s.RequireSignature && !keys.Any() {
		err = errors.New("--require-signature needs a --plugin-key to check signatures with")
	}
	return keys, err
}

// keepRecovering takes up what a crash, and later what a failed write, left behind.
func (s *serveCommand) keepRecovering(ctx context.Context, engine *payment.Engine, log *slog.Logger) {
	ticker := time.NewTicker(s.RecoverEvery)
	defer ticker.Stop()
	for {
		if err := engine.Recover(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, payment.ErrShuttingDown) {
			log.Error("take up payments left behind", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// announce says where the router is, with a line that works when pasted.
func (s *serveCommand) announce(h *host, at net.Addr, keys map[string]string) {
	authorization := ""
	if len(keys) > 0 {
		authorization = ` -H "Authorization: Bearer $API_KEY"`
	}
	_, _ = fmt.Fprintf(h.stdout, `
The router listens on http://%[1]s (API documentation: http://%[1]s/docs/). Take a payment:

  curl -si http://%[1]s/v1/payments%[2]s -H 'Idempotency-Key: "order-1001-try-1"' -H 'Content-Type: application/json' \
    -d '{"amount": "49.90", "currency": "EUR", "country": "DE", "reference": "order-1001",
      "return_url": "https://shop.example/thanks"}'

`, at, authorization)
}

// readKeys reads the file of API keys. Without a file the router is open, and so must be on loopback.
func readKeys(path, listen string) (map[string]string, error) {
	if path == "" {
		host, _, err := net.SplitHostPort(listen)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w", listen, err)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf(
				"listen on %s: without --api-keys the router is open to all, and listens on loopback only", listen)
		}
		return nil, nil //nolint:nilnil // no keys is a setting
	}
	text, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own file
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	keys := map[string]string{}
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return nil, fmt.Errorf("read API keys of %s: want lines \"merchant: key\"", path)
	}
	seen := map[string]string{}
	for merchant, key := range keys {
		const shortest = 16
		if merchant == "" || len(key) < shortest {
			return nil, fmt.Errorf("read API keys of %s: the key of %q has fewer than %d characters", path, merchant,
				shortest)
		}
		if other, twice := seen[key]; twice {
			return nil, fmt.Errorf("read API keys of %s: %q and %q have the same key", path, merchant, other)
		}
		seen[key] = merchant
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read API keys of %s: there is none", path)
	}
	return keys, nil
}
