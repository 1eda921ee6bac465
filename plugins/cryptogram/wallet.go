package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// wallet is a cryptocurrency that Cryptogram takes.
type wallet struct {
	name    string
	title   string
	ticker  string
	network string
	// prefix is what an address on that network starts with; empty where forms vary. Where an address has another, the
	// network is not reported: coins sent on the wrong one are lost.
	prefix string
}

// wallets are those of the document, identifiers and names in its words. It does not name their networks: bnb's is
// known from its sample's address, in the form of the BNB Smart Chain.
var wallets = []wallet{ //nolint:gochecknoglobals // a table
	{name: "btc", title: "Bitcoin", ticker: "BTC", network: "bitcoin"},
	{name: "eth", title: "Ethereum", ticker: "ETH", network: "ethereum", prefix: "0x"},
	{name: "bnb", title: "Binance Coin", ticker: "BNB", network: "bnb-smart-chain", prefix: "0x"},
}

func (w wallet) owns(address string) bool {
	return address != "" && strings.HasPrefix(address, w.prefix)
}

func walletNames() []string {
	names := make([]string, len(wallets))
	for i, one := range wallets {
		names[i] = one.name
	}
	return names
}

// prepareWallets answers from the document's own list: Cryptogram has no request for it, so that nothing has to be
// sent. An account's wallets are what a payer may choose from as a rule; a payment may name any of these.
func prepareWallets(*abi.Call, settings) *abi.Step {
	output := jsontext.NewObject()
	outcome := &abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED}
	for _, one := range wallets {
		output.String(one.name, one.title)
		outcome.Items = append(outcome.Items, &abi.Item{Code: one.name, Name: one.title, Currency: one.ticker})
	}
	outcome.Output = jsontext.NewObject().Object("wallets", output).JSON()
	return guest.Done(outcome)
}

func interpretWallets(*abi.Call, settings, *abi.HttpResponse) *abi.Step {
	return guest.Unreadable("nobody was asked for the wallets, and so nobody can have answered")
}
