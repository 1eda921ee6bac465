package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
)

// share is how much of a call's fuel and memory an honest call may take, as its inverse: what is left is for a larger
// answer than the documents show.
const share = 2

//nolint:gochecknoglobals // a table
var wasmExports = map[export]wasm.Export{exportPrepare: wasm.Prepare, exportInterpret: wasm.Interpret, exportReceive: wasm.Receive}

// sandboxed runs the plugin's module as the host does. It is used by one goroutine.
type sandboxed struct {
	module *wasm.Module
	// Of the calls so far.
	most wasm.Usage
}

func (s *sandboxed) call(ctx context.Context, in input) ([]byte, error) {
	return s.run(ctx, wasmExports[in.export], in.bytes)
}

func (s *sandboxed) run(ctx context.Context, export wasm.Export, in []byte) (answer []byte, err error) {
	usage, err := s.module.Call(ctx, export, in, wasm.Env{}, func(bytes []byte) error {
		answer = slices.Clone(bytes)
		return nil
	})
	s.most.Fuel = max(s.most.Fuel, usage.Fuel)
	s.most.Memory = max(s.most.Memory, usage.Memory)
	return answer, err
}

// newSandboxed builds the package under test as a module, and brings it up.
func newSandboxed(t *testing.T) *sandboxed {
	t.Helper()
	return newMachine(t, buildModule(t), wasm.Options{})
}

func buildModule(tb testing.TB) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "plugin.wasm")
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildmode=c-shared", "-o", path, ".")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(tb, err, "build the module:\n%s", output)
	code, err := os.ReadFile(path)
	require.NoError(tb, err)
	return code
}

// testSandbox asks the module everything that the connector was asked, and wants the same answers to the byte.
func testSandbox(t *testing.T, connector native, manifest *abi.Manifest, vectors []*vector) {
	t.Helper()
	sandbox := newSandboxed(t)
	t.Run("manifest", func(t *testing.T) {
		expected, err := encode(&abi.Answer{Result: &abi.Answer_Manifest{Manifest: manifest}})
		require.NoError(t, err)
		answer, err := sandbox.run(t.Context(), wasm.Describe, nil)
		require.NoError(t, err)
		require.Equal(t, expected, answer)
	})
	t.Run("golden", func(t *testing.T) {
		for _, v := range vectors {
			t.Run(v.name, func(t *testing.T) { testSameMoves(t, connector, sandbox, v) })
		}
		limits := sandbox.module.Limits()
		require.Less(t, sandbox.most.Fuel, limits.Fuel/share, "an honest call may take half of the fuel")
		require.Less(t, int64(sandbox.most.Memory), int64(limits.MemoryPages)*wasmPage/share, "honest calls may take half of the memory")
	})
	t.Run("hostile", func(t *testing.T) {
		attacker := newAttacker(manifest)
		for _, v := range vectors {
			t.Run(v.name, func(t *testing.T) { testSameUnderAttack(t, connector, sandbox, attacker, v) })
		}
	})
	t.Run("again and again", func(t *testing.T) { testAgain(t, sandbox) })
	t.Run("not the contract's", func(t *testing.T) { testBadInput(t, sandbox) })
	require.Zero(t, sandbox.module.Stats().Discarded, "no call cost an instance")
}

// wasmPage is a page of WebAssembly's memory, in bytes.
const wasmPage = 64 << 10

func testSameMoves(t *testing.T, connector native, sandbox *sandboxed, v *vector) {
	t.Helper()
	moves, err := play(t.Context(), connector, v)
	require.NoError(t, err)
	for _, m := range moves {
		expected, err := encode(m.answer)
		require.NoError(t, err)
		answer, err := sandbox.call(t.Context(), m.input)
		require.NoError(t, err, m.input.export)
		require.Equal(t, expected, answer, "%s answers otherwise in the sandbox", m.input.export)
	}
}

func testSameUnderAttack(t *testing.T, connector native, sandbox *sandboxed, attacker *attacker, v *vector) {
	t.Helper()
	attacks, err := attacker.on(t.Context(), connector, v)
	require.NoError(t, err)
	for _, a := range attacks {
		expected, _ := mount(t.Context(), connector, a)
		answer, wrong := mount(t.Context(), sandbox, a)
		require.Empty(t, wrong, a.name)
		require.Equal(t, expected, answer, "%s: answers otherwise in the sandbox", a.name)
	}
}

// testAgain asks until more memory has been used than there is: the guest's collector has to have its turns.
func testAgain(t *testing.T, sandbox *sandboxed) {
	t.Helper()
	limit := int64(sandbox.module.Limits().MemoryPages) * wasmPage
	manifest, err := sandbox.run(t.Context(), wasm.Describe, nil)
	require.NoError(t, err)
	for range 2 * limit / int64(len(manifest)) {
		_, err := sandbox.run(t.Context(), wasm.Describe, nil)
		require.NoError(t, err)
	}
	require.Less(t, int64(sandbox.most.Memory), limit/share)
}

// testBadInput hands the module bytes that are none of the contract's messages: it says so, and goes on.
func testBadInput(t *testing.T, sandbox *sandboxed) {
	t.Helper()
	for _, export := range []wasm.Export{wasm.Prepare, wasm.Interpret, wasm.Receive} {
		for _, bytes := range [][]byte{{0xff}, {0x0a, 0x7f}, slices.Repeat([]byte{0x0a}, 1000)} {
			encoded, err := sandbox.run(t.Context(), export, bytes)
			require.NoError(t, err)
			answer := new(abi.Answer)
			require.NoError(t, answer.UnmarshalVT(encoded))
			require.Equal(t, abi.Error_CODE_BAD_INPUT, answer.GetError().GetCode(), "%s: % x", export, bytes[:1])
		}
	}
}
