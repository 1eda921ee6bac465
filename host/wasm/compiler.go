// Package wasm runs plugins' WebAssembly inside bounds of CPU, memory and stack.
//
// A module is parsed and checked against the contract (Inspect), rewritten so that it pays fuel for what it does,
// compiled to machine code (Compiler.Compile), and then called through a pool of instances (Module.Call). The package
// carries bytes; what they mean is its callers' business.
//
// Fuel, and not a deadline, ends a runaway call: a deadline would make compiled code look at it at every loop's head,
// which costs several times what honest calls take, and would make the same call end differently on a busy machine.
// While a call runs its machine code cannot be interrupted, not even by the garbage collector, so the fuel of one call
// also bounds the longest pause that a hostile plugin can cause.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Options are a compiler's. The zero value is fine.
type Options struct {
	// Logger gets a warning where machine code cannot be made, which costs a factor of forty. nil means slog.Default.
	Logger *slog.Logger
	// Unmetered leaves the fuel out, to measure what it costs. A guest can then hold a CPU for ever.
	Unmetered bool
	// Running is how many guests run at once, all modules together. 0 means one fewer than GOMAXPROCS, and 1 at least:
	// what is not a plugin has a CPU left, but while a brief call runs on it beside a long one.
	Running int
	// Memory is how many bytes the memories of all guests may have together, each of those that serve a call counted
	// with the most that its limits allow. Calls beyond wait, and end with ErrBusy. Default 1 GiB.
	Memory int64
}

// Compiler turns modules into machine code, which it keeps in a directory for the next start. Any number of goroutines
// may use it at once. Its maker closes it, after all its modules.
type Compiler struct {
	cache   wazero.CompilationCache
	metered meteredFiles
	options Options
	gate    *gate
	budget  *budget

	mu     sync.Mutex
	closed bool
	open   int // modules and compilations under way
	busy   map[string]*compilation
}

// compilation lets one compilation of the same bytes run at a time: the next ones find its result in the cache.
type compilation struct {
	taken   chan struct{}
	waiting int
}

// New makes a compiler that keeps machine code in a directory, which is made where it is missing. The code there is
// run without a further look, so a directory that anybody else may write is refused. An empty name keeps it in memory.
func New(dir string, options Options) (*Compiler, error) {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if !compiles(runtime.GOARCH) {
		options.Logger.Warn("plugins are interpreted on this platform, about 40 times slower than compiled",
			slog.String("os", runtime.GOOS), slog.String("arch", runtime.GOARCH))
	}
	versioned()
	if options.Running <= 0 {
		options.Running = max(1, runtime.GOMAXPROCS(0)-1)
	}
	c := &Compiler{
		options: options, gate: newGate(options.Running), budget: newBudget(options.Memory),
		busy: make(map[string]*compilation),
	}
	if dir == "" {
		c.cache = wazero.NewCompilationCache()
		return c, nil
	}
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("cache of compiled plugins: %w", err)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cache of compiled plugins: %w", err)
	}
	c.cache = cache
	if build := buildID(); build != "" && !options.Unmetered {
		c.metered = meteredFiles{dir: filepath.Join(dir, "metered"), build: build}
	}
	return c, nil
}

// versioned has wazero look up its own version, which it otherwise does on first use and remembers without a lock.
//
//nolint:gochecknoglobals // that version is global
var versioned = sync.OnceFunc(func() { _ = wazero.NewRuntime(context.Background()).Close(context.Background()) })

// compiles reports the platforms that machine code is made for.
func compiles(arch string) bool { return arch == "amd64" || arch == "arm64" }

// private makes a directory that only its owner may write, or sees that there is one, and the same of what is in it.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	paths := []string{dir}
	for _, entry := range entries {
		paths = append(paths, filepath.Join(dir, entry.Name()))
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("%s may be written by others (mode %04o): chmod 0700", path, info.Mode().Perm())
		}
	}
	return nil
}

