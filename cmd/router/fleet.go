package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"

	abi "payrouter/abi/v1"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/routing"
	"payrouter/host/wasm"
)

// loadPlugins compiles every module of a folder. closer gives everything back.
func loadPlugins(ctx context.Context, dir, cache string, log *slog.Logger) (shelf *plugin.Shelf, closer func(context.Context) error, err error) {
	compiler, err := wasm.New(cache, wasm.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	shelf = plugin.NewShelf(compiler, wasm.Limits{})
	closer = func(ctx context.Context) error {
		return errors.Join(shelf.Close(ctx), compiler.Close(ctx))
	}
	if err := shelf.LoadDir(ctx, dir); err != nil {
		return nil, nil, errors.Join(err, closer(ctx))
	}
	return shelf, closer, nil
}

// newFleet makes the accounts and rules of a configuration serve over the plugins on a shelf. closer closes their connections.
func newFleet(c *config.Config, environ []string, shelf *plugin.Shelf, log *slog.Logger) (fleet *payment.Fleet, closer func(), err error) {
	rules, err := ruleset(c, shelf)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := c.Secrets(environ)
	if err != nil {
		return nil, nil, err
	}
	fleet = &payment.Fleet{Rules: rules, Accounts: map[string]*payment.Account{}}
	var clients []*egress.Client
	closer = func() {
		for _, client := range clients {
			client.Close()
		}
	}
	for _, p := range c.Providers {
		client, err := newClient(p, secrets.For(p.Name), shelf, log)
		if err != nil {
			closer()
			return nil, nil, err
		}
		clients = append(clients, client)
		fleet.Accounts[p.Name] = &payment.Account{
			Name: p.Name, Plugin: connector(shelf, p.Plugin), Egress: client, Settings: p.Settings, Failures: p.Failures,
		}
	}
	return fleet, closer, nil
}

// ruleset compiles a configuration's rules over the plugins on a shelf. It reports every problem of the file that shows without
// secrets.
func ruleset(c *config.Config, shelf *plugin.Shelf) (*routing.Ruleset, error) {
	rules, err := c.Ruleset(shelf.Manifests())
	if err := errors.Join(err, checkCodes(c)); err != nil {
		return nil, err
	}
	return rules, nil
}

// checkCodes holds what the accounts call their failures against the router's own list.
func checkCodes(c *config.Config) error {
	known := slices.Sorted(maps.Keys(abi.FailureCodes))
	var problems []error
	for _, p := range c.Providers {
		for _, rule := range p.Failures {
			if !slices.Contains(known, rule.GetCode()) {
				problems = append(problems, fmt.Errorf("%s: %q is not one of the router's failure codes: %s",
					rule.GetSource(), rule.GetCode(), routing.DidYouMean(rule.GetCode(), known)))
			}
		}
	}
	return errors.Join(problems...)
}

func newClient(p *config.Provider, secrets map[string]string, shelf *plugin.Shelf, log *slog.Logger) (*egress.Client, error) {
	serving, found := shelf.Current(p.Plugin)
	if !found {
		return nil, fmt.Errorf("provider %s: no plugin %q is loaded", p.Name, p.Plugin)
	}
	base := p.BaseURL
	if base == "" {
		base = serving.Manifest().GetBaseUrl()
	}
	return egress.New(egress.Settings{
		Provider: p.Name, BaseURL: base, Hosts: serving.Manifest().GetHosts(), Secrets: secrets, AllowPrivate: p.AllowPrivate,
		Timeout: p.Timeout, MaxConns: p.Limits.Connections, Logger: log,
		Retry: egress.RetrySettings{
			MaxTries: p.Retry.Tries, BaseDelay: p.Retry.BaseDelay, MaxDelay: p.Retry.MaxDelay, RetryAfterCap: p.Retry.RetryAfterCap,
		},
		Breaker: egress.BreakerSettings{
			Failures: count(p.Breaker.Failures), Window: p.Breaker.Window, Cooldown: p.Breaker.OpenFor, Probes: count(p.Breaker.HalfOpen),
		},
	})
}

func connector(shelf *plugin.Shelf, name string) func() payment.Connector {
	return func() payment.Connector {
		serving, _ := shelf.Current(name)
		return serving
	}
}

func count(n int) uint32 {
	return uint32(min(max(n, 0), math.MaxInt32))
}
