package live

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
	"payrouter/host/config"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/routing"
)

// fault is why an account cannot be in service: its module, its secrets, or its part of the routing file.
type fault struct {
	plugin string
	// reason is payment.Out's.
	reason   string
	problems []*routing.Problem
}

// faults are by account; an account without one is in service.
type faults map[string]fault

// tolerance reports whether a build may leave an account out of service for its fault. A change never takes an account
// out that is in service: it is refused. At the start there is nothing to stay with, so that accounts with a fault are
// left out.
type tolerance func(account string, found fault) bool

func noFault(string, fault) bool  { return false }
func anyFault(string, fault) bool { return true }

// knownFault tolerates what is out of service already, for the same problems wherever they are in the file.
func (m *Manager) knownFault(account string, found fault) bool {
	if m.current == nil {
		return false
	}
	former, out := m.current.faults[account]
	return out && slices.EqualFunc(former.problems, found.problems, func(a, b *routing.Problem) bool {
		return a.What == b.What && a.Mend == b.Mend
	})
}

// outAlready tolerates whatever is out of service already.
func (m *Manager) outAlready(account string, _ fault) bool {
	if m.current == nil {
		return false
	}
	_, out := m.current.faults[account]
	return out
}

// faultAt is a fault for an error that is of an account as a whole.
func faultAt(p *config.Provider, reason string, err error) fault {
	return fault{p.Plugin, reason, []*routing.Problem{
		{At: p.At, What: strings.ReplaceAll(err.Error(), "\n", "; ")},
	}}
}

// faultsOf are the faults of accounts over a set of plugins and with these secrets.
func faultsOf(c *config.Config, secrets config.Secrets, activeSet plugin.ActiveSet) faults {
	found := faults{}
	misfits := c.Faults(activeSet.Manifests())
	candidates, some := withCanaries(activeSet)
	if some {
		for name, err := range c.Faults(candidates) {
			misfits[name] = errors.Join(misfits[name], err)
		}
	}
	for _, p := range c.Providers {
		active, there := activeSet.Of(p.Plugin)
		pin := unpinned(c, p, active)
		missing := secrets.Problem(p.Name)
		var reason string
		switch {
		case !there:
			reason = fmt.Sprintf("its plugin %q is not active", p.Plugin)
		case pin != nil:
			reason = fmt.Sprintf("it pins other modules of its plugin %q than the active one", p.Plugin)
		case missing != nil:
			reason = "its secrets are not complete"
		case misfits[p.Name] != nil:
			reason = "its part of the routing file does not fit its plugin"
		default:
			continue
		}
		found[p.Name] = fault{p.Plugin, reason, routing.Problems(errors.Join(misfits[p.Name], pin, missing))}
	}
	return found
}

// withCanaries are the manifests with those of canaries in place of the stable generations'.
func withCanaries(activeSet plugin.ActiveSet) (manifests map[string]*abi.Manifest, some bool) {
	manifests = activeSet.Manifests()
	for _, name := range activeSet.Names() {
		if active, _ := activeSet.Of(name); active.Canary != nil {
			manifests[name], some = active.Canary.Manifest(), true
		}
	}
	return manifests, some
}

// intolerable joins the problems of the faults that a build may not leave out.
func (f faults) intolerable(tolerated tolerance) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if tolerated(name, f[name]) {
			continue
		}
		for _, problem := range f[name].problems {
			problems = append(problems, problem)
		}
	}
	return errors.Join(problems...)
}

func (f faults) out() map[string]payment.Out {
	out := make(map[string]payment.Out, len(f))
	for name, found := range f {
		out[name] = payment.Out{Name: name, Plugin: found.plugin, Reason: found.reason}
	}
	return out
}

// noteFaults logs what goes out of service, or for another reason, and what comes back.
func (m *Manager) noteFaults(former, now faults) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if before, out := former[name]; !out || before.reason != now[name].reason {
			m.log.Error("an account is out of service: the others go on", slog.String("provider", name),
				slog.String("reason", now[name].reason),
				slog.Any("problems", &InvalidError{Problems: now[name].problems}))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(former)) {
		if _, out := now[name]; !out {
			m.log.Info("an account is no longer out of service", slog.String("provider", name))
		}
	}
}
