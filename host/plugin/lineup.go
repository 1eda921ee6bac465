package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	abi "payrouter/abi/v1"
)

// Serving is what serves of one plugin. It is a value; nobody changes what it points to.
type Serving struct {
	Stable *Generation
	// Canary serves Share percent of the payments beside Stable; nil where there is none.
	Canary *Generation
	// Share is from 1 to 100, and 0 without a canary.
	Share int
}

// For is the generation that serves a payment: the same for the same id, as long as Serving is the same. A larger share
// keeps the payments of a smaller one. An empty id asks for the stable one.
func (s Serving) For(paymentID string) *Generation {
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

// Lineup is which generations serve, by plugin's name. It is immutable: a change is another Lineup.
type Lineup struct {
	plugins map[string]Serving
}

// Names are the plugins', sorted.
func (l Lineup) Names() []string { return slices.Sorted(maps.Keys(l.plugins)) }

// Of is what serves of a plugin.
func (l Lineup) Of(name string) (Serving, bool) {
	serving, found := l.plugins[name]
	return serving, found
}

// Manifests are those of the stable generations, by name.
func (l Lineup) Manifests() map[string]*abi.Manifest {
	manifests := make(map[string]*abi.Manifest, len(l.plugins))
	for name, serving := range l.plugins {
		manifests[name] = serving.Stable.manifest
	}
	return manifests
}

// Hold keeps every generation of the lineup open until Release, whatever serves meanwhile. Each Hold is released once.
// A lineup may be held while Adopt is asked about it, and as long as a hold on it lasts.
func (l Lineup) Hold() {
	for generation := range l.generations {
		generation.Hold()
	}
}

// Release gives up what Hold took.
func (l Lineup) Release() {
	for generation := range l.generations {
		generation.Release()
	}
}

// generations are all that serve, each once.
func (l Lineup) generations(yield func(*Generation) bool) {
	for _, serving := range l.plugins {
		if !yield(serving.Stable) {
			return
		}
		if serving.Canary != nil && !yield(serving.Canary) {
			return
		}
	}
}

// with is the lineup in which a plugin is served by something else; a zero Serving takes it out.
func (l Lineup) with(name string, serving Serving) Lineup {
	plugins := maps.Clone(l.plugins)
	if plugins == nil {
		plugins = map[string]Serving{}
	}
	plugins[name] = serving
	if serving.Stable == nil {
		delete(plugins, name)
	}
	return Lineup{plugins: plugins}
}
