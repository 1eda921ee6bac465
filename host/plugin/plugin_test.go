package plugin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
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
	return written
}

// newShelf makes a shelf of the test's own.
func newShelf(tb testing.TB, settings plugin.Settings) *plugin.Shelf {
	tb.Helper()
	compiler, err := wasm.New(filepath.Join(workDir, "cache"), wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	shelf := plugin.NewShelf(compiler, settings)
	tb.Cleanup(func() {
		require.NoError(tb, shelf.Close(context.Background()))
		require.NoError(tb, compiler.Close(context.Background()))
	})
	return shelf
}

func loaded(t *testing.T, limits wasm.Limits) *plugin.Generation {
	t.Helper()
	return install(t, newShelf(t, plugin.Settings{Limits: limits}), module(t, ""))
}

// install makes a module serve, and gives its generation.
func install(tb testing.TB, shelf *plugin.Shelf, code []byte) *plugin.Generation {
	tb.Helper()
	report, err := shelf.Install(tb.Context(), plugin.Candidate{Code: code, Source: "test"})
	require.NoError(tb, err)
	generation, found := shelf.Current(report.Name)
	require.True(tb, found)
	require.Equal(tb, report.Digest, generation.Digest())
	return generation
}

// waiting is how long a test waits for what another goroutine does, looking every tick.
const (
	waiting = 20 * time.Second
	tick    = 2 * time.Millisecond
)

func digestOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}
