package main

import (
	"errors"
	"fmt"

	"payrouter/host/api"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/plugin"
)

type openAPICommand struct {
	Config string `type:"existingfile" placeholder:"routing.yaml" help:"Document this file's operations too."`

	Plugins  string `default:"build/plugins" type:"path" help:"Folder of plugins' modules, with --config."`
	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder that caches compiled plugins."`
}

// Run prints the document.
func (o *openAPICommand) Run(h *host) (err error) {
	if o.Config == "" {
		return printOpenAPI(h, nil)
	}
	routes, registry, unload, err := readRoutes(h, o.Config, o.Plugins, o.Compiled)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload()) }()
	fleet, err := offlineFleet(routes, registry)
	if err != nil {
		return err
	}
	return printOpenAPI(h, fleet)
}

func printOpenAPI(h *host, fleet *payment.Fleet) error {
	document, err := api.OpenAPI(version, fleet)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.stdout, "%s\n", document)
	return err
}

// offlineFleet has the configured accounts without their connections: good for looking at.
func offlineFleet(routes *config.Config, registry *plugin.Registry) (*payment.Fleet, error) {
	fleet := &payment.Fleet{Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}}
	for _, p := range routes.Providers {
		serving, found := registry.Current(p.Plugin)
		if !found {
			return nil, fmt.Errorf("provider %q: there is no plugin %q", p.Name, p.Plugin)
		}
		fleet.Accounts[p.Name] = &attempt.Account{
			Name: p.Name, Settings: p.Settings,
			Plugin: func(string) attempt.Connector { return live.Connector(serving) },
		}
	}
	return fleet, nil
}
