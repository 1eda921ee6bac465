package plugin

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"payrouter/host/wasm"
)

// State is what a generation is for.
type State string

// The states of a generation.
const (
	Stable State = "active"
	Canary State = "canary"
	// Warm: it is kept for a rollback.
	Warm State = "warm"
	// Draining: what began with it is still under way.
	Draining State = "draining"
)

// GenerationStatus is what can be said of a generation that is open.
type GenerationStatus struct {
	Number          int64
	Digest, Version string
	State           State
	LoadedAt        time.Time
	Source          string
	// Signed: a trusted key stands behind it.
	Signed bool
	Stats  wasm.Stats
}

// Trial is how a canary does.
type Trial struct {
	Share int
	Since time.Time
	// Stable and Canary count attempts since then.
	Stable, Canary Figures
	// Least and Percent are the bounds that it is held against.
	Least, Percent int
}

// Status is what can be said of a plugin.
type Status struct {
	Name, Title string
	// Generations that are open, the latest first.
	Generations []GenerationStatus
	// Trial is nil without a canary.
	Trial *Trial
	// Recorded conversations, and their bytes.
	Recorded, RecordedBytes int
	// Events are the last steps, the oldest first.
	Events []Event
}

// Plugins tells of all plugins, by name: those that serve, and those of which something was tried.
func (s *Registry) Plugins() []Status {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	all := []Status{}
	for _, name := range slices.Sorted(maps.Keys(s.entries)) {
		all = append(all, s.status(name, s.entries[name]))
	}
	return all
}

// Plugin tells of one.
func (s *Registry) Plugin(name string) (Status, bool) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	known, found := s.entries[name]
	if !found {
		return Status{}, false
	}
	return s.status(name, known), true
}

// status is asked under the mutex.
func (s *Registry) status(name string, known *entry) Status {
	status := Status{Name: name, Events: slices.Clone(known.events)}
	status.Recorded, status.RecordedBytes = known.recorder.count()
	active, _ := s.active.Of(name)
	if active.Stable != nil {
		status.Title = active.Stable.manifest.GetTitle()
	}
	for g := range s.open {
		if g.manifest.GetName() != name {
			continue
		}
		status.Generations = append(status.Generations, GenerationStatus{
			Number: g.number, Digest: g.Digest(), Version: g.manifest.GetVersion(), State: stateOf(g, active, known),
			LoadedAt: g.loadedAt,
			Source:   g.source, Signed: g.signed, Stats: g.Stats(),
		})
	}
	slices.SortFunc(status.Generations, func(a, b GenerationStatus) int { return cmp.Compare(b.Number, a.Number) })
	if known.trial != nil {
		status.Trial = known.trial.status(active.Share, s.settings.Canary)
	}
	return status
}

func stateOf(g *Generation, active Active, known *entry) State {
	switch {
	case g == active.Stable:
		return Stable
	case g == active.Canary:
		return Canary
	case slices.Contains(known.warm, g):
		return Warm
	}
	return Draining
}

func (t *trial) status(share int, settings CanarySettings) *Trial {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return &Trial{
		Share: share, Since: t.since, Stable: t.before, Canary: t.now, Least: settings.Least,
		Percent: settings.Percent,
	}
}
