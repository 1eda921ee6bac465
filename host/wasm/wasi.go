package wasm

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// wasiModule is the one module that a guest may import from.
const wasiModule = "wasi_snapshot_preview1"

// Env is what a guest can learn of the world during one call, beyond its input. The zero Env is a fine one: it is what
// _initialize runs with.
type Env struct {
	// Now is what the guest's clocks show. The wall clock stands still during a call; the monotonic clock starts from
	// it, and moves on a microsecond with every look at it, and over every sleep, none of which takes any time.
	// The zero Time is shown as 1970.
	Now time.Time
	// Seed is what the guest's random numbers are made from.
	Seed [32]byte
	// Sent is nothing that the guest sees: the call is about what was sent before, and goes before the module's other
	// calls where some wait.
	Sent bool
	// Log gets what the guest writes to stdout (1) and stderr (2), up to Limits.Log bytes a call, in the pieces that it
	// writes. The text is valid until Log returns, and may hold anything that the guest was given, a payer's name
	// among it. Log runs on the caller's goroutine, and must not call the module. nil drops the text.
	Log func(stream int, text []byte)
}

// What a call out of the guest costs, in fuel: the way out and back, and what it does on the way.
const (
	tripFuel = 200
	logFuel  = 5_000 // a line of the log
	byteFuel = 2     // a random byte, or a byte to log
	iovFuel  = 20    // an entry of a list that the guest passes
)

// errno is a WASI error number.
type errno = uint32

const (
	success     errno = 0
	errBadFile  errno = 8
	errFault    errno = 21
	errArgument errno = 28
)

// wasiFunctions are what a Go guest's runtime imports, served without touching anything outside the call: no files, no
// environment, no sockets, no sleep. All else is refused when a module is loaded.
//
//nolint:gochecknoglobals // a table
var wasiFunctions = map[string]struct {
	signature
	serve func(g *instance, args []uint64) errno
}{
	"args_get":            {signature{i32 + i32, i32}, serveNothing},
	"args_sizes_get":      {signature{i32 + i32, i32}, serveZeroSizes},
	"environ_get":         {signature{i32 + i32, i32}, serveNothing},
	"environ_sizes_get":   {signature{i32 + i32, i32}, serveZeroSizes},
	"clock_time_get":      {signature{i32 + i64 + i32, i32}, serveClock},
	"random_get":          {signature{i32 + i32, i32}, serveRandom},
	"poll_oneoff":         {signature{i32 + i32 + i32 + i32, i32}, servePoll},
	"sched_yield":         {signature{"", i32}, serveNothing},
	"proc_exit":           {signature{i32, ""}, serveExit},
	"fd_write":            {signature{i32 + i32 + i32 + i32, i32}, serveWrite},
	"fd_read":             {signature{i32 + i32 + i32 + i32, i32}, serveRead},
	"fd_close":            {signature{i32, i32}, serveStandardFile},
	"fd_fdstat_get":       {signature{i32 + i32, i32}, serveFileStatus},
	"fd_fdstat_set_flags": {signature{i32 + i32, i32}, serveStandardFile},
	"fd_prestat_get":      {signature{i32 + i32, i32}, serveNoFile},
	"fd_prestat_dir_name": {signature{i32 + i32 + i32, i32}, serveNoFile},
}

// verify checks an import against what the host offers.
func (e importEntry) verify() error {
	what := e.module + "." + e.name
	if e.module != wasiModule {
		return &RefusedError{Reason: ErrImport, What: what, Hint: "a plugin computes; only the host does I/O"}
	}
	offered, ok := wasiFunctions[e.name]
	if !ok {
		return &RefusedError{
			Reason: ErrImport, What: what,
			Hint: "files, sockets and the like are not there; look for a package that uses os or net",
		}
	}
	if e.signature != offered.signature {
		return &RefusedError{Reason: ErrImport, What: what + " as " + e.signature.String() + ", it is " +
			offered.String()}
	}
	return nil
}

// instantiateWASI puts the host's functions into a runtime. They find their instance in the call's context.
func instantiateWASI(ctx context.Context, r wazero.Runtime) error {
	builder := r.NewHostModuleBuilder(wasiModule)
	for name, f := range wasiFunctions {
		answers := f.results != ""
		serve := f.serve
		handler := api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			g := ctx.Value(instanceKey{}).(*instance)
			g.spend(tripFuel)
			if code := serve(g, stack); answers {
				stack[0] = uint64(code)
			}
		})
		builder = builder.NewFunctionBuilder().
			WithGoModuleFunction(handler, valueTypes(f.params), valueTypes(f.results)).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func valueTypes(types string) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range []byte(types) {
		out[i] = t
	}
	return out
}

func serveNothing(*instance, []uint64) errno { return success }

func serveNoFile(*instance, []uint64) errno { return errBadFile }

func serveExit(_ *instance, args []uint64) errno {
	panic(sys.NewExitError(uint32(args[0]))) // the runtime makes it the call's error
}