// Compile checks, meters and compiles a module, and brings up its first instance. A module that is not taken gives a
// *RefusedError, or several joined. The code is not kept.
func (c *Compiler) Compile(ctx context.Context, code []byte, limits Limits) (*Module, error) {
	if err := limits.validate(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	limits = limits.withDefaults()
	if most := int64(limits.MemoryPages) * PageSize; most > c.budget.most {
		return nil, fmt.Errorf("compile module: one guest may have %d bytes of memory, all together %d", most,
			c.budget.most)
	}
	if err := c.enter(); err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	m, err := c.compile(ctx, code, limits)
	if err != nil {
		c.leave()
		return nil, err
	}
	return m, nil
}

func (c *Compiler) compile(ctx context.Context, code []byte, limits Limits) (*Module, error) {
	if len(code) > limits.Code {
		return nil, &RefusedError{
			Reason: ErrTooLarge,
			What:   fmt.Sprintf("%d bytes, at most %d", len(code), limits.Code),
		}
	}
	name := digest(code)
	made, err := c.prepare(name, code, limits)
	if err != nil {
		return nil, err
	}
	done, err := c.turn(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("compile module: %w", err)
	}
	defer done()
	m := &Module{digest: name, limits: limits, compiler: c, globals: made.globals}
	if err := m.build(ctx, c.cache, made.code); err != nil {
		return nil, err
	}
	return m, nil
}

// prepare checks a module and returns the bytes to compile, and the exports of the globals that an image has.
func (c *Compiler) prepare(name string, code []byte, limits Limits) (made rewritten, err error) {
	p, err := decode(code)
	if err != nil {
		return rewritten{}, err
	}
	if err := p.verify(); err != nil {
		return rewritten{}, err
	}
	if p.memories[0].least > limits.MemoryPages {
		return rewritten{}, &RefusedError{
			Reason: ErrTooLarge,
			What:   fmt.Sprintf("memory of %d pages, at most %d", p.memories[0].least, limits.MemoryPages),
		}
	}
	if kept, found := c.metered.read(name); found {
		return kept, nil
	}
	if made.code, made.globals, err = meter(p, !c.options.Unmetered); err != nil {
		return rewritten{}, err
	}
	if err := c.metered.keep(name, made); err != nil {
		c.options.Logger.Warn("keep a rewritten module: the next start rewrites what is not there",
			slog.String("digest", name), slog.Any("error", err))
	}
	return made, nil
}

// build makes the runtime, the machine code and the first instance. Each module has a runtime of its own, so that
// closing one leaves nothing behind; they share the cache.
func (m *Module) build(ctx context.Context, cache wazero.CompilationCache, metered []byte) (err error) {
	config := wazero.NewRuntimeConfig().
		WithCompilationCache(cache).
		WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).
		WithMemoryLimitPages(m.limits.MemoryPages).
		WithDebugInfoEnabled(false)
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	defer func() {
		if err != nil {
			err = errors.Join(err, m.runtime.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := instantiateWASI(ctx, m.runtime); err != nil {
		return fmt.Errorf("offer the host's functions: %w", err)
	}
	m.code, err = compile(ctx, m.runtime, metered)
	if err != nil {
		return err
	}
	m.share.most = m.limits.Instances
	m.pool = newPool(&m.limits, m.compiler.budget, m.start)
	if err := m.warm(ctx); err != nil {
		m.compiler.budget.remove(m.pool)
		return errors.Join(err, m.code.Close(ctx))
	}
	return nil
}

// warm brings up the first instance, in turn with the guests that run.
func (m *Module) warm(ctx context.Context) error {
	admitted, err := m.compiler.gate.enter(ctx, m.pool.over, &m.share, false)
	if err != nil {
		return fmt.Errorf("start module: %w", err)
	}
	watch := newStopwatch()
	first, _, err := m.pool.acquire(ctx)
	if err == nil && m.globals != nil && !first.exercise() {
		first, _, err = m.pool.replace(first)
	}
	m.compiler.gate.leave(&m.share, admitted, watch.stop())
	if err != nil {
		return &RefusedError{Reason: ErrStart, Err: err}
	}
	if m.globals != nil {
		m.started, m.image = m.Stats().Made, first.picture()
	}
	m.pool.keep(first)
	return nil
}

// compile makes machine code. The compiler below panics on some failures, as when no memory can be mapped.
func compile(ctx context.Context, r wazero.Runtime, metered []byte) (code wazero.CompiledModule, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("compile module: the compiler panicked: %v", cause)
		}
	}()
	const workers = 2 // on one CPU too: one worker alone would not look at the context
	code, err = r.CompileModule(experimental.WithCompilationWorkers(ctx, workers), metered)
	if err == nil {
		return code, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile module: %w", context.Cause(ctx))
	}
	return nil, &RefusedError{Reason: ErrMalformed, What: "not valid", Err: err}
}

// turn waits until no other compilation of the same bytes is under way. done lets the next one run.
func (c *Compiler) turn(ctx context.Context, name string) (done func(), err error) {
	c.mu.Lock()
	t := c.busy[name]
	if t == nil {
		t = &compilation{taken: make(chan struct{}, 1)}
		c.busy[name] = t
	}
	t.waiting++
	c.mu.Unlock()
	forget := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(c.busy, name)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
}

func (c *Compiler) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.open++
	return nil
}

func (c *Compiler) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// Running is Options.Running, defaults filled in.
func (c *Compiler) Running() int { return c.options.Running }

// Close frees the cache's memory; the directory stays. It fails, and may be called again, while a module is open:
// machine code must outlive the modules that run it.
func (c *Compiler) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if c.open > 0 {
		return fmt.Errorf("close compiler: %d modules still open", c.open)
	}
	c.closed = true
	return c.cache.Close(ctx)
}
