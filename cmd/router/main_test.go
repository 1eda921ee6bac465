package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// built is where the test binary keeps what all its routers share: plugins, and their machine code.
var built = struct {
	dir  string
	once sync.Once
	err  error
}{}

func TestMain(m *testing.M) {
	testscript.Main(checkedRun{m}, map[string]func(){"router": func() { os.Exit(run()) }})
}

// checkedRun runs the tests, tidies up, and fails where a goroutine is left.
type checkedRun struct{ tests *testing.M }

func (c checkedRun) Run() int {
	dir, err := os.MkdirTemp("", "router-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built.dir = dir
	code := c.tests.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return code
}

// plugins is a folder of the five plugins, built as they are shipped; compiled is where their machine code goes.
func plugins(t *testing.T) (dir, compiled string) {
	t.Helper()
	dir, compiled = filepath.Join(built.dir, "plugins"), filepath.Join(built.dir, "compiled")
	built.once.Do(func() { built.err = prepare(dir, compiled) })
	require.NoError(t, built.err)
	return dir, compiled
}

// prepare builds the plugins and compiles them, once for everybody: not each test its own at the same time. The router
// that compiles them is built as it ships: under the race detector compiling takes minutes.
func prepare(dir, compiled string) error {
	for _, name := range []string{"paygram", "cryptogram", "payplay", "exchanger", "paygrt"} {
		guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w -buildid=",
			"-o", filepath.Join(dir, name+".wasm"), "payrouter/plugins/"+name)
		guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if err := succeed(guest); err != nil {
			return err
		}
	}
	router := filepath.Join(built.dir, "router")
	if err := succeed(exec.Command("go", "build", "-o", router, "payrouter/cmd/router")); err != nil {
		return err
	}
	return succeed(exec.Command(router, "route", "check", "--plugins", dir, "--compiled", compiled,
		"../../routing.yaml"))
}

func succeed(command *exec.Cmd) error {
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}
