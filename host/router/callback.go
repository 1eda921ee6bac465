package router

import (
	"net/http"
	"strings"

	"payrouter/host/callback"
	"payrouter/host/payment"
)

// SecretVariable holds the secret of callbacks' addresses, for routers that do not keep it in their data directory.
const SecretVariable = "ROUTER_CALLBACK_SECRET"

// Addresses makes the addresses that providers report to.
func Addresses(public, data string, environ []string) (callback.Addresses, error) {
	for _, variable := range environ {
		if secret, found := strings.CutPrefix(variable, SecretVariable+"="); found {
			return callback.NewAddresses(public, []byte(secret))
		}
	}
	secret, err := callback.Secret(data)
	if err != nil {
		return callback.Addresses{}, err
	}
	return callback.NewAddresses(public, secret)
}

// Receivers are the active accounts as callbacks need them: those whose plugin reads callbacks, and whose
// connections know signatures.
func Receivers(fleets *payment.Fleets) (accounts map[string]callback.Account, release func()) {
	fleet, release := fleets.Hold()
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

// WithCallbacks serves callbacks beside the API.
func WithCallbacks(inbox *callback.Inbox, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(callback.Prefix, inbox)
	mux.Handle("/", api)
	return mux
}
