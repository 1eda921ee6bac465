package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/callback"
	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/sandbox"
)

// secretVariable holds the secret of callbacks' addresses, for routers that do not keep it in their data directory.
const secretVariable = "ROUTER_CALLBACK_SECRET"

// newAddresses makes the addresses that providers report to.
func newAddresses(public, data string, environ []string) (callback.Addresses, error) {
	for _, variable := range environ {
		if secret, found := strings.CutPrefix(variable, secretVariable+"="); found {
			return callback.NewAddresses(public, []byte(secret))
		}
	}
	secret, err := callback.Secret(data)
	if err != nil {
		return callback.Addresses{}, err
	}
	return callback.NewAddresses(public, secret)
}

// receivers are the accounts that serve now as callbacks need them: those whose plugin reads callbacks, and whose connections know
// signatures.
func receivers(engine *payment.Engine) (accounts map[string]callback.Account, release func()) {
	fleet, release := engine.Hold()
	accounts = make(map[string]callback.Account, len(fleet.Accounts))
	for name, account := range fleet.Accounts {
		receiver, reads := account.Plugin("").(callback.Receiver)
		verifier, verifies := account.Egress.(callback.Verifier)
		if reads && verifies {
			accounts[name] = callback.Account{Plugin: receiver, Verifier: verifier, Settings: account.Settings}
		}
	}
	return accounts, release
}

// withCallbacks serves callbacks beside the API.
func withCallbacks(inbox *callback.Inbox, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(callback.Prefix, inbox)
	mux.Handle("/", api)
	return mux
}

// reportTo has the simulated providers report to a router, as a person sets it up at real ones: about each account that they know by its
// name to that account's own address, and about all others to the first on their plugin.
func reportTo(providers *sandbox.Server, routes *config.Config, addresses callback.Addresses) error {
	first := map[string]bool{}
	for _, p := range routes.Providers {
		accounts, err := providers.Accounts(p.Plugin)
		if errors.Is(err, sandbox.ErrUnknown) {
			continue // a plugin whose provider is not simulated
		}
		if err != nil {
			return err
		}
		to := []sandbox.Callback{{URL: addresses.Account(p.Name)}}
		if first[p.Plugin] {
			to = nil
		}
		first[p.Plugin] = true
		if slices.Contains(accounts, p.Name) {
			to = append(to, sandbox.Callback{URL: addresses.Account(p.Name), Account: p.Name})
		}
		for _, one := range to {
			if err := providers.Report(p.Plugin, one); err != nil {
				return err
			}
		}
	}
	return nil
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
	addresses, err := newAddresses(c.PublicURL, c.Data, h.environ)
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
