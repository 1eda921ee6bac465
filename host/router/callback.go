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
	if secret, set := callbackSecret(environ); set {
		return callback.NewAddresses(public, secret)
	}
	secret, err := callback.Secret(data)
	if err != nil {
		return callback.Addresses{}, err
	}
	return callback.NewAddresses(public, secret)
}

// CheckCallbackSecret returns what is wrong with the secret of callbacks' addresses in an environment; nil where it has
// none.
func CheckCallbackSecret(environ []string) error {
	secret, set := callbackSecret(environ)
	if !set {
		return nil
	}
	_, err := callback.NewAddresses("", secret)
	return err
}

func callbackSecret(environ []string) (secret []byte, set bool) {
	for _, variable := range environ {
		if text, found := strings.CutPrefix(variable, SecretVariable+"="); found {
			return []byte(text), true
		}
	}
	return nil, false
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
