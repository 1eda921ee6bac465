package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

// Limits bounds one module's guests. A zero field takes its default.
type Limits struct {
	// Fuel that one call may burn, and FuelPerByte more for every byte of its input, but no more than FuelMost. The
	// default Fuel ends every shape of code that we could think of within 50 ms (BenchmarkWorstShape; an AMD EPYC 9004
	// at 2.6 GHz), the slowest being one that waits for memory with every instruction. Honest code burns 20 to 40 a
	// nanosecond: half a million for a call of 15 µs. Defaults 30,000,000, 4,000 and 600,000,000.
	Fuel, FuelPerByte, FuelMost int64
	// Start is the fuel for bringing an instance up. Default 300,000,000.
	Start int64
	// MemoryPages that a guest's memory may have, 64 KiB each. Growth beyond fails inside the guest. Default 512, 32
	// MiB.
	MemoryPages uint32
	// MemoryMark is how many pages an instance may have after a call and be kept. Default 256, 16 MiB.
	MemoryMark uint32
	// Stack is how many bytes the frames of the guest's functions may take at once, by an estimate from above, see frame.
	// A Go plugin's take up to 400 KB, and 12 KB more for each level of nested JSON. The memory behind it is up to twice
	// as much, and three times while it grows. Default 4 MiB.
	Stack int64
	// Instances that exist at once. Default 8.
	Instances int
	// Calls after which an instance is replaced. Default 50,000.
	Calls int
	// Input is how many bytes may be handed over in a call. Default 8 MiB.
	Input int
	// Output is how many bytes an answer may have. Default 8 MiB.
	Output int
	// Log is how many bytes of stdout and stderr, together, are passed on in a call. Default 16 KiB.
	Log int
	// Code is how many bytes the module may have. Default 32 MiB.
	Code int
}

// withDefaults fills the fields that are zero.
func (l Limits) withDefaults() Limits {
	const mib = 1 << 20
	fill(&l.Fuel, 30_000_000)
	fill(&l.FuelPerByte, 4_000)
	fill(&l.FuelMost, 600_000_000)
	fill(&l.Start, 300_000_000)
	fill(&l.MemoryPages, 512)
	fill(&l.MemoryMark, 256)
	fill(&l.Stack, 4*mib)
	fill(&l.Instances, 8)
	fill(&l.Calls, 50_000)
	fill(&l.Input, 8*mib)
	fill(&l.Output, 8*mib)
	fill(&l.Log, 16<<10)
	fill(&l.Code, 32*mib)
	return l
}

