package plugin_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

// workDir holds what the tests' modules are built to, and their machine code, so that each is made once.
var workDir string

func TestMain(m *testing.M) {
	if path := os.Getenv(compileModule); path != "" {
		if err := compileOnly(path); err != nil {
			panic(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "plugin-test-")
	if err != nil {
		panic(err)
	}
	workDir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// module builds the plugin in testdata, with a defect linked in, or with a socket where the defect is of that name.
func module(tb testing.TB, defect string) []byte {
	tb.Helper()
	path := filepath.Join(workDir, "hostile-"+defect+".wasm")
	if code, err := os.ReadFile(path); err == nil {
		compiled(tb, code)
		return code
	}
	made := filepath.Join(tb.TempDir(), "made.wasm")
	arguments := []string{"build", "-buildmode=c-shared", "-ldflags", "-X main.defect=" + defect, "-o", made}
	if defect == "socket" {
		arguments = append(arguments, "-tags", "socket")
	}
	build := exec.CommandContext(tb.Context(), "go", append(arguments, "./testdata/hostile")...)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(tb, err, "%s", output)
	code, err := os.ReadFile(made)
	require.NoError(tb, err)
	require.NoError(tb, os.Rename(made, path)) // whole at once, whoever else builds it
	compiled(tb, code)
	return code
}

// variant is the plugin in testdata with some of its bytes written over: "version=1.1.0 place=/v2/buy".
func variant(t *testing.T, words string) []byte {
	t.Helper()
	const room = "variant: ......................................................................"
	code := module(t, "")
	at := bytes.Index(code, []byte(room))
	require.Positive(t, at)
	require.LessOrEqual(t, len(words), len(room)-len("variant: "))
	written := bytes.Clone(code)
	copy(written[at+len("variant: "):], words+" ")
	compiled(t, written)
	return written
}

// tool is these tests without the race detector, under which a module takes most of a minute to compile.
var tool struct {
	sync.Mutex
	path string
	done map[string]bool
}

// The environment that makes the tests' binary compile a module, and do nothing else.
const compileModule, compileInto = "PLUGIN_TEST_COMPILE", "PLUGIN_TEST_CACHE"

// compiled has a module's machine code made by the tool, where the tests run under the race detector. What comes of it
// is no matter: what is not in the cache the test compiles.
func compiled(tb testing.TB, code []byte) {
	tb.Helper()
	if !raced {
		return
	}
	tool.Lock()
	defer tool.Unlock()
	if tool.path == "" {
		tool.path, tool.done = filepath.Join(workDir, "tool"), map[string]bool{}
		output, err := exec.CommandContext(tb.Context(), "go", "test", "-c", "-o", tool.path,
			"payrouter/host/plugin").CombinedOutput()
		require.NoError(tb, err, "%s", output)
	}
	if digest := digestOf(code); !tool.done[digest] {
		tool.done[digest] = true
		path := filepath.Join(tb.TempDir(), "module.wasm")
		require.NoError(tb, os.WriteFile(path, code, 0o600))
		command := exec.CommandContext(tb.Context(), tool.path)
		command.Env = append(os.Environ(), compileModule+"="+path, compileInto+"="+filepath.Join(workDir, "cache"))
		_ = command.Run()
	}
}

// compileOnly is what the tool does.
func compileOnly(path string) error {
	code, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	compiler, err := wasm.New(os.Getenv(compileInto), wasm.Options{})
	if err != nil {
		return err
	}
	module, err := compiler.Compile(context.Background(), code, wasm.Limits{})
	if err != nil {
		return err
	}
	return errors.Join(module.Close(context.Background()), compiler.Close(context.Background()))
}

// configuration is one that a test makes of functions; nil ones agree.
type configuration struct {
	adopt  func(context.Context, plugin.ActiveSet) error
	pinned func(name, digest string) bool
	policy func(name string) plugin.Policy
}

func (c configuration) Adopt(ctx context.Context, active plugin.ActiveSet) error {
	if c.adopt == nil {
		return nil
	}
	return c.adopt(ctx, active)
}

func (c configuration) Pinned(name, digest string) bool {
	return c.pinned == nil || c.pinned(name, digest)
}

func (c configuration) Policy(name string) plugin.Policy {
	if c.policy == nil {
		return plugin.Policy{}
	}
	return c.policy(name)
}

func newBoundRegistry(tb testing.TB, settings plugin.Settings, c configuration) *plugin.Registry {
	tb.Helper()
	registry := newRegistry(tb, settings)
	registry.Bind(c)
	return registry
}

// newRegistry makes a registry of the test's own. It keeps one former generation and a hundred recordings, unless the
// settings say otherwise.
func newRegistry(tb testing.TB, settings plugin.Settings) *plugin.Registry {
	tb.Helper()
	settings.Keep, settings.Record = cmp.Or(settings.Keep, 1), cmp.Or(settings.Record, 100)
	compiler, err := wasm.New(filepath.Join(workDir, "cache"), wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	registry := plugin.NewRegistry(compiler, settings)
	tb.Cleanup(func() {
		require.NoError(tb, registry.Close(context.Background()))
		require.NoError(tb, compiler.Close(context.Background()))
	})
	return registry
}

func loaded(t *testing.T, limits wasm.Limits) *plugin.Generation {
	t.Helper()
	return install(t, newRegistry(t, plugin.Settings{Limits: limits}), module(t, ""))
}

// install makes a module serve, with or without recorded flows, of whichever version, and gives its generation.
func install(tb testing.TB, registry *plugin.Registry, code []byte) *plugin.Generation {
	tb.Helper()
	report, err := registry.Install(tb.Context(), plugin.Candidate{
		Code: code, Source: "test", Allow: []plugin.Allowance{plugin.AllowUnproven, plugin.AllowOlder},
	})
	require.NoError(tb, err)
	generation, found := registry.Current(report.Name)
	require.True(tb, found)
	require.Equal(tb, report.Digest, generation.Digest())
	return generation
}

// waiting is how long a test waits for what another goroutine does, looking every tick.
const (
	waiting = 2 * time.Minute
	tick    = 5 * time.Millisecond
)

func digestOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}
