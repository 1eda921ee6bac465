package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"payrouter/host/callback"
	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/router"
	"payrouter/host/sandbox"
)

// reports are where simulated providers report to, as far as a router has set that.
type reports struct {
	// main is the account, by plugin, that receives callbacks about no account of its own.
	main map[string]string
	// configured are never repeated: a person may have changed them at the provider since.
	configured map[report]bool
}

type report struct {
	plugin string
	to     sandbox.Callback
}

// reportTo has the simulated providers report to a fleet's accounts, as a person sets it up at real ones: about an
// account that the provider knows by its name to that account's own address, and about all else to the first of the
// accounts on its plugin by name, for as long as that one is there.
func (r *reports) reportTo(providers *sandbox.Server, fleet *payment.Fleet, addresses callback.Addresses) error {
	main := map[string]string{}
	pluginOf := func(name string) string { return fleet.Accounts[name].Plugin("").Manifest().GetName() }
	for plugin, name := range r.main {
		if _, there := fleet.Accounts[name]; there && pluginOf(name) == plugin {
			main[plugin] = name
		}
	}
	r.main = main
	if r.configured == nil {
		r.configured = map[report]bool{}
	}
	for _, name := range slices.Sorted(maps.Keys(fleet.Accounts)) {
		plugin := pluginOf(name)
		access, err := providers.Open(plugin, name)
		if errors.Is(err, sandbox.ErrUnknown) {
			continue // a plugin whose provider is not simulated
		}
		if err != nil {
			return err
		}
		accounts, err := providers.Accounts(plugin)
		if err != nil {
			return err
		}
		to := sandbox.Callback{URL: addresses.Account(name), Secret: access.Secrets["webhook_token"]}
		if main[plugin] = cmp.Or(main[plugin], name); main[plugin] == name {
			err = r.configure(providers, report{plugin, to})
		}
		if to.Account = name; slices.Contains(accounts, name) {
			err = errors.Join(err, r.configure(providers, report{plugin, to}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reports) configure(providers *sandbox.Server, one report) error {
	if r.configured[one] {
		return nil
	}
	r.configured[one] = true
	return providers.Report(one.plugin, one.to)
}

type callbackURLsCommand struct {
	PublicURL string `required:"" name:"public-url" help:"Where the world reaches the router: https://pay.example.com."`
	Routing   string `default:"routing.yaml" type:"path" help:"Provider accounts and rules."`
	Data      string `default:"data" type:"path" help:"Folder of the journal, as serve has it."`
}

// Run prints where each account's provider is to report to.
func (c *callbackURLsCommand) Run(h *host) error {
	routes, err := config.Load(c.Routing, h.environ)
	if err != nil {
		return err
	}
	addresses, err := router.Addresses(c.PublicURL, c.Data, h.environ)
	if err != nil {
		return err
	}
	for _, p := range routes.Providers {
		if _, err := fmt.Fprintf(h.stdout, "%s\t%s\n", p.Name, addresses.Account(p.Name)); err != nil {
			return err
		}
	}
	return nil
}
