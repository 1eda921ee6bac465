package plugin

import (
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/manifest"
	"payrouter/host/wasm"
)

// ErrorOfCompare is what the compare step finds against a manifest that replaces another, with some allowances.
func (r *Registry) ErrorOfCompare(before, after *abi.Manifest, allow ...Allowance) error {
	candidate := &Generation{manifest: after, module: &wasm.Module{}}
	return r.compare(Candidate{Allow: allow}, candidate, &Generation{manifest: before}, manifest.Compare(before, after))
}

// Tally is a tally of faults, whose inputs are texts.
type Tally struct{ tally *tally }

// NewTally makes one; settings that are zero are the defaults.
func NewTally(settings QuarantineSettings) Tally { return Tally{newTally(settings.withDefaults())} }

// Well counts a call without a fault, and Fault one with.
func (t Tally) Well(merchant string, now time.Time) { t.tally.well(merchant, now) }

// Fault reports whether it is one too many.
func (t Tally) Fault(about, merchant string, now time.Time) bool {
	return t.tally.fault(hashed([]byte(about)), merchant, now)
}

// Size is how many entries it has.
func (t Tally) Size() int { return len(t.tally.inputs) + len(t.tally.failing) + len(t.tally.merchants) }

// IsOpen is isOpen.
func (r *Registry) IsOpen(digest string) bool { return r.isOpen(digest) }
