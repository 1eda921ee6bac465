// Command guest is the plugin that test/hostile misbehaves with. What it does is written into its bytes: see shape.
package main

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// shape is written over in the module, without building it again.
var shape = "shape: ........................"

func is(name string) bool { return strings.HasPrefix(shape, "shape: "+name+" ") }

func init() {
	if is("slow-start") {
		burn(startUnits)
	}
	guest.Register(connector{})
}

type connector struct{}

// How long loops run that end: of the fuel that the router allows in a call of that kind, most.
const (
	startUnits = 5_000_000
	slowUnits  = 8_000_000
)

// sink keeps the loops from being removed.
var sink uint64

func burn(rounds int) {
	x := sink | 1
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sink = x
}

func (connector) Describe() *abi.Manifest {
	const object = `{"type": "object"}`
	return &abi.Manifest{
		Name: "hostile", Version: "1.0.0", Title: "Hostile", BaseUrl: "https://api.example.com", SettingsSchema: object,
		Flows: []*abi.Flow{{Kind: abi.Kind_KIND_COLLECT, Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "create"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "look"},
		}}},
		Operations: []*abi.Operation{
			{
				Name: "create", Summary: "Make an order.", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE,
				InputSchema: object, OutputSchema: object, Documented: abi.Documented_DOCUMENTED_FULL,
			},
			{
				Name: "look", Summary: "Read an order.", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
				InputSchema: object, OutputSchema: object, Documented: abi.Documented_DOCUMENTED_FULL,
				FindsByReference: true,
			},
		},
		Callback: &abi.CallbackForm{Supported: true, Summary: "Anybody may send one."},
		MaxSteps: 1,
	}
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	switch {
	case is("loop-in-prepare"):
		for {
			burn(1)
		}
	case is("panic-in-prepare"):
		panic("no request today")
	case is("loud"):
		_, _ = os.Stderr.Write(bytes.Repeat([]byte("loud and long\n"), 100_000))
	}
	return guest.NewRequest("POST", guest.Literal("/orders")).JSON([]byte(`{"id":"` + call.GetPayment().GetId() + `"}`)).
		Send(nil), nil
}

func (connector) Interpret(call *abi.Call, _ []byte, response *abi.HttpResponse) (*abi.Step, error) {
	switch {
	case is("loop-in-interpret"):
		for {
			burn(1)
		}
	case is("slow-parser"):
		burn(slowUnits)
	case is("trap-in-interpret"), is("slow-start"):
		sink = uint64(*(*byte)(unsafe.Pointer(uintptr(0xffff_fff0))))
	case is("recursion"):
		sink = uint64(even(1 << 30))
	case is("wide-recursion"):
		sink = uint64(wide(1<<30, [64]uint64{}))
	case is("allocation"):
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case is("hoard"):
		if len(kept) < 12 {
			kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
		}
	case is("bad-answer"):
		return guest.Done(&abi.Outcome{Verdict: 99}), nil
	case is("long-answer"):
		return guest.Unreadable(strings.Repeat("why ", 6<<20)), nil
	}
	outcome := guest.Accepted(abi.Status_STATUS_SUCCEEDED, "order-"+call.GetPayment().GetId())
	outcome.Amount = guest.Money(call.GetPayment().GetAmount(), call.GetPayment().GetCurrency())
	return guest.Done(outcome), nil
}

// kept outlives calls, where the router lets it.
var kept [][]byte

// even and odd call each other without an end that they reach.
//
//go:noinline
func even(n int) int {
	if n == 0 {
		return 1
	}
	return odd(n-1) + 1
}

//go:noinline
func odd(n int) int {
	if n == 0 {
		return 0
	}
	return even(n-1) + 1
}

//go:noinline
func wide(n int, frame [64]uint64) uint64 {
	if n == 0 {
		return frame[0]
	}
	frame[n%len(frame)] = uint64(n)
	return wide(n-1, frame) + frame[n%7]
}

func (connector) Receive(*abi.Callback) (*abi.Receipt, error) {
	if is("loop-in-receive") {
		for {
			burn(1)
		}
	}
	return &abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: &abi.CallbackReply{Status: 200}}, nil
}

func main() { runtime.KeepAlive(shape) }
