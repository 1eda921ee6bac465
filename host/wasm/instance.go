package wasm

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

// PageSize is the unit of a memory's size, in bytes.
const PageSize = 65536

// instance is one guest: a memory of its own, and the state of its calls. One goroutine owns it at a time.
type instance struct {
	limits  *Limits
	module  api.Module
	memory  api.Memory
	linear  *linear           // what the memory lies in; nil where the runtime allocates it
	fuel    api.MutableGlobal // nil where nothing is metered
	frames  api.MutableGlobal // the stack that is left, in bytes; nil as fuel is
	alloc   api.Function
	exports [Exports]api.Function
	globals []api.MutableGlobal // those that an image has
	// ctx leads the host's functions to this instance. It is made once, so that a call allocates nothing, and never
	// ends: fuel bounds a call.
	ctx     context.Context
	stack   [2]uint64
	served  int
	dirty   bool  // it was called since it was started or restored
	charged int64 // bytes of the budget, while it is idle
	spent   bool  // it is to be closed after the call
	failed  bool  // the call failed, and the instance was restored
	// room is where the guest takes inputs of up to size bytes; size 0 is nowhere.
	room struct{ at, size uint32 }

	// Of the call under way:
	env     Env
	now     int64 // of the wall clock, in nanoseconds
	elapsed int64 // on the monotonic clock, in nanoseconds
	random  *rand.ChaCha8
	seeded  bool
	logged  int
}

type instanceKey struct{}

// start starts a guest: it allocates its memory, and brings it to where the image is. Where there is none the guest
// runs _initialize, and its version is read. It returns the fuel that this took, also where it failed.
func (m *Module) start() (*instance, int64, error) {
	g := &instance{limits: &m.limits}
	g.ctx = context.WithValue(context.Background(), instanceKey{}, g)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := m.runtime.InstantiateModule(g.allocating(), m.code, config)
	if err != nil {
		return nil, 0, fmt.Errorf("instantiate: %w", err)
	}
	g.module, g.memory = module, module.Memory()
	g.fuel, _ = module.ExportedGlobal(fuelGlobal).(api.MutableGlobal)
	g.frames, _ = module.ExportedGlobal(stackGlobal).(api.MutableGlobal)
	g.alloc = module.ExportedFunction("alloc")
	for i, name := range exportNames {
		g.exports[i] = module.ExportedFunction(name)
	}
	for _, name := range m.globals {
		g.globals = append(g.globals, module.ExportedGlobal(name).(api.MutableGlobal))
	}
	fuel := int64(0)
	err = g.initialize(m.image)
	if m.image == nil {
		fuel = g.burned(m.limits.Start)
	}
	if err != nil {
		_ = g.close()
		return nil, fuel, err
	}
	return g, fuel, nil
}

// allocating is a context in which the runtime takes the memory from linear, as far as the system lets it.
func (g *instance) allocating() context.Context {
	allocate := func(_, most uint64) experimental.LinearMemory {
		if g.linear = newLinear(most); g.linear != nil {
			return g.linear
		}
		return new(onHeap)
	}
	return experimental.WithMemoryAllocator(g.ctx, experimental.MemoryAllocatorFunc(allocate))
}

// onHeap is a memory that Go's runtime has.
type onHeap struct{ bytes []byte }

// Reallocate implements experimental.LinearMemory.
func (h *onHeap) Reallocate(size uint64) []byte {
	if grown := int(size) - len(h.bytes); grown > 0 {
		h.bytes = append(h.bytes, make([]byte, grown)...)
	}
	return h.bytes
}

// Free implements experimental.LinearMemory.
func (h *onHeap) Free() { h.bytes = nil }

func (g *instance) initialize(from *image) error {
	const initialize, version = "_initialize", "abi_version"
	if from != nil {
		return g.become(from)
	}
	g.begin(&Env{}, g.limits.Start)
	if err := g.run(initialize, g.module.ExportedFunction(initialize)); err != nil {
		return err
	}
	if err := g.run(version, g.module.ExportedFunction(version)); err != nil {
		return err
	}
	if got := int32(g.stack[0]); got != Major {
		return &RefusedError{
			Reason: ErrVersion, What: fmt.Sprintf("abi_version() is %d, the marker says %d", got, Major),
		}
	}
	return nil
}

// close frees the guest's memory.
func (g *instance) close() error {
	return g.module.Close(g.ctx)
}

// begin sets the state of a call.
func (g *instance) begin(env *Env, fuel int64) {
	g.env = *env
	g.now, g.elapsed, g.seeded, g.logged = 0, 0, false, 0
	if !env.Now.IsZero() {
		g.now = env.Now.UnixNano()
	}
	if g.fuel != nil {
		g.fuel.Set(uint64(fuel))
		g.frames.Set(uint64(g.limits.Stack))
	}
}

