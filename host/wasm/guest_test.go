package wasm_test

import (
	"context"
	"errors"
	"fmt"
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

// compileIn names the folder of the guest that this binary compiles, instead of running tests.
const compileIn = "WASM_TEST_COMPILE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(compileIn); dir != "" {
		if err := compileGuest(dir); err != nil {
			panic(err)
		}
		return
	}
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
	if raced {
		if err := compileUnraced(); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(out)
})

// compileUnraced has the guest compiled by these tests without the race detector, under which that takes half a
// minute.
func compileUnraced() error {
	tool := filepath.Join(cacheDir, "tool")
	if out, err := exec.Command("go", "test", "-c", "-o", tool, "payrouter/host/wasm").CombinedOutput(); err != nil {
		return fmt.Errorf("build the tool: %w\n%s", err, out)
	}
	compile := exec.Command(tool)
	compile.Env = append(os.Environ(), compileIn+"="+cacheDir)
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the guest: %w\n%s", err, out)
	}
	return nil
}

// compileGuest puts the guest's machine code where the tests look for it.
func compileGuest(dir string) error {
	code, err := os.ReadFile(filepath.Join(dir, "guest.wasm"))
	if err != nil {
		return err
	}
	c, err := wasm.New(filepath.Join(dir, "cache"), wasm.Options{})
	if err != nil {
		return err
	}
	m, err := c.Compile(context.Background(), code, wasm.Limits{})
	if err != nil {
		return err
	}
	return errors.Join(m.Close(context.Background()), c.Close(context.Background()))
}

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
