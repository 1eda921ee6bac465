package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	abi "payrouter/abi/v1"
)

// Active are the generations of one plugin that receive payments. It is a value that does not change.
type Active struct {
	Stable *Generation
	// Canary receives Share percent of the payments; nil where there is none.
	Canary *Generation
	// Share is from 1 to 100, and 0 without a canary.
	Share int
}

// For is the generation for a payment: the same for the same id, as long as Active is the same. A larger share keeps
// the payments of a smaller one. An empty id returns the stable generation.
func (a Active) For(paymentID string) *Generation {
	if a.Canary == nil || paymentID == "" || draw(paymentID, a.Canary.Digest()) >= a.Share {
		return a.Stable
	}
	return a.Canary
}

// draw is a pseudo-random number below 100 that depends on the arguments only. The digest is one of them so that each
// candidate receives other payments, and so that the draw is independent of routing's splits.
func draw(paymentID, digest string) int {
	sum := sha256.Sum256([]byte("canary\x00" + digest + "\x00" + paymentID))
	return int(binary.BigEndian.Uint64(sum[:]) % 100)
}

// Load loads both generations.
func (a Active) Load() error {
	err := a.Stable.Load()
	if err == nil && a.Canary != nil {
		err = a.Canary.Load()
	}
	return err
}

// ActiveSet has the active generations by the plugin's name. It is immutable: a change is another ActiveSet.
type ActiveSet struct {
	plugins map[string]Active
}

// Names are the plugins', sorted.
func (a ActiveSet) Names() []string { return slices.Sorted(maps.Keys(a.plugins)) }

// Of are a plugin's active generations.
func (a ActiveSet) Of(name string) (Active, bool) {
	active, found := a.plugins[name]
	return active, found
}

// Manifests are those of the stable generations, by name.
func (a ActiveSet) Manifests() map[string]*abi.Manifest {
	manifests := make(map[string]*abi.Manifest, len(a.plugins))
	for name, active := range a.plugins {
		manifests[name] = active.Stable.manifest
	}
	return manifests
}

// Hold keeps every generation of the set open until Release, whatever becomes active meanwhile. Each Hold is released
// once. A set may be held while it is Adopt's argument, and as long as a hold on it lasts.
func (a ActiveSet) Hold() {
	for generation := range a.generations {
		generation.Hold()
	}
}

// Release ends a Hold.
func (a ActiveSet) Release() {
	for generation := range a.generations {
		generation.Release()
	}
}

// generations are all active ones, each once.
func (a ActiveSet) generations(yield func(*Generation) bool) {
	for _, active := range a.plugins {
		if !yield(active.Stable) {
			return
		}
		if active.Canary != nil && !yield(active.Canary) {
			return
		}
	}
}

// with is the set in which a plugin has other active generations; a zero Active removes the plugin.
func (a ActiveSet) with(name string, active Active) ActiveSet {
	plugins := maps.Clone(a.plugins)
	if plugins == nil {
		plugins = map[string]Active{}
	}
	plugins[name] = active
	if active.Stable == nil {
		delete(plugins, name)
	}
	return ActiveSet{plugins: plugins}
}
