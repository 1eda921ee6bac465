package wasm_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"payrouter/host/wasm"
)

// tester is a test, or a run of a property.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// differential runs modules on both of wazero's engines.
type differential struct {
	runtimes map[engine]wazero.Runtime
	ended    map[string]int // calls, by how they ended
}

func newDifferential(tb testing.TB) *differential {
	tb.Helper()
	d := &differential{runtimes: make(map[engine]wazero.Runtime), ended: make(map[string]int)}
	for _, e := range []engine{compiles, interprets} {
		d.runtimes[e] = newRuntime(tb, e)
		offerImports(tb, d.runtimes[e])
	}
	return d
}

// offerImports has the functions that generated modules import.
func offerImports(tb testing.TB, r wazero.Runtime) {
	tb.Helper()
	_, err := r.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(a uint32, b uint64) uint64 { return b*31 + uint64(a) }).Export("mix").
		NewFunctionBuilder().WithFunc(func() {}).Export("note").
		Instantiate(tb.Context())
	require.NoError(tb, err)
}

// invocation is a call of a generated function.
type invocation struct {
	function int
	args     []uint64
}

func (i invocation) name() string { return fmt.Sprintf("f%d", i.function) }

// invocations draws calls of every function, the last one first.
func (g generated) invocations(seed uint64) []invocation {
	source := rand.New(rand.NewPCG(seed, 1))
	var all []invocation
	for f := range g.functions {
		call := invocation{function: len(g.functions) - 1 - f}
		for _, kind := range g.functions[call.function].params {
			arg := source.Uint64() >> source.IntN(64)
			switch kind {
			case i32Type, f32Type:
				arg = uint64(uint32(arg))
			case functionType:
				arg = 0 // what is not null differs from one engine to the other
			}
			call.args = append(call.args, arg)
		}
		all = append(all, call)
	}
	return all
}

// outcome is all that can be seen of a call, and of the instance after it.
type outcome struct {
	results []uint64
	trap    string
	fuel    int64 // burnt; more than was given where it was not seen in time that it was not enough
	globals []uint64
	tables  []uint64
	memory  [sha256.Size]byte // of all of it, and so of its size
}

// outOfFuel reports a call that trapped for want of fuel.
func (o outcome) outOfFuel(given int64) bool { return o.trap != "" && o.fuel > given }

// unmetered is the outcome without the fuel.
func (o outcome) unmetered() outcome { o.fuel = 0; return o }

// run makes one instance of a module and calls it again and again. It stops after so many calls.
func (d *differential) run(tb tester, e engine, g generated, code []byte, calls []invocation,
	fuel func(call int) int64,
) []outcome {
	tb.Helper()
	ctx := tb.Context()
	compiled, err := d.runtimes[e].CompileModule(ctx, code)
	require.NoError(tb, err)
	m, err := d.runtimes[e].InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	require.NoError(tb, err)
	defer func() {
		require.NoError(tb, errors.Join(m.Close(context.Background()), compiled.Close(context.Background())))
	}()
	var all []outcome
	for i, c := range calls {
		setFuel(m, fuel(i))
		var o outcome
		function := m.ExportedFunction(c.name())
		results, err := function.Call(ctx, c.args...)
		if err != nil {
			o.trap, _, _ = strings.Cut(err.Error(), "\n")
			require.Contains(tb, o.trap, "wasm error: ", "a mistake in the host")
			require.NotContains(tb, o.trap, "stack overflow", "depthGlobal keeps programs from it")
		}
		o.fuel = fuel(i) - fuelLeft(m)
		for at, result := range results {
			o.results = append(o.results, visible(g.functions[c.function].results[at], result))
		}
		for at, kind := range g.globals {
			o.globals = append(o.globals, visible(kind, m.ExportedGlobal(fmt.Sprintf("g%d", at)).Get()))
		}
		o.tables = d.tables(tb, m)
		content, ok := m.Memory().Read(0, m.Memory().Size())
		require.True(tb, ok)
		o.memory = sha256.Sum256(content)
		all = append(all, o)
	}
	return all
}

// visible is a value as every engine has it: which function a reference is to cannot be seen.
func visible(kind byte, value uint64) uint64 {
	switch kind {
	case functionType:
		return min(value, 1)
	case i32Type, f32Type:
		return uint64(uint32(value))
	}
	return value
}

// tables reads them through the functions that show them.
func (d *differential) tables(tb tester, m api.Module) []uint64 {
	tb.Helper()
	show := func(name string, args ...uint64) uint64 {
		setFuel(m, plenty)
		results, err := m.ExportedFunction(name).Call(tb.Context(), args...)
		require.NoError(tb, err)
		return results[0]
	}
	var all []uint64
	for i, t := range generatedTables {
		size := show(fmt.Sprintf("size%d", i))
		all = append(all, size)
		for at := range size {
			name := "null"
			if t.kind == referenceType {
				name = "get"
			}
			all = append(all, show(fmt.Sprintf("%s%d", name, i), at))
		}
	}
	return all
}

