package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"payrouter/host/config"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/router"
)

type routeCommand struct {
	Check   routeCheckCommand   `cmd:"" help:"Say everything that is wrong with a routing file."`
	Explain routeExplainCommand `cmd:"" help:"Say where a payment would go, and why."`

	Diff routeDiffCommand `cmd:"" help:"List the latest payments that an edited file routes differently."`
}

type routeCheckCommand struct {
	File     string `arg:"" optional:"" default:"routing.yaml" type:"path" help:"The routing file."`
	Plugins  string `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder that caches compiled plugins."`
	Secrets  bool   `help:"Also check every secret, as serve does."`
	EnvFile  string `name:"env-file" type:"path" help:"File of variables with secrets, as serve has it."`
}

func (r *routeCheckCommand) Run(h *host) error {
	routes, registry, unload, err := readRoutes(h, r.File, r.Plugins, r.Compiled)
	if err != nil {
		return err
	}
	if err = errors.Join(r.check(h, routes, registry.ActiveSet()), unload()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.stdout, "%s is in order: %d providers, %d rules, version %s\n", r.File,
		len(routes.Providers), len(routes.Rules.Rules), routes.Version)
	return err
}

// check is what serve does with the file before it listens.
func (r *routeCheckCommand) check(h *host, routes *config.Config, activeSet plugin.ActiveSet) error {
	if !r.Secrets {
		return live.Check(routes, routes.Placeholders(), activeSet)
	}
	secrets, missing := routes.Secrets(config.Sources{Environ: h.environ, EnvFile: r.EnvFile})
	missing = errors.Join(missing, routes.CheckRegistries(config.Sources{Environ: h.environ, EnvFile: r.EnvFile}))
	if missing != nil { // the rest is checked all the same
		return errors.Join(live.Check(routes, routes.Placeholders(), activeSet), missing,
			router.CheckCallbackSecret(h.environ))
	}
	return errors.Join(live.Check(routes, secrets, activeSet), router.CheckCallbackSecret(h.environ))
}

// readRoutes reads a routing file, and the plugins that it is about.
func readRoutes(h *host, file, plugins,
	compiled string,
) (routes *config.Config, registry *plugin.Registry, unload func() error, err error) {
	routes, err = config.Load(file, h.environ)
	if err != nil {
		return nil, nil, nil, err
	}
	registry, closer, err := router.LoadPlugins(h.ctx, plugins, compiled, plugin.Settings{Logger: h.log}, h.log)
	if err != nil {
		return nil, nil, nil, err
	}
	return routes, registry, func() error { return closer(context.WithoutCancel(h.ctx)) }, nil
}

type routeExplainCommand struct {
	File      string            `default:"routing.yaml" type:"path" help:"The routing file."`
	Plugins   string            `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`
	Compiled  string            `type:"path" env:"ROUTER_COMPILED" help:"Folder that caches compiled plugins."`
	Kind      string            `default:"collect" placeholder:"recharge"`
	Amount    string            `required:"" placeholder:"49.90"`
	Currency  string            `required:"" placeholder:"EUR"`
	Country   string            `placeholder:"DE"`
	Method    string            `placeholder:"crypto"`
	Merchant  string            `default:"default"`
	Metadata  map[string]string `placeholder:"tier=gold"`
	Provider  string            `help:"Pin the payment to a provider."`
	Payer     string            `placeholder:"jane@shop.example" help:"The payer's e-mail address: splits may go by it."`
	PaymentID string            `name:"payment-id" default:"pay_example" help:"Splits go by the payment's id."`
	At        time.Time         `placeholder:"2026-03-01T12:00:00+01:00" help:"Time of creation; now by default."`
}

func (r *routeExplainCommand) Run(h *host) (err error) {
	routes, registry, unload, err := readRoutes(h, r.File, r.Plugins, r.Compiled)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload()) }()
	rules, err := live.Ruleset(routes, registry.Manifests())
	if err != nil {
		return err
	}
	order := r.order()
	fleet, err := offlineFleet(routes, registry)
	if err != nil {
		return err
	}
	if err := order.Validate(fleet.Tickers(), h.now()); err != nil {
		return err
	}
	at := r.At
	if at.IsZero() {
		at = h.now()
	}
	decision := rules.Decide(payment.Payment{
		ID: r.PaymentID, Merchant: r.Merchant, Order: order,
		CreatedAt: at,
	}.Facts(), nil)
	_, err = fmt.Fprint(h.stdout, decision.Explain())
	return err
}

func (r *routeExplainCommand) order() payment.Order {
	return payment.Order{
		Kind: payment.Kind(r.Kind), Amount: r.Amount, Currency: r.Currency, Country: r.Country, Method: r.Method,
		Metadata: r.Metadata,
		Pinned:   r.Provider, Payer: payment.Payer{Email: r.Payer},
	}
}
