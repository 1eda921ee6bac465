package wasm_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/wasm"
)

// cacheDir holds the machine code of all the tests' modules, so that each is compiled once.
var cacheDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wasm-test-")
	if err != nil {
		panic(err)
	}
	cacheDir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// goGuest builds the guest in testdata with the Go toolchain, once.
var goGuest = sync.OnceValues(func() ([]byte, error) {
	out := filepath.Join(cacheDir, "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./testdata/guest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

func guest(tb testing.TB) []byte {
	tb.Helper()
	code, err := goGuest()
	require.NoError(tb, err)
	return code
}

// compiler gives a compiler of the test's own.
func compiler(tb testing.TB, options wasm.Options) *wasm.Compiler {
	tb.Helper()
	c, err := wasm.New(filepath.Join(cacheDir, "cache"), options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close(context.Background())) })
	return c
}

// compiled gives a module of the test's own.
func compiled(tb testing.TB, code []byte, limits wasm.Limits) *wasm.Module {
	tb.Helper()
	return compiledWith(tb, code, limits, wasm.Options{})
}

func compiledWith(tb testing.TB, code []byte, limits wasm.Limits, options wasm.Options) *wasm.Module {
	tb.Helper()
	m, err := compiler(tb, options).Compile(tb.Context(), code, limits)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, m.Close(context.Background())) })
	return m
}

// call gives a copy of the answer.
func call(tb testing.TB, m *wasm.Module, export wasm.Export, input string, env wasm.Env) (string, wasm.Usage, error) {
	tb.Helper()
	var answer string
	usage, err := m.Call(tb.Context(), export, []byte(input), env, func(b []byte) error {
		answer = string(b)
		return nil
	})
	return answer, usage, err
}
