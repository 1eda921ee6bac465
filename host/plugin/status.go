package plugin

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"payrouter/host/plugin/canary"
	"payrouter/host/plugin/faults"
	"payrouter/host/wasm"
)

// State is the use of a generation.
type State string

// The states of a generation.
const (
	Stable State = "active"
	Canary State = "canary"
	// Shadowed: it sees live flows, and does not serve.
	Shadowed State = "shadow"
	// Warm: kept for a rollback.
	Warm State = "warm"
	// Draining: payments that began with it are still under way.
	Draining State = "draining"
)

// GenerationStatus describes a generation that is open.
type GenerationStatus struct {
	Number          int64
	Digest, Version string
	State           State
	// LoadedAt is when it became known, and Loaded reports whether it is compiled.
	LoadedAt time.Time
	Loaded   bool
	Source   string
	// Signed: with a trusted key.
	Signed bool
	Stats  wasm.Stats
	// Isolation of its calls, and Kept, how many shared ones were caught using what the plugin had kept from others.
	Isolation Isolation
	Kept      int64
	// Faults are those of the calls of flows, and CallbackFaults those of callbacks.
	Faults, CallbackFaults faults.Count
	// OverBudget: its budget is spent; Refused counts the calls that its budget, or an account's, refused.
	OverBudget bool
	Refused    int64
	// Quarantine is nil where it is in none.
	Quarantine *Quarantine
}

// Status describes a plugin.
type Status struct {
	Name, Title string
	// Generations that are open, the latest first.
	Generations []GenerationStatus
	// Admitted is the act that made the stable generation active; its Digest is empty where none is.
	Admitted Admitted
	// Refusals are what was refused under the plugin's name and is not active now, the latest first.
	Refusals []Refusal
	// Canary is nil without one.
	Canary *canary.Status
	// FormerCanary is the last canary that ended since the router started; nil where none did.
	FormerCanary *canary.Status
	// Live is nil without a live shadow.
	Live *liveStatus
	// Recorded flows, and their bytes.
	Recorded, RecordedBytes int
	// Events are the last steps, the oldest first.
	Events []Event
}

// Plugins describes all plugins, sorted by name: active ones, and those of which an install was tried.
func (r *Registry) Plugins() []Status {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	all := []Status{}
	for _, name := range slices.Sorted(maps.Keys(r.states)) {
		all = append(all, r.status(name, r.states[name]))
	}
	return all
}

// Plugin describes one.
func (r *Registry) Plugin(name string) (Status, bool) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	known, found := r.states[name]
	if !found {
		return Status{}, false
	}
	return r.status(name, known), true
}

// status is called under the mutex.
func (r *Registry) status(name string, known *pluginState) Status {
	status := Status{
		Name: name, Events: slices.Clone(known.events), Admitted: known.decision.Admitted, Refusals: r.refusalsOf(name),
	}
	status.Recorded, status.RecordedBytes = known.recorder.count()
	active, _ := r.active.Of(name)
	if active.Stable != nil {
		status.Title = active.Stable.manifest.GetTitle()
	}
	for g := range r.open {
		if g.manifest.GetName() != name {
			continue
		}
		status.Generations = append(status.Generations, GenerationStatus{
			Number: g.number, Digest: g.Digest(), Version: g.manifest.GetVersion(), State: stateOf(g, active, known),
			LoadedAt: g.loadedAt, Loaded: g.Loaded(),
			Source: g.source, Signed: g.signed, Stats: g.Stats(), Quarantine: g.guard.quarantine.Load(),
			Faults: g.guard.flows.Count(), CallbackFaults: g.guard.callbacks.Count(),
			OverBudget: g.guard.cpu.Spent(r.settings.Now()), Refused: g.guard.refused.Load(),
			Isolation: g.isolated(), Kept: g.kept.Load(),
		})
	}
	slices.SortFunc(status.Generations, func(a, b GenerationStatus) int { return cmp.Compare(b.Number, a.Number) })
	if known.live != nil {
		status.Live = known.live.status()
	}
	if known.canary != nil {
		status.Canary = known.canary.Status(active.Share)
	}
	status.FormerCanary = known.formerCanary
	return status
}

func stateOf(g *Generation, active Active, known *pluginState) State {
	switch {
	case g == active.Stable:
		return Stable
	case g == active.Canary:
		return Canary
	case known.live != nil && g == known.live.generation:
		return Shadowed
	case slices.Contains(known.warm, g):
		return Warm
	}
	return Draining
}
