package main

import (
	"errors"
	"fmt"
	"strings"

	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/routing"
)

type routeCommand struct {
	Check   routeCheckCommand   `cmd:"" help:"Say everything that is wrong with a routing file."`
	Explain routeExplainCommand `cmd:"" help:"Say where a payment would go, and why."`
}

type routeCheckCommand struct {
	File    string `arg:"" optional:"" default:"routing.yaml" type:"path" help:"The routing file."`
	Plugins string `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`
	Secrets bool   `help:"Also see that every secret is there."`
}

func (r *routeCheckCommand) Run(h *host) error {
	routes, err := config.Load(r.File, h.environ)
	if err != nil {
		return err
	}
	shelf, unload, err := loadPlugins(h.ctx, r.Plugins, "", h.log)
	if err != nil {
		return err
	}
	_, err = routes.Ruleset(shelf.Manifests())
	if r.Secrets {
		_, missing := routes.Secrets(h.environ)
		err = errors.Join(err, missing)
	}
	if err = errors.Join(err, unload(h.ctx)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.stdout, "%s is in order: %d providers, %d rules, version %s\n", r.File, len(routes.Providers), len(routes.Rules.Rules), routes.Version)
	return err
}

type routeExplainCommand struct {
	File      string            `default:"routing.yaml" type:"path" help:"The routing file."`
	Plugins   string            `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`
	Kind      string            `default:"collect" enum:"collect,payout,recharge,transfer"`
	Amount    string            `required:"" placeholder:"49.90"`
	Currency  string            `required:"" placeholder:"EUR"`
	Country   string            `placeholder:"DE"`
	Method    string            `placeholder:"crypto"`
	Merchant  string            `default:"default"`
	Metadata  map[string]string `placeholder:"tier=gold"`
	Provider  string            `help:"Pin the payment to a provider."`
	PaymentID string            `name:"payment-id" default:"pay_example" help:"Splits go by the payment's id."`
}

func (r *routeExplainCommand) Run(h *host) error {
	order := payment.Order{Kind: payment.Kind(r.Kind), Amount: r.Amount, Currency: strings.ToUpper(r.Currency), Country: strings.ToUpper(r.Country)}
	routes, err := config.Load(r.File, h.environ)
	if err != nil {
		return err
	}
	shelf, unload, err := loadPlugins(h.ctx, r.Plugins, "", h.log)
	if err != nil {
		return err
	}
	rules, err := routes.Ruleset(shelf.Manifests())
	if err = errors.Join(err, unload(h.ctx)); err != nil {
		return err
	}
	decision := rules.Decide(routing.Facts{
		PaymentID: r.PaymentID, Kind: r.Kind, Amount: order.Amount, Currency: order.Currency, Country: order.Country, Method: r.Method,
		Merchant: r.Merchant, Metadata: r.Metadata, Provider: r.Provider,
	}, nil)
	_, err = fmt.Fprint(h.stdout, decision.Explain())
	return err
}
