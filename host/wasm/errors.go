package wasm

import (
	"errors"
	"fmt"
	"strings"
)

// What a module was refused for. Compile and Inspect wrap them in a *RefusedError.
var (
	// ErrMalformed: the bytes are not a well-formed core WebAssembly module.
	ErrMalformed = errors.New("malformed module")
	// ErrTooLarge: the module, or a part of it, is larger than the host takes.
	ErrTooLarge = errors.New("too large")
	// ErrImport: it imports something that the host does not offer.
	ErrImport = errors.New("import refused")
	// ErrExport: an export that the contract asks for is missing or has another type.
	ErrExport = errors.New("export missing")
	// ErrVersion: it speaks no ABI version, or one that the host does not know.
	ErrVersion = errors.New("ABI version not known")
	// ErrOpcode: it has an instruction that the host does not know how to meter.
	ErrOpcode = errors.New("instruction not supported")
	// ErrUnsupported: it uses a feature of WebAssembly that the host does not offer, as a start function.
	ErrUnsupported = errors.New("feature not supported")
	// ErrReserved: it uses a name that is the host's own.
	ErrReserved = errors.New("name reserved")
	// ErrStart: it is well-formed, but its first instance could not be brought up.
	ErrStart = errors.New("first instance failed")
)

// How a call ended when the guest is at fault. Module.Call wraps them in a *CallError.
var (
	// ErrOutOfFuel: the call used all the fuel that Limits.Fuel allows.
	ErrOutOfFuel = errors.New("out of fuel")
	// ErrTrapped: the guest trapped: unreachable, an access out of bounds, a division by zero.
	ErrTrapped = errors.New("trapped")
	// ErrStackOverflow: the guest recursed deeper than the host's stack for it reaches.
	ErrStackOverflow = errors.New("stack overflow")
	// ErrExited: the guest ended itself through proc_exit; a Go guest does so on a fatal error, running out of memory
	// among them.
	ErrExited = errors.New("exited")
	// ErrBadAnswer: the answer lies outside the guest's memory, or the reader of the answer would not have it.
	ErrBadAnswer = errors.New("bad answer")
	// ErrAnswerTooLarge: the answer is longer than Limits.Output.
	ErrAnswerTooLarge = errors.New("answer too large")
	// ErrKept: the guest answers otherwise than on a pristine instance, see Module.CallPristine, so that it keeps
	// something from one call to the next. Call does not look for it: its callers compare.
	ErrKept = errors.New("the plugin kept state between calls")
)

// What keeps a call from starting. Nothing ran.
var (
	// ErrBusy: the context ended before an instance became free.
	ErrBusy = errors.New("no instance free")
	// ErrClosed: the module or the compiler has been closed.
	ErrClosed = errors.New("closed")
	// ErrInputTooLarge: the input is longer than Limits.Input.
	ErrInputTooLarge = errors.New("input too large")
)

// RefusedError is why a module is refused. The same bytes are refused every time.
type RefusedError struct {
	// Reason is one of the sentinels above: ErrImport, ErrOpcode, …
	Reason error
	// What is the thing that is refused: `import "env"."connect"`.
	What string
	// Where it stands, as "byte 1234" or "function 17"; empty where What says it all.
	Where string
	// Hint is how to correct it; may be empty.
	Hint string
	// Err is the cause from below, as from the compiler; nil as a rule.
	Err error
}

// Error has reason, thing, place, cause and hint in one line.
func (e *RefusedError) Error() string {
	var b strings.Builder
	b.WriteString("wasm module refused: " + e.Reason.Error())
	if e.What != "" {
		b.WriteString(": " + e.What)
	}
	if e.Where != "" {
		b.WriteString(" at " + e.Where)
	}
	if e.Err != nil {
		b.WriteString(": " + firstLine(e.Err.Error()))
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the reason and the cause.
func (e *RefusedError) Unwrap() []error {
	return compact(e.Reason, e.Err)
}

// CallError is how a guest's call ended. Its instance is discarded; the next call gets another.
type CallError struct {
	// Call is the export's name: "prepare", "_initialize".
	Call string
	// Reason is one of the sentinels above: ErrOutOfFuel, ErrTrapped, …
	Reason error
	// Detail is more in a few words; may be empty.
	Detail string
	// Trace is the guest's stack, a frame a line, where the runtime gave one. It names functions and no values.
	Trace string
	// Err is the cause from below; may be nil.
	Err error
}

// Error has the call, the reason and the detail in one line, without the trace.
func (e *CallError) Error() string {
	text := fmt.Sprintf("wasm guest: %s: %s", e.Call, e.Reason)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the reason and the cause.
func (e *CallError) Unwrap() []error {
	return compact(e.Reason, e.Err)
}

func compact(errs ...error) []error {
	kept := errs[:0]
	for _, err := range errs {
		if err != nil {
			kept = append(kept, err)
		}
	}
	return kept
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
