//go:build race

package simulation

// underRace: compiling a plugin under the race detector takes minutes, so another process does it.
const underRace = true
