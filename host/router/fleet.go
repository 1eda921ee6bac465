package router

import (
	"log/slog"

	"payrouter/host/payment"
	"payrouter/host/quote"
)

// reporter has the simulated providers report to the accounts of each fleet, before it is active.
type reporter struct{ router *Router }

// Serve implements live.Server.
func (r *reporter) Serve(next *payment.Fleet) {
	if err := r.report(next); err != nil {
		r.router.log.Error("have the simulated providers report to an account", slog.Any("error", err))
	}
}

func (r *reporter) report(fleet *payment.Fleet) error {
	if r.router.settings.Sandbox == nil {
		return nil
	}
	return r.router.settings.Sandbox.Report(fleet, r.router.addresses)
}

// forgetter drops prices with the accounts that they are of.
type forgetter struct{ quotes *quote.Cache }

// Serve implements live.Server.
func (f *forgetter) Serve(*payment.Fleet) { f.quotes.Forget() }