func fill[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// validate reports every field that makes no sense.
func (l Limits) validate() error {
	var errs []error
	positive := func(name string, value int64) {
		if value < 0 {
			errs = append(errs, fmt.Errorf("limit %s is %d", name, value))
		}
	}
	positive("fuel", l.Fuel)
	positive("fuel per byte", l.FuelPerByte)
	positive("most fuel", l.FuelMost)
	positive("start", l.Start)
	positive("stack", l.Stack)
	positive("instances", int64(l.Instances))
	positive("calls", int64(l.Calls))
	positive("input", int64(l.Input))
	positive("output", int64(l.Output))
	positive("log", int64(l.Log))
	positive("code", int64(l.Code))
	if l.MemoryPages > 1<<16 {
		errs = append(errs, fmt.Errorf("limit memory pages is %d, at most 65536", l.MemoryPages))
	}
	return errors.Join(errs...)
}

// fuel is what a call with so many bytes of input may use.
func (l Limits) fuel(input int) int64 {
	return min(l.Fuel+int64(input)*l.FuelPerByte, max(l.FuelMost, l.Fuel))
}

// Usage is what a call took.
type Usage struct {
	// Fuel burnt. The same call on a fresh instance burns the same.
	Fuel int64
	// Start is the fuel for bringing an instance up for the call; 0 where there was one. It is not part of Fuel.
	Start int64
	// CPU is the processor time of all that the call took, a start and the restoring of an instance among it. Fuel is
	// the worst case of that: common code burns several units in a nanosecond.
	CPU time.Duration
	// Memory is the size of the guest's memory after the call, in bytes.
	Memory uint32
}

// Stats are a module's figures since it was compiled.
type Stats struct {
	// Instances there are now, of which Idle wait for a call.
	Instances, Idle int
	// Made is how many instances there have been.
	Made int64
	// Started is how many of those ran _initialize. The others began as a copy of the first.
	Started int64
	// Calls that ran, however they ended.
	Calls int64
	// Discarded instances, after a call that the guest failed: closed, or restored where the call was pristine.
	Discarded int64
	// Recycled instances, after enough calls, too much memory, a pristine call that left what cannot be restored,
	// or because other guests needed the memory.
	Recycled int64
}

// Module is a compiled guest and its instances. It is safe for concurrent use. Who compiled it closes
// it.
type Module struct {
	digest   string
	limits   Limits
	compiler *Compiler
	globals  []string // exports of those that an image has; nil where there can be no image
	started  int64    // guests that ran _initialize before there was an image
	image    *image   // of each instance after its start; nil where there can be none
	runtime  wazero.Runtime
	code     wazero.CompiledModule
	pool     *pool
	share    share
	shut     sync.Once
}

// Digest is the SHA-256 of the module's bytes as they were given to Compile, in hexadecimal.
func (m *Module) Digest() string { return m.digest }

// Limits are those in force, defaults filled in.
func (m *Module) Limits() Limits { return m.limits }

// Stats are the module's figures.
func (m *Module) Stats() Stats {
	stats := m.pool.snapshot()
	stats.Started = stats.Made
	if m.image != nil {
		stats.Started = m.started
	}
	return stats
}

// Caller is a Module's Call or CallPristine.
type Caller func(ctx context.Context, export Export, input []byte, env Env,
	read func(answer []byte) error) (Usage, error)

// Call runs an export of the guest on an instance of its own, with a copy of the input.
//
// The answer goes to read before the instance serves anybody else. It lies in the guest's memory: read must neither
// change it nor keep it. An error of read means that the answer is no good, and makes the call fail with ErrBadAnswer.
//
// ctx bounds the wait for a free instance, and for the other modules' calls, which ends with ErrBusy; once begun, a
// call is bounded by its fuel alone. While as many guests run as Options.Running allows, the module that used the least
// CPU goes first, and of its calls those of Interpret and Receive, and those about what was sent before.
// A call that the guest fails is a *CallError; its instance is never used again, and the next call gets another.
// Usage is valid after a failed call too.
//
// An instance serves many calls, and a guest can keep in its memory what it was given in former ones: see CallPristine.
func (m *Module) Call(ctx context.Context, export Export, input []byte, env Env,
	read func(answer []byte) error,
) (Usage, error) {
	return m.call(ctx, export, input, env, read, false)
}

// CallPristine is Call on an instance that is as it was right after its start: no call before is seen by this one, and
// this one by none after. The guest's memory and globals are restored after the call, however it ended. A guest that
// can change more than those, its tables say, gets a new instance for each call, and pays for its start.
func (m *Module) CallPristine(ctx context.Context, export Export, input []byte, env Env,
	read func(answer []byte) error,
) (Usage, error) {
	return m.call(ctx, export, input, env, read, true)
}

func (m *Module) call(ctx context.Context, export Export, input []byte, env Env, read func(answer []byte) error,
	pristine bool,
) (usage Usage, err error) {
	if len(input) > m.limits.Input {
		return Usage{},
			fmt.Errorf("call %s: %w: %d bytes, at most %d", export, ErrInputTooLarge, len(input), m.limits.Input)
	}
	urgent := export == Interpret || export == Receive || env.Sent
	admitted, err := m.compiler.gate.enter(ctx, m.pool.over, &m.share, urgent)
	if err != nil {
		return Usage{}, fmt.Errorf("call %s: %w", export, err)
	}
	watch := newStopwatch()
	defer func() {
		usage.CPU = watch.stop()
		m.compiler.gate.leave(&m.share, admitted, usage.CPU)
	}()
	return m.enter(ctx, export, input, env, read, pristine)
}

// enter makes a call whose turn it is.
func (m *Module) enter(ctx context.Context, export Export, input []byte, env Env, read func(answer []byte) error,
	pristine bool,
) (usage Usage, err error) {
	g, started, err := m.pool.acquire(ctx)
	usage.Start = started
	if err == nil && pristine && g.dirty && !m.restore(g) {
		g, started, err = m.pool.replace(g)
		usage.Start += started
	}
	if err != nil {
		return usage, fmt.Errorf("call %s: %w", export, err)
	}
	sound := false
	defer func() { m.pool.release(g, sound) }() // an instance whose call panicked is not sound

	g.served++
	g.dirty = true
	fuel := m.limits.fuel(len(input))
	g.begin(&env, fuel)
	answer, err := g.call(export, input)
	if err == nil {
		if cause := read(answer); cause != nil {
			err = &CallError{Call: export.String(), Reason: ErrBadAnswer, Detail: firstLine(cause.Error()), Err: cause}
		}
	}
	g.env = Env{}
	usage.Fuel, usage.Memory = g.burned(fuel), g.memory.Size()
	sound = err == nil
	if pristine && !errors.Is(err, ErrStackOverflow) { // which leaves a large stack
		restored := m.restore(g)
		sound, g.spent, g.failed = sound || restored, !restored, err != nil && restored
	}
	return usage, err
}

// restore brings an instance back to its start, and reports whether it could.
func (m *Module) restore(g *instance) bool { return m.image != nil && g.restore(m.image) }

// Close refuses further calls, waits for those under way, and frees everything. When ctx ends first it returns ctx's
// error, and may be called again.
func (m *Module) Close(ctx context.Context) error {
	if err := m.pool.close(ctx); err != nil {
		return fmt.Errorf("close module: %w", err)
	}
	var err error
	m.shut.Do(func() {
		err = errors.Join(m.runtime.Close(ctx), m.code.Close(ctx))
		m.image.close()
		m.compiler.leave()
	})
	return err
}
