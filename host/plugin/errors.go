package plugin

import (
	"errors"
	"strings"
)

// Why a change of plugins is refused, beside package wasm's reasons (ErrImport, ErrVersion, …) and package signature's.
// RefusedError wraps them.
var (
	// ErrManifest: the manifest is incomplete or contradicts itself.
	ErrManifest = errors.New("manifest refused")
	// ErrName: it is another plugin than was asked for, or one that another file provides.
	ErrName = errors.New("another plugin")
	// ErrOlder: a newer version has served here, and the old one was signed too.
	ErrOlder = errors.New("version older than one that has served")
	// ErrSecrets: it names other secrets than the generation that serves.
	ErrSecrets = errors.New("secret list changed")
	// ErrHosts: it would send to hosts that the generation that serves does not.
	ErrHosts = errors.New("new hosts")
	// ErrPinned: the configuration pins another digest.
	ErrPinned = errors.New("digest not pinned")
	// ErrShadow: it answers recorded calls otherwise than the generation that serves.
	ErrShadow = errors.New("differs from what serves")
	// ErrIncompatible: the configuration cannot work with it.
	ErrIncompatible = errors.New("not compatible with the configuration")
	// ErrUnknown: there is no such plugin, or no such generation of it.
	ErrUnknown = errors.New("no such plugin")
	// ErrNothingKept: there is no generation to go back to.
	ErrNothingKept = errors.New("no former generation is kept")
	// ErrCanary: a canary is on trial, or none is, and the change needs it the other way.
	ErrCanary = errors.New("canary")
)

// RefusedError says at which step a change was refused, and why. What served before serves on.
type RefusedError struct {
	// Step is where it stopped.
	Step Step
	// Reason is one of the sentinels of this package, of wasm or of signature.
	Reason error
	// What says what is wrong in particular; may be empty.
	What string
	// Hint says how to mend it, or how to insist; may be empty.
	Hint string
	// Err is the cause from below; may be nil.
	Err error
}

// Error gives step, reason, details and hint.
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

// Unwrap gives the reason and the cause.
func (e *RefusedError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// at says of an error that comes from below at which step it came. One that says so already stays as it is.
func at(step Step, err error) error {
	if err == nil {
		return nil
	}
	if _, already := errors.AsType[*RefusedError](err); already {
		return err
	}
	return &RefusedError{Step: step, Reason: err}
}