// compare is the property: metering changes nothing that a program does, and the fuel is the same on both engines and
// in every run, with as much fuel as it needs and with less.
func (d *differential) compare(tb tester, g generated, calls []invocation, given int64, less uint64) {
	tb.Helper()
	metered, err := wasm.Rewrite(g.code, true)
	require.NoError(tb, err)
	constant := func(int) int64 { return given }
	first := d.run(tb, compiles, g, metered, calls, constant)
	same := func(want []outcome, e engine, code []byte, fuel func(int) int64, what string) {
		got := d.run(tb, e, g, code, calls[:len(want)], fuel)
		for i := range want {
			require.Equal(tb, want[i], got[i], "%s: call %d", what, i)
		}
	}
	same(first, interprets, metered, constant, "interpreted")
	same(first, compiles, metered, constant, "a second time")

	// Without fuel a program could run for ever that ran out of it.
	var finished []outcome
	for _, o := range first {
		if o.outOfFuel(given) {
			d.ended["out of fuel"]++
			break
		}
		d.ended[o.trap]++
		finished = append(finished, o.unmetered())
	}
	none := func(int) int64 { return 0 }
	same(finished, compiles, g.code, none, "unmetered")
	same(finished, interprets, g.code, none, "unmetered, interpreted")

	// Exactly what was burnt is enough.
	same(first[:len(finished)], compiles, metered, func(i int) int64 { return first[i].fuel }, "with the fuel it burnt")
	cut := func(i int) int64 { return int64(less % uint64(max(first[i].fuel, 1))) }
	with := d.run(tb, compiles, g, metered, calls, cut)
	same(with, interprets, metered, cut, "with less fuel, interpreted")
	if cut(0) < first[0].fuel && !with[0].outOfFuel(cut(0)) {
		require.Equal(tb, first[0].unmetered(), with[0].unmetered(), "the debt was too small to be seen")
	}
}

func TestMeteringChangesNothingThatProgramsDo(t *testing.T) {
	t.Parallel()
	d := newDifferential(t)
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 120).Draw(rt, "size")
		seed := rapid.Uint64().Draw(rt, "seed")
		given := rapid.SampledFrom([]int64{3_000_000, 300_000, 10_000}).Draw(rt, "fuel")
		g := generate(seed, size)
		d.compare(rt, g, g.invocations(seed), given, rapid.Uint64().Draw(rt, "less"))
	})
	total := 0
	for _, n := range d.ended {
		total += n
	}
	require.Greater(t, d.ended[""], total/3, "calls that return: %v", d.ended)
	require.Positive(t, d.ended["out of fuel"], "%v", d.ended)
	t.Logf("%d calls: %v", total, d.ended)
}

// What programs do and what they burn is the same on every machine: testdata/outcomes.txt has it for some seeds.
func TestOutcomesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	const given = 300_000
	d := newDifferential(t)
	var lines strings.Builder
	for seed := range uint64(64) {
		g := generate(seed, 80)
		metered, err := wasm.Rewrite(g.code, true)
		require.NoError(t, err)
		calls := g.invocations(seed)
		var before []outcome
		for _, e := range []engine{compiles, interprets} {
			all := d.run(t, e, g, metered, calls, func(int) int64 { return given })
			if before != nil {
				require.Equal(t, before, all, "seed %d on the %s", seed, e)
			}
			before = all
		}
		fmt.Fprintf(&lines, "seed %d:", seed)
		for _, o := range before {
			sum := sha256.Sum256(fmt.Append(nil, o.results, o.trap, o.globals, o.tables, o.memory))
			fmt.Fprintf(&lines, " %d fuel %x", o.fuel, sum[:4])
		}
		lines.WriteByte('\n')
	}
	golden := filepath.Join("testdata", "outcomes.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(lines.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), lines.String(), "-update writes the outcomes")
}

// Machine code for arm64 is another part of wazero. It runs here in an emulator.
func TestOutcomesAreTheSameOnArm64(t *testing.T) {
	t.Parallel()
	var emulator string
	for _, name := range []string{"qemu-aarch64", "qemu-aarch64-static"} {
		if path, err := exec.LookPath(name); err == nil {
			emulator = path
		}
	}
	if emulator == "" || testing.Short() {
		t.Skip("without qemu-aarch64 (Debian's package qemu-user-static), or in short form, no code for arm64 runs")
	}
	tool := filepath.Join(t.TempDir(), "wasm.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", tool, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	run := exec.CommandContext(t.Context(), emulator, tool, "-test.v", "-test.run", "^TestOutcomesAreTheSameEverywhere$")
	out, err = run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestOutcomesAreTheSameEverywhere")
}

// A generated program has every instruction that the rewriter lets pass.
func TestEveryInstructionIsGenerated(t *testing.T) {
	t.Parallel()
	used := make(map[int]bool)
	for seed := range uint64(200) {
		g := generate(seed, 100)
		for opcode := range g.used {
			used[opcode] = true
		}
	}
	for code := range 256 {
		if code != opMisc>>8 && wasm.Known(byte(code), false) {
			require.True(t, used[code], "opcode %#x is let pass, but never generated", code)
		}
		if wasm.Known(byte(code), true) {
			require.True(t, used[opMisc|code], "opcode 0xfc %#x is let pass, but never generated", code)
		}
	}
}
