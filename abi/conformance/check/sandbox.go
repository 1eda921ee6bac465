package check

import "context"

// Export is one of the contract's calls.
type Export string

// The contract's calls.
const (
	Describe  Export = "describe"
	Prepare   Export = "prepare"
	Interpret Export = "interpret"
	Receive   Export = "receive"
)

// Sandbox runs modules as the router does. The router implements it; a plugin outside of the router's repository is
// checked by the command `router plugin check`.
type Sandbox interface {
	// Inspect returns a module's digest without running it, and why the router refuses the module; nil where it does
	// not.
	Inspect(code []byte) (digest string, refused error)
	// Compile makes a module callable. The error is a RefusedError where the module is at fault.
	Compile(ctx context.Context, code []byte) (Guest, error)
}

// Guest is a compiled module. It is used by one goroutine, and closed by whoever compiled it.
type Guest interface {
	// Call returns the encoded answer, which the caller owns. The error is a fault of the guest, which costs the
	// instance that it happens to.
	Call(ctx context.Context, export Export, input []byte) (answer []byte, used Usage, err error)
	// CallAlone is Call on an instance that no other call has used since its start.
	CallAlone(ctx context.Context, export Export, input []byte) (answer []byte, used Usage, err error)
	// Limits are what one call may use.
	Limits() Usage
	// Discarded is how many instances the calls so far have cost.
	Discarded() int64
	Close(ctx context.Context) error
}

// Usage is what a call uses.
type Usage struct {
	Fuel int64
	// Memory is the size of the guest's memory after the call, in bytes.
	Memory int64
}

// RefusedError reports a module that the router refuses.
type RefusedError struct{ Reason error }

// Error is the reason.
func (e *RefusedError) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Reason }