// fuelLeft is below zero when the guest ran out.
func (g *instance) fuelLeft() int64 {
	if g.fuel == nil {
		return 0
	}
	return int64(g.fuel.Get())
}

// burned is how much the guest used of the fuel that its call was given; nothing where nothing is metered.
func (g *instance) burned(given int64) int64 {
	if g.fuel == nil {
		return 0
	}
	return given - max(g.fuelLeft(), 0)
}

// spend takes fuel for work that the host does for the guest. Where there is too little the call ends.
func (g *instance) spend(fuel int64) {
	if g.fuel == nil {
		return
	}
	left := g.fuelLeft() - fuel
	g.fuel.Set(uint64(left))
	if left < 0 {
		panic(ErrOutOfFuel) // the runtime makes it the call's error
	}
}

// log passes on what the guest writes, within the limit of a call.
func (g *instance) log(stream int, text []byte) {
	text = text[:min(len(text), g.limits.Log-g.logged)]
	if len(text) == 0 {
		return
	}
	g.spend(logFuel + int64(len(text))*byteFuel)
	g.logged += len(text)
	if g.env.Log != nil {
		g.env.Log(stream, text)
	}
}

// call passes the input, runs an export, and returns its answer, which lies in the guest's memory.
func (g *instance) call(export Export, input []byte) ([]byte, error) {
	name := exportNames[export]
	address, err := g.place(input)
	if err != nil {
		return nil, err
	}
	g.stack = [2]uint64{uint64(address), uint64(len(input))}
	if err := g.run(name, g.exports[export]); err != nil {
		return nil, err
	}
	at, size := uint32(g.stack[0]>>32), uint32(g.stack[0])
	if int64(size) > int64(g.limits.Output) {
		return nil, &CallError{
			Call: name, Reason: ErrAnswerTooLarge, Detail: fmt.Sprintf("%d bytes, at most %d", size, g.limits.Output),
		}
	}
	answer, ok := g.memory.Read(at, size)
	if !ok {
		return nil, &CallError{
			Call: name, Reason: ErrBadAnswer,
			Detail: fmt.Sprintf("%d bytes at %d, in a memory of %d", size, at, g.memory.Size()),
		}
	}
	return answer, nil
}

// place copies the input to where the guest wants it. An empty one needs no place. Room for inputs of a usual size is
// asked for once: a call into a guest costs it more than reading a small input does.
func (g *instance) place(input []byte) (uint32, error) {
	const least, kept = 4 << 10, 64 << 10
	size := uint32(len(input))
	if size == 0 {
		return 0, nil
	}
	room := g.room
	if size > room.size {
		room.size = max(size, least)
		if room.size < kept {
			room.size = 1 << bits.Len32(room.size-1)
		}
		g.room.size = 0
		g.stack[0] = uint64(room.size)
		if err := g.run("alloc", g.alloc); err != nil {
			return 0, err
		}
		room.at = uint32(g.stack[0])
	}
	if room.at == 0 || uint64(room.at)+uint64(room.size) > uint64(g.memory.Size()) || !g.memory.Write(room.at, input) {
		return 0, &CallError{
			Call: "alloc", Reason: ErrBadAnswer,
			Detail: fmt.Sprintf("room for %d bytes at %d, in a memory of %d", room.size, room.at, g.memory.Size()),
		}
	}
	if room.size <= kept {
		g.room = room
	}
	return room.at, nil
}

// run calls a function of the guest. Arguments and result are on g.stack.
func (g *instance) run(name string, f api.Function) error {
	if err := f.CallWithStack(g.ctx, g.stack[:]); err != nil {
		return g.fault(name, err)
	}
	return nil
}

// fault classifies what ended a call. The runtime does not export its kinds of trap, so a stack overflow, which it
// returns bare, is recognized by its text.
func (g *instance) fault(name string, err error) error {
	const overflow = "stack overflow"
	text, trace, _ := strings.Cut(err.Error(), "\n")
	call := &CallError{
		Call: name, Reason: ErrTrapped, Detail: strings.TrimPrefix(text, "wasm error: "),
		Trace: strings.TrimPrefix(trace, "wasm stack trace:\n"), Err: err,
	}
	switch exit := (*sys.ExitError)(nil); {
	case g.fuelLeft() < 0:
		call.Reason, call.Detail = ErrOutOfFuel, ""
	case errors.As(err, &exit):
		call.Reason, call.Detail = ErrExited, fmt.Sprintf("exit code %d", exit.ExitCode())
	case text == overflow || g.frames != nil && int64(g.frames.Get()) < 0:
		call.Reason, call.Detail = ErrStackOverflow, ""
	}
	return call
}

// worn reports an instance that was used long enough, or has grown too large: a memory never shrinks.
func (g *instance) worn() bool {
	return g.spent || g.served >= g.limits.Calls || g.memory.Size()/PageSize > g.limits.MemoryMark
}
