package plugin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

// What is active after any sequence of acts is what the last successful one named, over restarts and crashes too; and
// a digest that was refused is not active before an act allowed all that it needs, or went back to it by a rollback.
func TestWhatIsActiveIsWhatTheLastActNamed(t *testing.T) {
	t.Parallel()
	modules := map[string][]byte{"base": module(t, "")}
	for _, words := range []string{
		"place=/v2/buy", "host=collect.example.net", "secret=key", "outcome=failed", "version=2.0.0",
		"version=3.0.0 host=collect.example.net place=/v2/buy",
	} {
		modules[words] = variant(t, words)
	}
	rapid.Check(t, func(r *rapid.T) {
		g := &gate{T: r, modules: modules, dir: t.TempDir(), kept: t.TempDir(), needs: map[string][]plugin.Allowance{}}
		g.file(r)
		g.start()
		defer func() { g.stop() }()
		acts := []func(*rapid.T){
			g.upload, g.upload, g.upload, g.file, func(*rapid.T) { g.admit() }, g.rollback, g.drain,
			func(*rapid.T) { g.stop(); g.start() }, g.kill, g.pay, g.pay, g.promote, g.abort,
		}
		for range rapid.IntRange(1, 8).Draw(r, "acts") {
			acts[rapid.IntRange(0, len(acts)-1).Draw(r, "act")](r)
			g.check()
		}
	})
}

// gate is a router's plugins with a model of them: which digest is active, and what is needed of those that were
// refused.
type gate struct {
	*rapid.T
	modules   map[string][]byte
	dir, kept string
	registry  *plugin.Registry
	compiler  *wasm.Compiler
	// during is called while a change is made, before it takes effect.
	during func()

	active, canary, folder string
	// decided: there is a decision on the plugin.
	decided bool
	needs   map[string][]plugin.Allowance
}

func (g *gate) words(r *rapid.T) string {
	names := make([]string, 0, len(g.modules))
	for name := range g.modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return rapid.SampledFrom(names).Draw(r, "module")
}

func (g *gate) start() {
	var err error
	g.compiler, err = wasm.New(filepath.Join(workDir, "cache"), wasm.Options{})
	require.NoError(g, err)
	g.registry = plugin.NewRegistry(g.compiler, plugin.Settings{Keep: 2, Record: 5, Dir: g.kept})
	require.NotErrorIs(g, g.registry.LoadDir(context.Background(), g.dir), plugin.ErrNoModules)
	if !g.decided {
		g.took(g.onDisk())
	}
	g.canary = ""
	g.check()
	g.during = func() {}
	g.registry.Bind(configuration{adopt: func(context.Context, plugin.ActiveSet) error { g.during(); return nil }})
	g.admit()
}

func (g *gate) stop() {
	require.NoError(g, g.registry.Close(context.Background()))
	require.NoError(g, g.compiler.Close(context.Background()))
}

func (g *gate) now() string {
	active, found := g.registry.Current("hostile")
	if !found {
		return ""
	}
	return active.Digest()
}

func (g *gate) check() { require.Equal(g, g.active, g.now()) }

// took notes that a digest became active from the folder.
func (g *gate) took(digest string) {
	require.Empty(g, g.needs[digest], "a file allows nothing")
	g.active, g.folder, g.canary, g.decided = digest, digest, "", true
}

func (g *gate) onDisk() string {
	code, err := os.ReadFile(filepath.Join(g.dir, "hostile.wasm"))
	require.NoError(g, err)
	return digestOf(code)
}

// refused notes what an error needs. That nothing was recorded yet is no verdict on the module.
func (g *gate) refused(digest string, err error) {
	if errors.Is(err, plugin.ErrUnproven) {
		return
	}
	if refused, ok := errors.AsType[*plugin.RefusedError](err); ok && len(refused.Needs) > 0 {
		g.needs[digest] = append(g.needs[digest], refused.Needs...)
	}
}