// serveZeroSizes answers that there are no arguments, or no environment.
func serveZeroSizes(g *instance, args []uint64) errno {
	if !g.memory.WriteUint32Le(uint32(args[0]), 0) || !g.memory.WriteUint32Le(uint32(args[1]), 0) {
		return errFault
	}
	return success
}

func serveClock(g *instance, args []uint64) errno {
	const realtime, monotonic = 0, 1
	var now int64
	switch uint32(args[0]) {
	case realtime:
		now = g.now
	case monotonic:
		g.elapsed += int64(time.Microsecond)
		now = g.now + g.elapsed
	default:
		return errArgument
	}
	if !g.memory.WriteUint64Le(uint32(args[2]), uint64(now)) {
		return errFault
	}
	return success
}

func serveRandom(g *instance, args []uint64) errno {
	n := uint32(args[1])
	g.spend(int64(n) * byteFuel)
	room, ok := g.memory.Read(uint32(args[0]), n)
	if !ok {
		return errFault
	}
	if g.random == nil {
		g.random = rand.NewChaCha8(g.env.Seed)
		g.seeded = true
	}
	if !g.seeded {
		g.random.Seed(g.env.Seed)
		g.seeded = true
	}
	_, _ = g.random.Read(room) // never fails
	return success
}

// servePoll completes every subscription at once. A sleep advances the monotonic clock.
func servePoll(g *instance, args []uint64) errno {
	const subscriptionSize, eventSize = 48, 32
	const clock, absolute = 0, 1
	in, out, n := uint32(args[0]), uint32(args[1]), uint32(args[2])
	g.spend(int64(n) * iovFuel)
	if n == 0 {
		return errArgument
	}
	if uint64(n)*subscriptionSize > uint64(g.memory.Size()) {
		return errFault
	}
	subscriptions, ok := g.memory.Read(in, n*subscriptionSize)
	if !ok {
		return errFault
	}
	events, ok := g.memory.Read(out, n*eventSize)
	if !ok {
		return errFault
	}
	for i := range n {
		s := subscriptions[i*subscriptionSize:][:subscriptionSize]
		event := events[i*eventSize:][:eventSize]
		userdata, kind := binary.LittleEndian.Uint64(s), s[8]
		if kind == clock {
			timeout := int64(min(binary.LittleEndian.Uint64(s[24:]), 1<<62))
			if binary.LittleEndian.Uint16(s[40:])&absolute != 0 {
				timeout -= g.now + g.elapsed
			}
			g.elapsed += min(max(timeout, 0), int64(24*time.Hour))
		}
		clear(event)
		binary.LittleEndian.PutUint64(event, userdata)
		event[10] = kind
	}
	if !g.memory.WriteUint32Le(uint32(args[3]), n) {
		return errFault
	}
	return success
}

// standard reports stdin, stdout and stderr, the only files.
func standard(file uint64) bool { return uint32(file) <= 2 }

func serveStandardFile(_ *instance, args []uint64) errno {
	if !standard(args[0]) {
		return errBadFile
	}
	return success
}

// serveFileStatus shows the standard files as character devices that may be written.
func serveFileStatus(g *instance, args []uint64) errno {
	const size, characterDevice, mayWrite = 24, 2, 1 << 6
	if !standard(args[0]) {
		return errBadFile
	}
	status, ok := g.memory.Read(uint32(args[1]), size)
	if !ok {
		return errFault
	}
	clear(status)
	status[0] = characterDevice
	binary.LittleEndian.PutUint64(status[8:], mayWrite)
	return success
}

// serveRead shows stdin at its end.
func serveRead(g *instance, args []uint64) errno {
	if uint32(args[0]) != 0 {
		return errBadFile
	}
	if !g.memory.WriteUint32Le(uint32(args[3]), 0) {
		return errFault
	}
	return success
}

// serveWrite logs. What goes beyond the limit is dropped, and counts as written: a guest's work must not depend on how
// much it says.
func serveWrite(g *instance, args []uint64) errno {
	const iovSize = 8
	stream := int(uint32(args[0]))
	list, n := uint32(args[1]), uint32(args[2])
	if stream != 1 && stream != 2 {
		return errBadFile
	}
	g.spend(int64(n) * iovFuel)
	if uint64(n)*iovSize > uint64(g.memory.Size()) {
		return errFault
	}
	iovs, ok := g.memory.Read(list, n*iovSize)
	if !ok {
		return errFault
	}
	var written uint32
	for i := range n {
		iov := iovs[i*iovSize:]
		text, ok := g.memory.Read(binary.LittleEndian.Uint32(iov), binary.LittleEndian.Uint32(iov[4:]))
		if !ok {
			return errFault
		}
		g.log(stream, text)
		written += uint32(len(text))
	}
	if !g.memory.WriteUint32Le(uint32(args[3]), written) {
		return errFault
	}
	return success
}
