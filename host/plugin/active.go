package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	abi "payrouter/abi/v1"
)

// Active is what serves of one plugin. It is a value; nobody changes what it points to.
type Active struct {
	Stable *Generation
	// Canary serves Share percent of the payments beside Stable; nil where there is none.
	Canary *Generation
	// Share is from 1 to 100, and 0 without a canary.
	Share int
}

// For is the generation that serves a payment: the same for the same id, as long as Active is the same. A larger share
// keeps the payments of a smaller one. An empty id asks for the stable one.
func (s Active) For(paymentID string) *Generation {
	if s.Canary == nil || paymentID == "" || draw(paymentID, s.Canary.Digest()) >= s.Share {
		return s.Stable
	}
	return s.Canary
}

// draw is a number below 100, as good as random, that is the same whenever it is drawn. The digest is in it so that not
// the same payments try out every candidate, and so that it has nothing to do with how routing splits.
func draw(paymentID, digest string) int {
	sum := sha256.Sum256([]byte("canary\x00" + digest + "\x00" + paymentID))
	return int(binary.BigEndian.Uint64(sum[:]) % 100)
}

// ActiveSet is which generations serve, by plugin's name. It is immutable: a change is another ActiveSet.
type ActiveSet struct {
	plugins map[string]Active
}

// Names are the plugins', sorted.
func (l ActiveSet) Names() []string { return slices.Sorted(maps.Keys(l.plugins)) }

// Of is what serves of a plugin.
func (l ActiveSet) Of(name string) (Active, bool) {
	active, found := l.plugins[name]
	return active, found
}

// Manifests are those of the stable generations, by name.
func (l ActiveSet) Manifests() map[string]*abi.Manifest {
	manifests := make(map[string]*abi.Manifest, len(l.plugins))
	for name, active := range l.plugins {
		manifests[name] = active.Stable.manifest
	}
	return manifests
}

// Hold keeps every generation of the active open until Release, whatever serves meanwhile. Each Hold is released once.
// An active set may be held while Adopt is asked about it, and as long as a hold on it lasts.
func (l ActiveSet) Hold() {
	for generation := range l.generations {
		generation.Hold()
	}
}

// Release gives up what Hold took.
func (l ActiveSet) Release() {
	for generation := range l.generations {
		generation.Release()
	}
}

// generations are all that serve, each once.
func (l ActiveSet) generations(yield func(*Generation) bool) {
	for _, active := range l.plugins {
		if !yield(active.Stable) {
			return
		}
		if active.Canary != nil && !yield(active.Canary) {
			return
		}
	}
}

// with is the active in which a plugin is served by something else; a zero Active takes it out.
func (l ActiveSet) with(name string, active Active) ActiveSet {
	plugins := maps.Clone(l.plugins)
	if plugins == nil {
		plugins = map[string]Active{}
	}
	plugins[name] = active
	if active.Stable == nil {
		delete(plugins, name)
	}
	return ActiveSet{plugins: plugins}
}
