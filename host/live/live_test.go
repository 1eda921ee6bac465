package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/plugin"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite/sqlitetest"
	"payrouter/host/wasm"
)

// built is the modules that the tests run, and their machine code, made once.
var built struct {
	dir  string
	once sync.Once
	err  error
}

// compileIn names the folder of modules that this binary compiles, instead of running tests.
const compileIn = "LIVE_TEST_COMPILE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(compileIn); dir != "" {
		if err := compile(dir); err != nil {
			panic(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "live-test-")
	if err != nil {
		panic(err)
	}
	built.dir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// module is a shipped plugin's.
func module(t *testing.T, name string) []byte {
	t.Helper()
	built.once.Do(func() { built.err = prepare("paygram", "cryptogram") })
	require.NoError(t, built.err)
	code, err := os.ReadFile(filepath.Join(built.dir, name+".wasm"))
	require.NoError(t, err)
	return code
}

// prepare builds plugins, and has them compiled by these tests without the race detector, under which that takes most
// of a minute. It is these tests because machine code is for binaries of the same kind: wazero tells its version apart
// by what is linked.
func prepare(names ...string) error {
	tool := filepath.Join(built.dir, "tool")
	if out, err := exec.Command("go", "test", "-c", "-o", tool, "payrouter/host/live").CombinedOutput(); err != nil {
		return fmt.Errorf("build the tool: %w\n%s", err, out)
	}
	for _, name := range names {
		file := filepath.Join(built.dir, name+".wasm")
		guest := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w -buildid=", "-o",
			file, "payrouter/plugins/"+name)
		guest.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if out, err := guest.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	compile := exec.Command(tool)
	compile.Env = append(os.Environ(), compileIn+"="+built.dir)
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the plugins: %w\n%s", err, out)
	}
	return nil
}

// compile makes the machine code of a folder's modules.
func compile(dir string) error {
	compiler, err := wasm.New(filepath.Join(dir, "compiled"), wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	registry := plugin.NewRegistry(compiler, plugin.Settings{})
	return errors.Join(registry.LoadDir(context.Background(), dir), registry.Close(context.Background()),
		compiler.Close(context.Background()))
}

// compiler has the shipped plugins' machine code.
func compiler(t *testing.T) *wasm.Compiler {
	t.Helper()
	module(t, "paygram") // makes the machine code
	made, err := wasm.New(filepath.Join(built.dir, "compiled"), wasm.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.Close(context.Background())) })
	return made
}

func registryOf(t *testing.T, names ...string) *plugin.Registry {
	t.Helper()
	return registryIn(t, compiler(t), "", names...)
}

// registryIn is a registry that keeps its plugins in a folder; empty keeps them nowhere.
func registryIn(t *testing.T, compiler *wasm.Compiler, kept string, names ...string) *plugin.Registry {
	t.Helper()
	registry := plugin.NewRegistry(compiler, plugin.Settings{Dir: kept})
	t.Cleanup(func() { require.NoError(t, registry.Close(context.Background())) })
	dir := t.TempDir()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), module(t, name), 0o600))
	}
	require.NoError(t, registry.LoadDir(t.Context(), dir))
	return registry
}

// restarted is a registry with plugins of before its start, none of which is compiled, and the folder of their modules.
func restarted(t *testing.T, names ...string) (registry *plugin.Registry, kept string) {
	t.Helper()
	kept = t.TempDir()
	require.NoError(t, registryIn(t, compiler(t), kept, names...).Close(t.Context()))
	registry = registryIn(t, compiler(t), kept)
	for _, name := range names {
		require.False(t, isLoaded(t, registry, name))
	}
	return registry, kept
}

func isLoaded(t *testing.T, registry *plugin.Registry, name string) bool {
	t.Helper()
	generation, found := registry.Current(name)
	require.True(t, found)
	return generation.Loaded()
}

const token = "made-up-token-0123456789"

// harness is a manager over a file, and what it needs.
type harness struct {
	t        *testing.T
	manager  *live.Manager
	engine   *paymenttest.Stack
	registry *plugin.Registry
	dir      string
	file     string
	provider string
}

