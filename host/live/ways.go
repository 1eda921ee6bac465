package live

import (
	"sync"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/plugin"
)

// canaryCooldown is how long the open breaker of a canary lets no try through. It is short, since what tries the
// breaker next is what the canary is compared by, and since the stable generation shows meanwhile whether the provider
// is well.
const canaryCooldown = time.Second

// ways are the active generations of an account's plugin with their ways to its provider, and the choice between them
// for each payment.
//
// A payment of the canary's share is served by the stable generation while the canary is in quarantine, and while its
// breaker is open. One payment at
// a time tries a breaker whose cooldown is over, and only while the stable generation's breaker is closed: where both
// are open the provider is at fault, and a canary's probes would cost payments that the account's own do not.
type ways struct {
	// name is the account's.
	name   string
	active plugin.Active
	stable *egress.Client
	// canary is nil where there is none.
	canary *egress.Client
	now    func() time.Time

	mutex sync.Mutex
	// probe is the payment that tries the canary's breaker, until probeEnds: it is served by the canary however often it
	// is asked for.
	probe     string
	probeEnds time.Time
}

// account is the account that a configuration has, over these ways.
func (w *ways) account(p *config.Provider) *attempt.Account {
	account := &attempt.Account{
		Name: p.Name, Plugin: w.connector, Egress: w.stable, Settings: p.Settings, Failures: p.Failures,
		Withheld: func(paymentID string) error { return w.serving(paymentID).Sendable() },
	}
	if w.canary != nil {
		account.Canary = w.canary
	}
	return account
}

func (w *ways) connector(id string) attempt.Connector { return w.serving(id) }

// serving is the generation for a payment, with its lot.
func (w *ways) serving(id string) generation {
	serving := generation{Generation: w.active.Stable, account: w.name}
	if w.canary == nil || id == "" {
		return serving
	}
	drawn := w.active.For(id) == w.active.Canary
	stableTakes := w.stable.Breaker() == egress.BreakerClosed
	canaryTakes := w.canaryTakes(id, drawn, stableTakes)
	if stableTakes && canaryTakes {
		serving.lot.Share = w.active.Share
	}
	if drawn && canaryTakes {
		serving.lot.Canary = true
		serving.Generation = w.active.Canary
	}
	return serving
}

// canaryTakes reports whether the canary serves a payment that is drawn for it, or would serve one that is not. One
// that is drawn may become the probe of a breaker that waits for one.
func (w *ways) canaryTakes(id string, drawn, stableTakes bool) bool {
	if w.active.Canary.Sendable() != nil {
		return false // in quarantine: it is about to be aborted
	}
	state := w.canary.Breaker()
	if state == egress.BreakerClosed {
		return true
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := w.now()
	if state == egress.BreakerOpen || !now.Before(w.probeEnds) {
		w.probe = ""
	}
	switch {
	case state == egress.BreakerOpen || !stableTakes:
		return false
	case w.probe != "":
		return w.probe == id
	case state == egress.BreakerProbing:
		return false
	case drawn:
		w.probe, w.probeEnds = id, now.Add(canaryCooldown)
	}
	return true
}
