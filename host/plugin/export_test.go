package plugin

import (
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/manifest"
)

// ErrorOfCompare is what the compare step finds against a manifest that replaces another, with some allowances.
func (r *Registry) ErrorOfCompare(before, after *abi.Manifest, allow ...Allowance) error {
	candidate := &Generation{manifest: after, code: newMachineCode(nil)}
	return r.compare(Candidate{Allow: allow}, candidate, &Generation{manifest: before}, manifest.Compare(before, after))
}

// IsOpen is isOpen.
func (r *Registry) IsOpen(digest string) bool { return r.isOpen(digest) }

// SetStepWithin changes Settings.StepWithin.
func (r *Registry) SetStepWithin(within time.Duration) { r.settings.StepWithin = within }

// CostOf is costOf.
func CostOf(used time.Duration) time.Duration { return costOf(used) }

// Loading keeps the module from being loaded by others until done is called.
func (g *Generation) Loading() (done func()) {
	g.code.busy <- struct{}{}
	return func() { <-g.code.busy }
}
