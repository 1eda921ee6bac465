package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/budget"
	"payrouter/host/plugin/faults"
	"payrouter/host/wasm"
)

// withheldError is why a call is not made now. Nothing ran.
type withheldError struct {
	// Plugin is its name.
	Plugin string
	// Reason is ErrOverBudget or ErrQuarantine.
	Reason error
}

func (e *withheldError) Error() string { return "plugin " + e.Plugin + ": " + e.Reason.Error() }

// Unwrap returns the reason.
func (e *withheldError) Unwrap() error { return e.Reason }

// Withheld is the reason for whoever may see the account.
func (e *withheldError) Withheld() string { return "the plugin is " + e.Reason.Error() }

// guard decides whether a generation's calls are made, by what its calls used and how they ended. It is safe for
// concurrent use.
type guard struct {
	plugin string
	// cpu is the generation's budget.
	cpu *budget.Budget
	// refused counts calls that a budget refused.
	refused atomic.Int64
	// flows has the faults of prepare and interpret, callbacks those of receive.
	flows, callbacks *faults.Tally
	quarantine       atomic.Pointer[Quarantine]
}

func (r *Registry) newGuard(plugin string) *guard {
	s := r.settings.Quarantine
	return &guard{
		plugin: plugin, cpu: r.newBudget(r.settings.CPU), flows: faults.NewTally(s), callbacks: faults.NewTally(s),
	}
}

// newBudget is nil where it is below 0.
func (r *Registry) newBudget(cpus float64) *budget.Budget {
	if cpus < 0 {
		return nil
	}
	return budget.New(cpus, r.settings.Now())
}

// accountBudget is the budget of an account; nil for calls of no account.
func (r *Registry) accountBudget(account string) *budget.Budget {
	if account == "" {
		return nil
	}
	r.budgets.Lock()
	defer r.budgets.Unlock()
	known, there := r.accounts[account]
	if !there {
		known = r.newBudget(r.settings.AccountCPU)
		r.accounts[account] = known
	}
	return known
}

// sendable is nil, or why no new request is made: an error that wraps ErrQuarantine.
func (g *guard) sendable() error {
	if q := g.quarantine.Load(); q != nil && q.Sends {
		return &withheldError{Plugin: g.plugin, Reason: ErrQuarantine}
	}
	return nil
}

// readable is nil, or why no callback is read.
func (g *guard) readable() error {
	if q := g.quarantine.Load(); q != nil && q.Callbacks {
		return &withheldError{Plugin: g.plugin, Reason: ErrQuarantine}
	}
	return nil
}

// affordable is nil, or why there is no CPU for a new request of an account: an error that wraps ErrOverBudget.
func (g *guard) affordable(account *budget.Budget, now time.Time) error {
	if !g.cpu.Spent(now) && !account.Spent(now) {
		return nil
	}
	g.refused.Add(1)
	return &withheldError{Plugin: g.plugin, Reason: ErrOverBudget}
}

// dearest is how many times as much as it used a call costs at most.
const dearest = 8

// charge takes what a call costs from both budgets.
func (g *guard) charge(usage wasm.Usage, account *budget.Budget, now time.Time) {
	cost := costOf(usage.CPU)
	g.cpu.Charge(cost, now)
	account.Charge(cost, now)
}

// costOf is what a call costs that used so much. Nothing interrupts a call: others wait for a long one, and so does the
// whole router where its garbage is collected meanwhile. One of n times wasm.BriefCall costs n times what it used.
func costOf(used time.Duration) time.Duration {
	times := float64(used) / float64(wasm.BriefCall)
	return time.Duration(float64(used) * min(max(times, 1), dearest))
}

// atFault reports whether a call's error is the plugin's own: a trap, the end of its fuel or memory, an answer that is
// none, an instance that does not start.
func atFault(err error) bool {
	if _, failed := errors.AsType[*wasm.CallError](err); failed {
		return true
	}
	if _, refused := errors.AsType[*wasm.RefusedError](err); refused {
		return true
	}
	return errors.Is(err, errNoAnswer)
}

// notMade reports whether a call's error means that the plugin was not called.
func notMade(err error) bool { return notServed(err) || errors.Is(err, wasm.ErrInputTooLarge) }

// notServed reports whether a call's error means that there was no instance to call, which is nothing to record.
func notServed(err error) bool {
	_, unloaded := errors.AsType[*loadError](err)
	return unloaded || errors.Is(err, wasm.ErrBusy) || errors.Is(err, wasm.ErrClosed)
}

// inputOf identifies a flow's call, with the response that it read; nil for none.
func inputOf(export wasm.Export, call *abi.Call, state []byte, response *abi.HttpResponse) faults.Input {
	about := *call
	about.NowMs, about.Seed = 0, nil
	encoded, err := about.MarshalVT()
	if err != nil {
		encoded = nil // it was encoded for the call itself
	}
	return hashed([]byte(export.String()), encoded, state, binary.BigEndian.AppendUint32(nil, response.GetStatus()),
		response.GetBody())
}

// inputOfCallback identifies a callback.
func inputOfCallback(callback *abi.Callback) faults.Input {
	about := *callback
	about.NowMs = 0
	encoded, err := about.MarshalVT()
	if err != nil {
		encoded = nil // as above
	}
	return hashed(encoded)
}

func hashed(parts ...[]byte) faults.Input {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = sum.Write(part)
	}
	return faults.Input(sum.Sum(nil))
}

// resumes reports whether an operation is about payments that were sent before, in every use that the manifest has for
// it: a look-up, a cancellation.
func resumes(manifest *abi.Manifest, operation string) bool {
	found := false
	for _, flow := range manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetOperation() != operation {
				continue
			}
			if action.GetRole() != abi.Role_ROLE_LOOKUP && action.GetRole() != abi.Role_ROLE_CANCEL {
				return false
			}
			found = true
		}
	}
	return found
}
