package plugin

import (
	"errors"
	"strings"
)

// Why a change of plugins is refused, beside package wasm's reasons (ErrImport, ErrVersion, …) and package
// signature's. RefusedError wraps them.
var (
	// ErrManifest: the manifest is incomplete or contradicts itself.
	ErrManifest = errors.New("manifest refused")
	// ErrName: it is not the plugin that was named, or another file provides it.
	ErrName = errors.New("another plugin")
	// ErrOlder: a newer version was active here.
	ErrOlder = errors.New("version older than one that was active")
	// ErrRefused: the same bytes were refused before, and what they need is not allowed.
	ErrRefused = errors.New("refused before")
	// ErrDecision: what was decided on the plugin before the start cannot be read.
	ErrDecision = errors.New("former decision not readable")
	// ErrSecrets: it names other secrets than the active generation.
	ErrSecrets = errors.New("secret list changed")
	// ErrHosts: it would send to hosts that the active generation does not name.
	ErrHosts = errors.New("new hosts")
	// ErrLoosened: its manifest lets the host do what the active generation's does not.
	ErrLoosened = errors.New("manifest loosened")
	// ErrSlow: a step did not end in time.
	ErrSlow = errors.New("took too long")
	// ErrPinned: the configuration pins another digest.
	ErrPinned = errors.New("digest not pinned")
	// ErrShadow: it answers recorded calls differently from the active generation.
	ErrShadow = errors.New("differs from the active generation")
	// ErrUnproven: there is no recorded flow to compare it by.
	ErrUnproven = errors.New("no evidence")
	// ErrCheck: its vectors do not hold, or it has none where they are required.
	ErrCheck = errors.New("check fails")
	// ErrIncompatible: the configuration cannot work with it.
	ErrIncompatible = errors.New("not compatible with the configuration")
	// ErrUnknown: there is no such plugin, or no such generation of it.
	ErrUnknown = errors.New("no such plugin")
	// ErrNothingKept: there is no generation to go back to.
	ErrNothingKept = errors.New("no former generation is kept")
	// ErrCanary: there is a canary, or there is none, and the change requires the opposite.
	ErrCanary = errors.New("canary")
	// ErrQuarantine: the module failed too many calls, and makes no new payments.
	ErrQuarantine = errors.New("in quarantine")
	// ErrNoQuarantine: there is no quarantine to end.
	ErrNoQuarantine = errors.New("not in quarantine")
)

// ErrOverBudget means that the calls of a generation, or of an account, have used the CPU that they may use for now.
// WithheldError wraps it.
var ErrOverBudget = errors.New("over its budget")

// RefusedError is a change that was refused at a step. The active set is unchanged.
type RefusedError struct {
	// Step is where it stopped.
	Step Step
	// Reason is one of the sentinels of this package, of wasm or of signature.
	Reason error
	// What is wrong in particular; may be empty.
	What string
	// Hint is how to correct it, or how to override the refusal; may be empty.
	Hint string
	// Needs are the allowances with which the module passes the step; empty where there are none.
	Needs []Allowance
	// Err is the cause from below; may be nil.
	Err error
}

// Error has step, reason, details and hint.
func (e *RefusedError) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Step) + ": " + e.Reason.Error())
	if e.What != "" {
		b.WriteString(": " + e.What)
	}
	if e.Err != nil && !errors.Is(e.Reason, e.Err) {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the reason and the cause.
func (e *RefusedError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// at makes an error a *RefusedError of a step. One that is a *RefusedError already stays as it is.
func at(step Step, err error) error {
	if err == nil {
		return nil
	}
	if _, already := errors.AsType[*RefusedError](err); already {
		return err
	}
	return &RefusedError{Step: step, Reason: err}
}