// plan is what a harness is built with; the zero value has one account and one rule.
type plan struct {
	text string
	// link, where it is set, is made in place of the file.
	link      func(t *testing.T, dir, text string) (file string)
	settings  live.Settings
	unwatched bool
	beside    *harness
	// registry has the plugins; nil makes one with paygram.
	registry *plugin.Registry
}

// one is a configuration with one account and a rule of a name.
func (h *harness) routing(rule string, more ...string) string {
	return fmt.Sprintf(`providers:
  paygram-eu:
    plugin: paygram
    base_url: %s
    allow_private: true
    secrets: {token: env:TOKEN}
    settings: {user_cli_id: shop}
%srules:
  - {name: %s, to: [paygram-eu]}
`, h.provider, strings.Join(more, ""), rule)
}

func newHarness(t *testing.T, with plan) *harness {
	t.Helper()
	h, err := try(t, with)
	require.NoError(t, err)
	return h
}

func try(t *testing.T, with plan) (*harness, error) {
	t.Helper()
	h := &harness{t: t, dir: t.TempDir(), registry: with.registry}
	if h.registry == nil {
		h.registry = registryOf(t, "paygram")
	}
	if with.beside != nil {
		h.dir, h.provider = with.beside.dir, with.beside.provider
	} else {
		providers, err := sandbox.New(sandbox.Options{})
		require.NoError(t, err)
		site := httptest.NewServer(providers.Handler())
		t.Cleanup(func() { providers.Close(); site.Close() })
		h.provider = site.URL + "/" + sandbox.PayGram
	}
	h.file = filepath.Join(h.dir, "routing.yaml")
	if with.text == "" {
		with.text = h.routing("first")
	}
	switch {
	case with.link != nil:
		h.file = with.link(t, h.dir, with.text)
	case with.beside == nil:
		h.write(with.text)
	}
	s := with.settings
	s.File, s.History = h.file, filepath.Join(h.dir, "history")
	s.Environ = append(s.Environ, "TOKEN="+sandbox.DefaultCredentials().PayGramEU)
	manager, err := live.Open(s, h.registry.ActiveSet())
	if err != nil {
		return nil, err
	}
	h.manager = manager
	t.Cleanup(manager.Close)
	db := sqlitetest.Open(t)
	h.engine = paymenttest.New(db, manager.Fleet(), paymenttest.Settings{})
	t.Cleanup(func() { require.NoError(t, h.engine.Shutdown(context.Background())) })
	manager.Bind(h.engine)
	if !with.unwatched {
		h.watch()
	}
	return h, nil
}

// watch has the manager watch until the test's end.
func (h *harness) watch() {
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { h.manager.Run(ctx) })
	h.t.Cleanup(func() {
		stop()
		watching.Wait()
	})
}

func (h *harness) write(text string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(h.file, []byte(text), 0o600))
}

// serves waits for a rule to be the one that decides, and tells how long that took.
func (h *harness) serves(rule string) time.Duration {
	h.t.Helper()
	began := time.Now()
	require.Eventually(h.t, func() bool { return h.rule() == rule }, time.Minute, 5*time.Millisecond, "%+v",
		h.manager.Status())
	return time.Since(began)
}

func (h *harness) rule() string {
	return h.engine.Explain("shop", "pay_1", order()).Rule
}

// pending waits for problems to be shown.
func (h *harness) pending(part string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		pending := h.manager.Status().Pending
		return pending != nil && strings.Contains((&live.InvalidError{Problems: pending.Problems}).Error(), part)
	}, 10*time.Second, 5*time.Millisecond, part)
}

func order() payment.Order {
	return payment.Order{
		Kind: payment.Collect, Amount: "49.90", Currency: "EUR", Country: "DE",
		ReturnURL: "https://shop.example/thanks",
	}
}

func (h *harness) tag() live.Match {
	return live.Match{Tags: []string{h.manager.Status().Active.Tag()}}
}
