//go:build !race && amd64

package wasmtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/vector"
	abi "payrouter/abi/v1"
	"payrouter/host/wasm"
	"payrouter/host/wasm/checked"
)

// What one payment runs of a plugin's machine code is what it costs where the caches are cold: in a router, and not in
// a benchmark's loop. The bounds leave a tenth for what a new compiler or a new rule of a provider brings; who needs
// more measures a payment on cold caches first.
func TestOnePaymentTouchesLittleCode(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		plugin, vector string
		// kib of functions that it may run, each counted as a whole.
		kib int
	}{
		{"plugins/paygram", "issue-with-page", 1470},
		{"plugins/cryptogram", "create-documented", 2350},
		{"plugins/payplay", "create", 1900},
		{"plugins/exchanger", "create_address", 2640},
		{"plugins/paygrt", "recharge_success", 1620},
		{"examples/plugin-go", "create", 1390},
	} {
		t.Run(of.plugin, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join("..", "..", "..", of.plugin)
			v, err := vector.Read(filepath.Join(root, "testdata", of.vector+".txtar"))
			require.NoError(t, err)
			code := build(t, root)
			sizes := machineCode(t, code)
			ran := functions(t, code, v)
			total := 0
			for _, index := range ran {
				total += sizes[index]
			}
			t.Logf("%d of %d functions, %d KiB", len(ran), len(sizes), total>>10)
			require.LessOrEqual(t, total>>10, of.kib)
			require.Greater(t, total>>10, of.kib*3/4, "a bound so far away bounds nothing")
		})
	}
}

func build(t *testing.T, root string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin.wasm")
	command := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-o", path, ".")
	command.Dir = root
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	code, err := os.ReadFile(path)
	require.NoError(t, err)
	return code
}

func compilerIn(t *testing.T, dir string) *wasm.Compiler {
	t.Helper()
	compiler, err := wasm.New(dir, wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, compiler.Close(context.Background())) })
	return compiler
}

// machineCode is the size of each function that a module defines, as wazero's file of its machine code has it: a
// header, its version, the number of functions, the offset of each, the length of all.
func machineCode(t *testing.T, code []byte) (sizes []int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "compiled")
	guest, err := checked.New(compilerIn(t, dir)).Compile(t.Context(), code)
	require.NoError(t, err)
	require.NoError(t, guest.Close(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	const header = "WAZEVO"
	require.True(t, bytes.HasPrefix(content, []byte(header)))
	content = content[len(header):]
	content = content[1+int(content[0]):]
	count := int(binary.LittleEndian.Uint32(content))
	content = content[4:]
	offset := func(i int) int { return int(binary.LittleEndian.Uint64(content[i*8:])) }
	starts := make([]int, count+1) // in the order of the code, its end last
	for i := range starts {
		starts[i] = offset(i)
	}
	slices.Sort(starts)
	for i := range count {
		at, _ := slices.BinarySearch(starts, offset(i))
		sizes = append(sizes, starts[at+1]-starts[at])
	}
	return sizes
}

// functions are those that a payment runs, of the ones that the module defines, when there have been some before it.
func functions(t *testing.T, code []byte, v *vector.Vector) (ran []int) {
	t.Helper()
	run := &listener{}
	ctx := experimental.WithFunctionListenerFactory(t.Context(), run)
	guest, err := checked.New(compilerIn(t, "")).Compile(ctx, code)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, guest.Close(context.Background())) })
	pay, err := v.Again(t.Context(), vector.NewSandboxed(guest))
	require.NoError(t, err)
	for round := range 8 { // one of them may run the guest's collector
		run.ran = map[int]bool{}
		require.NoError(t, pay())
		if round > 3 && (ran == nil || len(run.ran) < len(ran)) {
			ran = ran[:0]
			for index := range run.ran {
				ran = append(ran, index)
			}
		}
	}
	return ran
}

// listener records which functions run.
type listener struct {
	first *int
	ran   map[int]bool
}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (l *listener) NewFunctionListener(of api.FunctionDefinition) experimental.FunctionListener {
	if of.GoFunction() != nil {
		return nil // the host's
	}
	index := int(of.Index())
	if l.ran == nil && l.first == nil { // functions come in order, after those that are imported
		l.first = &index
	}
	return experimental.FunctionListenerFunc(
		func(context.Context, api.Module, api.FunctionDefinition, []uint64, experimental.StackIterator) {
			if l.ran != nil {
				l.ran[index-*l.first] = true
			}
		})
}

// A guest that serves many calls keeps its heap small: the SDK has it collected early. A guest as after its start does
// not live to need that.
func TestAGuestOfManyCallsKeepsItsMemorySmall(t *testing.T) {
	t.Parallel()
	const plugin, most = "../../../plugins/paygram", 6 << 20
	v, err := vector.Read(plugin + "/testdata/issue-with-page.txtar")
	require.NoError(t, err)
	guest, err := checked.New(compilerIn(t, "")).Compile(t.Context(), build(t, plugin))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, guest.Close(context.Background())) })
	watched := &memory{Guest: guest}
	pay, err := v.Again(t.Context(), vector.NewSandboxed(watched))
	require.NoError(t, err)
	for range 3000 {
		require.NoError(t, pay())
	}
	t.Logf("%d KiB", watched.most>>10)
	require.Positive(t, watched.most)
	require.LessOrEqual(t, watched.most, int64(most))
}

// The host prepares the instance that pristine calls begin as by calls about nothing, over a hundred of them for a
// plugin that uses little memory. They are not the many calls that a guest is collected early for.
func TestAPristineGuestIsNotCollectedEarly(t *testing.T) {
	t.Parallel()
	guest, err := checked.New(compilerIn(t, "")).Compile(t.Context(), build(t, filepath.Join("testdata", "pacer")))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, guest.Close(context.Background())) })
	input, err := (&abi.Call{Operation: "ask"}).MarshalVT()
	require.NoError(t, err)
	percent := func(answer []byte, _ check.Usage, err error) string {
		require.NoError(t, err)
		decoded := new(abi.Answer)
		require.NoError(t, decoded.UnmarshalVTUnsafe(answer))
		return decoded.GetStep().GetDone().GetProviderReference()
	}
	for range 100 {
		require.Equal(t, "100", percent(guest.CallAlone(t.Context(), check.Prepare, input)))
	}
	for range 100 {
		_ = percent(guest.Call(t.Context(), check.Prepare, input))
	}
	require.Equal(t, "25", percent(guest.Call(t.Context(), check.Prepare, input)))
}

// memory is a guest of which the largest memory is recorded.
type memory struct {
	check.Guest
	most int64
}

func (m *memory) Call(ctx context.Context, export check.Export, input []byte) ([]byte, check.Usage, error) {
	answer, usage, err := m.Guest.Call(ctx, export, input)
	m.most = max(m.most, usage.Memory)
	return answer, usage, err
}