func (g *gate) candidate(r *rapid.T) plugin.Candidate {
	c := plugin.Candidate{Code: g.modules[g.words(r)], Source: "upload by ops"}
	if rapid.IntRange(0, 3).Draw(r, "as a canary") == 0 {
		c.Canary = 50
	}
	for _, allowance := range plugin.Allowances() {
		if rapid.Bool().Draw(r, "allow "+string(allowance)) {
			c.Allow = append(c.Allow, allowance)
		}
	}
	return c
}

func (g *gate) upload(r *rapid.T) {
	c := g.candidate(r)
	digest := digestOf(c.Code)
	report, err := g.registry.Install(context.Background(), c)
	switch {
	case err != nil:
		g.refused(digest, err)
		return
	case report.Unchanged:
		return
	}
	for _, need := range g.needs[digest] {
		require.Contains(g, c.Allow, need, "it was refused for that")
	}
	if c.Canary > 0 {
		g.canary = digest
		return
	}
	g.active, g.canary, g.decided = digest, "", true
	delete(g.needs, digest)
}

func (g *gate) file(r *rapid.T) {
	path := filepath.Join(g.dir, "hostile.wasm")
	require.NoError(g, os.WriteFile(path+".new", g.modules[g.words(r)], 0o600))
	require.NoError(g, os.Rename(path+".new", path))
}

// admit looks at the folder once, as the start and the watch do.
func (g *gate) admit() {
	digest := g.onDisk()
	var failed error
	g.registry.Admit(context.Background(), g.dir, plugin.WatchSettings{
		Installed: func(_ context.Context, _ string, _ plugin.Report, err error) { failed = err },
	})
	g.refused(digest, failed)
	switch {
	case failed == nil && digest == g.active:
		g.folder = digest
	case failed == nil && digest != g.folder && g.now() == digest:
		g.took(digest)
	}
	g.check()
}

func (g *gate) rollback(*rapid.T) {
	if g.registry.Rollback(context.Background(), "hostile", "", "ops") == nil {
		require.NotEqual(g, g.active, g.now())
		g.active = g.now()
		delete(g.needs, g.active)
	}
}

func (g *gate) drain(*rapid.T) {
	if g.active != "" && g.registry.Drain(context.Background(), "hostile", g.active, "ops") == nil {
		g.active, g.canary = "", ""
	}
}

func (g *gate) promote(*rapid.T) {
	if g.registry.Promote(context.Background(), "hostile", "ops") == nil {
		g.active, g.canary = g.canary, ""
		delete(g.needs, g.active)
	}
}

func (g *gate) abort(*rapid.T) {
	if g.registry.Abort(context.Background(), "hostile", "ops") == nil {
		g.canary = ""
	}
}

func (g *gate) pay(*rapid.T) {
	active, found := g.registry.Current("hostile")
	if !found {
		return
	}
	flow := active.Begin(&abi.Call{Operation: "buy", Seed: make([]byte, 32), Payment: &abi.Payment{
		Id: "pay_1", Amount: "49.90", Currency: "EUR",
	}})
	step, _, err := flow.Prepare(context.Background())
	require.NoError(g, err)
	_, _, err = flow.Interpret(context.Background(), step.GetSend().GetState(),
		&abi.HttpResponse{Status: 200, Body: []byte("ord-1")})
	require.NoError(g, err)
}

// kill ends the router in the middle of an upload, before it takes effect: what the disk has then is what the next one
// starts with.
func (g *gate) kill(r *rapid.T) {
	c := g.candidate(r)
	then := ""
	g.during = func() {
		then = filepath.Join(g.dir, "..", filepath.Base(g.kept)+"-then")
		require.NoError(g, os.RemoveAll(then))
		require.NoError(g, os.CopyFS(then, os.DirFS(g.kept)))
	}
	_, err := g.registry.Install(context.Background(), c)
	if err != nil {
		g.refused(digestOf(c.Code), err)
	}
	g.stop()
	if then != "" {
		require.NoError(g, os.RemoveAll(g.kept))
		require.NoError(g, os.Rename(then, g.kept))
	}
	g.start()
}
